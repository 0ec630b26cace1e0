"""The question "may this request do that?", asked of views, of async views, and again of streams."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.timezone import now

from tenancy import access, members, service_keys, tenants, tokens
from tenancy.access import actor_of, may_still, permission_required
from tenancy.actors import SYSTEM, Actor
from tenancy.errors import NotSignedIn, PermissionMissing
from tenancy.models import Membership, Tenant
from tenancy.permissions import Permission, Role
from tests import event_loop, factories

VIEW = Permission.RUN_VIEW


def request_with(path: str = "/runs/", **found: Any) -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = SimpleNamespace(is_authenticated=found.pop("signed_in", True))  # type: ignore[assignment]
    for name, value in found.items():
        setattr(request, name, value)
    return request


@permission_required(VIEW)
async def follow(request: HttpRequest) -> HttpResponse:
    return HttpResponse("followed")


def test_async_view_is_held_to_its_permission() -> None:
    allowed = request_with(permissions=frozenset({VIEW}), actor=SYSTEM)
    refused = request_with(permissions=frozenset(), actor=SYSTEM)
    nobody = request_with(signed_in=False)

    assert event_loop.run(follow(allowed)).content == b"followed"
    assert event_loop.run(follow(nobody)).status_code == 302
    with pytest.raises(PermissionMissing):
        event_loop.run(follow(refused))
    assert follow.required_permission == VIEW  # type: ignore[attr-defined]


def test_nobody_is_told_to_sign_in_and_not_redirected_by_the_api() -> None:
    with pytest.raises(NotSignedIn):
        event_loop.run(follow(request_with("/api/v1/runs", signed_in=False)))


def test_without_a_membership_nothing_is_there() -> None:
    with pytest.raises(Http404):
        access.check(request_with(permissions=frozenset(), actor=None), VIEW)


def test_no_actor_no_change() -> None:
    with pytest.raises(NotSignedIn):
        actor_of(request_with())


@pytest.fixture
def bob(in_acme: Tenant) -> Membership:
    return factories.make_member(tenant=in_acme)


def request_of(membership: Membership, **more: Any) -> HttpRequest:
    found = {"membership": membership, "permissions": membership.permissions} | more
    return request_with(**found)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_goes_on_while_everything_holds(bob: Membership) -> None:
    assert may_still(request_of(bob), VIEW)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_ends_with_the_membership(bob: Membership) -> None:
    request = request_of(bob)

    members.remove(membership=Membership.objects.get(pk=bob.pk), by=SYSTEM)

    assert not may_still(request, VIEW)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_ends_with_the_role(bob: Membership) -> None:
    request = request_of(bob)

    members.change_role(membership=Membership.objects.get(pk=bob.pk), role=Role.REVIEWER, by=SYSTEM)

    assert may_still(request, VIEW)
    assert not may_still(request, Permission.RUN_START)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_ends_with_the_token(bob: Membership) -> None:
    made = tokens.create(
        membership=bob,
        name="stream",
        scopes=[VIEW.value],
        expires_at=now() + timedelta(days=1),
        within=bob.permissions,
        by=Actor.of_user(bob.user),
    )
    request = request_of(bob, token=made.token, permissions=made.token.permissions)
    assert may_still(request, VIEW)

    tokens.revoke(token=made.token, by=SYSTEM)

    assert not may_still(request, VIEW)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_ends_with_the_service_key(in_acme: Tenant) -> None:
    key = service_keys.create(name="s", public_key=b"\x01" * 32, scopes=[VIEW.value], by=SYSTEM)
    request = request_with(service_key=key, permissions=key.permissions)
    assert may_still(request, VIEW)

    service_keys.revoke(key=key, by=SYSTEM)

    assert not may_still(request, VIEW)


@pytest.mark.django_db(databases=["default", "keys"])
def test_stream_ends_with_the_tenant(in_acme: Tenant, bob: Membership) -> None:
    tenants.suspend(tenant=in_acme, by=SYSTEM)

    assert not may_still(request_of(bob), VIEW)
