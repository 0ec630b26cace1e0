"""API tokens: shown once, pinned to tenant and member, never more than the role."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from tenancy import members, tokens
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.errors import ExpiryInvalid, ScopeTooWide, TokenInvalid
from tenancy.models import ApiToken, LedgerEntry, Membership, Tenant
from tenancy.permissions import MATRIX, Permission, Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def make_token(membership: Membership, **changes: Any) -> tokens.NewToken:
    wanted: dict[str, Any] = {
        "membership": membership,
        "name": "nightly",
        "scopes": ["run.view"],
        "expires_at": now() + timedelta(days=1),
        "within": membership.permissions,
        "by": Actor.of_user(membership.user),
    }
    with tenant_context(membership.tenant):
        return tokens.create(**wanted | changes)


def call(tenant: Tenant, text: str, path: str = "/api/v1/tenant", **more: Any) -> Any:
    client = Client(headers={"host": f"{tenant.slug}.localhost"})
    return client.get(path, headers={"authorization": f"Bearer {text}"}, **more)


def test_token_is_kept_as_a_digest_and_recorded(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme))

    secret = made.text.split("_", 2)[2]
    assert made.text.startswith(f"grove_{made.token.prefix}_")
    assert secret not in repr(made)
    assert secret.encode() not in bytes(made.token.secret_digest)
    with tenant_context(acme):
        entry = LedgerEntry.objects.get()
    assert entry.event == "token.created"
    assert secret not in str(entry.facts)


@pytest.mark.parametrize("scopes", [["member.edit"], ["run.view", "secret.edit"], ["nonsense"], []])
def test_token_never_gets_more_than_its_member(acme: Tenant, scopes: list[str]) -> None:
    bob = factories.make_member(tenant=acme)

    with pytest.raises(ScopeTooWide):
        make_token(bob, scopes=scopes)


def test_token_never_hands_on_more_than_the_caller_holds(acme: Tenant) -> None:
    bob = factories.make_member(tenant=acme)

    with pytest.raises(ScopeTooWide):
        make_token(bob, scopes=["run.start"], within=frozenset({Permission.TOKEN_EDIT}))


@pytest.mark.parametrize("days", [-1, 400])
def test_expiry_lies_within_a_year(acme: Tenant, days: int) -> None:
    with pytest.raises(ExpiryInvalid):
        make_token(factories.make_member(tenant=acme), expires_at=now() + timedelta(days=days))


def test_effective_permissions_follow_the_role(acme: Tenant) -> None:
    bob = factories.make_member(tenant=acme)
    made = make_token(bob, scopes=["run.view", "run.start"])

    with tenant_context(acme):
        members.change_role(membership=bob, role=Role.REVIEWER, by=SYSTEM)
        token = tokens.authenticate(f"Bearer {made.text}")

    assert Permission.RUN_START not in MATRIX[Role.REVIEWER]
    assert token.permissions == {Permission.RUN_VIEW}


def test_use_is_noted_at_most_once_a_minute(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme))

    with tenant_context(acme):
        tokens.authenticate(f"Bearer {made.text}")
        first = ApiToken.objects.get().last_used_at
        tokens.authenticate(f"Bearer {made.text}")

        assert first is not None
        assert ApiToken.objects.get().last_used_at == first


def test_revoking_twice_is_recorded_once(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme))

    with tenant_context(acme):
        tokens.revoke(token=made.token, by=SYSTEM)
        tokens.revoke(token=made.token, by=SYSTEM)

        assert LedgerEntry.objects.filter(event="token.revoked").count() == 1
        with pytest.raises(TokenInvalid):
            tokens.authenticate(f"Bearer {made.text}")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic grove_a_b", "Bearer grove__", "Bearer grove_abc_def"],
)
def test_malformed_and_unknown_tokens_are_refused_alike(acme: Tenant, header: str) -> None:
    with tenant_context(acme), pytest.raises(TokenInvalid):
        tokens.authenticate(header)


def test_token_opens_the_api(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme), scopes=["tenant.view"])

    response = call(acme, made.text)

    assert response.status_code == 200
    assert response.json()["slug"] == acme.slug


def test_scope_that_is_missing_is_refused_and_recorded(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme), scopes=["run.view"])

    response = call(acme, made.text)

    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "permission_missing"
    with tenant_context(acme):
        refused = LedgerEntry.objects.get(event="access.refused")
    assert refused.subject_id == "api-tenancy:tenant"
    assert refused.actor_kind == "token"


def test_token_of_another_tenant_is_as_good_as_none(acme: Tenant, beta: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme))
    invented = "grove_000000000000_" + "x" * 43

    theirs, nobodys = call(beta, made.text), call(beta, invented)

    assert theirs.status_code == nobodys.status_code == 401
    assert without_request_id(theirs) == without_request_id(nobodys)


def test_token_dies_with_its_membership(acme: Tenant) -> None:
    bob = factories.make_member(tenant=acme)
    made = make_token(bob, scopes=["tenant.view"])
    with tenant_context(acme):
        members.remove(membership=bob, by=SYSTEM)

    assert call(acme, made.text).status_code == 401


def test_token_is_not_taken_by_pages(acme: Tenant) -> None:
    made = make_token(factories.make_member(tenant=acme, role=Role.ADMIN), scopes=["member.view"])

    assert call(acme, made.text, "/settings/members/").status_code == 302


def without_request_id(response: Any) -> dict[str, Any]:
    return {name: value for name, value in response.json().items() if name != "request_id"}
