"""The matrix of roles: duties kept apart, reading kept harmless."""

import pytest

from tenancy.permissions import (
    MATRIX,
    READ_ONLY,
    SEPARATED,
    Permission,
    Role,
    permissions_of,
    to_permissions,
)


def test_every_role_has_a_row() -> None:
    assert set(MATRIX) == set(Role)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("one", "other"), SEPARATED)
def test_no_role_holds_two_separated_duties(role: Role, one: Permission, other: Permission) -> None:
    assert not {one, other} <= MATRIX[role]


def test_every_permission_is_held_by_somebody() -> None:
    assert frozenset().union(*MATRIX.values()) == frozenset(Permission)


def test_auditor_only_reads_and_sees_no_payloads() -> None:
    assert MATRIX[Role.AUDITOR] <= READ_ONLY
    assert Permission.PAYLOAD_VIEW not in MATRIX[Role.AUDITOR]


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        (Role.ADMIN, Permission.WORKFLOW_PUBLISH),
        (Role.ADMIN, Permission.DISPOSAL_EXECUTE),
        (Role.ADMIN, Permission.RUN_START),
        (Role.AUTHOR, Permission.WORKFLOW_PUBLISH),
        (Role.REVIEWER, Permission.WORKFLOW_EDIT),
        (Role.OPERATOR, Permission.WORKFLOW_EDIT),
        (Role.COMPLIANCE_OFFICER, Permission.DISPOSAL_EXECUTE),
        (Role.DATA_PROTECTION_OFFICER, Permission.MEMBER_EDIT),
    ],
)
def test_role_lacks(role: Role, refused: Permission) -> None:
    assert refused not in MATRIX[role]


def test_unknown_role_and_unknown_scope_allow_nothing() -> None:
    assert permissions_of("emperor") == frozenset()
    assert to_permissions(["run.view", "everything"]) == {Permission.RUN_VIEW}
