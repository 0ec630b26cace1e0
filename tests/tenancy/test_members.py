"""Members: added, invited, given another role, removed; and always one admin left."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils.timezone import now

from tenancy import members
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import (
    AlreadyMember,
    ExpiryInvalid,
    ExpiryMissing,
    GroveError,
    InvitationInvalid,
    LastAdmin,
    OwnMembership,
)
from tenancy.models import LedgerEntry, Membership, Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def events() -> list[str]:
    return list(LedgerEntry.objects.order_by("id").values_list("event", flat=True))


def test_added_member_is_active_and_recorded_once(in_acme: Tenant) -> None:
    membership = members.add(user=factories.make_user(), role=Role.OPERATOR, by=SYSTEM)

    assert membership.state == "active"
    assert events() == ["member.added"]


def test_same_person_is_not_added_twice(in_acme: Tenant) -> None:
    user = factories.make_user()
    members.add(user=user, role=Role.OPERATOR, by=SYSTEM)

    with pytest.raises(AlreadyMember):
        members.add(user=user, role=Role.AUTHOR, by=SYSTEM)


def test_removed_person_can_be_added_again(in_acme: Tenant) -> None:
    user = factories.make_user()
    members.remove(membership=members.add(user=user, role=Role.OPERATOR, by=SYSTEM), by=SYSTEM)

    again = members.add(user=user, role=Role.AUTHOR, by=SYSTEM)

    assert again.state == "active"
    assert events() == ["member.added", "member.removed", "member.added"]


def test_auditor_needs_an_end_date(in_acme: Tenant) -> None:
    with pytest.raises(ExpiryMissing):
        members.add(user=factories.make_user(), role=Role.AUDITOR, by=SYSTEM)


def test_end_date_must_lie_ahead(in_acme: Tenant) -> None:
    with pytest.raises(ExpiryInvalid):
        members.add(
            user=factories.make_user(),
            role=Role.AUDITOR,
            expires_at=now() - timedelta(days=1),
            by=SYSTEM,
        )


def test_membership_expires_by_itself(in_acme: Tenant) -> None:
    membership = factories.make_member(
        tenant=in_acme, role=Role.AUDITOR, expires_at=now() - timedelta(seconds=1)
    )

    assert membership.state == "expired"
    assert not Membership.objects.living().filter(pk=membership.pk).exists()


def test_change_of_role_is_recorded_with_field_names(in_acme: Tenant) -> None:
    membership = factories.make_member(tenant=in_acme)

    members.change_role(membership=membership, role=Role.AUTHOR, by=SYSTEM)

    entry = LedgerEntry.objects.get()
    assert entry.event == "member.role_changed"
    assert entry.facts["fields"] == ["role"]
    assert (entry.facts["role_before"], entry.facts["role_after"]) == ("operator", "author")


def test_change_to_the_same_role_changes_nothing(in_acme: Tenant) -> None:
    membership = factories.make_member(tenant=in_acme)

    members.change_role(membership=membership, role=Role.OPERATOR, by=SYSTEM)

    assert events() == []


def test_last_admin_stays(in_acme: Tenant) -> None:
    alice = factories.make_member(tenant=in_acme, role=Role.ADMIN)

    with pytest.raises(LastAdmin):
        members.remove(membership=alice, by=SYSTEM)
    with pytest.raises(LastAdmin):
        members.change_role(membership=alice, role=Role.AUTHOR, by=SYSTEM)


def test_nobody_changes_their_own_membership(in_acme: Tenant) -> None:
    alice = factories.make_member(tenant=in_acme, role=Role.ADMIN)
    factories.make_member(tenant=in_acme, role=Role.ADMIN)

    with pytest.raises(OwnMembership):
        members.change_role(membership=alice, role=Role.REVIEWER, by=Actor.of_user(alice.user))


def test_removing_twice_changes_nothing(in_acme: Tenant) -> None:
    membership = factories.make_member(tenant=in_acme)

    members.remove(membership=membership, by=SYSTEM)
    members.remove(membership=membership, by=SYSTEM)

    assert events() == ["member.removed"]


def test_invitation_is_good_once_and_in_its_tenant_only(in_acme: Tenant, beta: Tenant) -> None:
    invited = members.invite(email="new@example.org", name="Nell", role=Role.AUTHOR, by=SYSTEM)
    text = members.invitation_of(invited)

    with tenant_context(beta), pytest.raises(InvitationInvalid):
        members.get_invited(text)
    members.join(membership=members.get_invited(text))

    with pytest.raises(InvitationInvalid):
        members.get_invited(text)
    assert events() == ["member.invited", "member.joined"]


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_two_admins_who_remove_each_other_leave_one(acme: Tenant) -> None:
    pair = [factories.make_member(tenant=acme, role=Role.ADMIN) for _ in range(2)]
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def remove(membership: Membership, by: Membership) -> None:
        start.wait()
        try:
            with tenant_context(acme):
                members.remove(membership=membership, by=Actor.of_user(by.user))
            outcomes.append("removed")
        except GroveError as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=remove, args=(pair[0], pair[1])),
        threading.Thread(target=remove, args=(pair[1], pair[0])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["last_admin", "removed"]
