"""Role x route, generated from the URL map: what a role may not, it may not by any way."""

from typing import Any

import pytest
from django.test import Client

from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import MATRIX, Role
from tests import factories
from tests.architecture.routes import Route, guarded_routes

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

NOWHERE = {
    "UUIDConverter": "00000000-0000-7000-8000-000000000000",
    "SlugConverter": "no-such-thing",
    "StringConverter": "no-such-thing",
    "PathConverter": "no/such/thing",
    "IntConverter": 999_999,
}


def path_to_nowhere(route: Route) -> str:
    return route.path(**{name: NOWHERE[kind] for name, kind in route.parameters.items()})


def status_of(client: Client, method: str, path: str) -> int:
    options: dict[str, Any] = {} if method == "get" else {"content_type": "application/json"}
    if not path.startswith("/api/"):
        options = {}
    response = getattr(client, method)(path, **options)
    status: int = response.status_code
    return status


@pytest.mark.parametrize("role", Role)
def test_role_reaches_exactly_what_the_matrix_says(acme: Tenant, role: Role) -> None:
    user = factories.make_user(name=factories.CAST[role], password="something to change")
    client = factories.make_client(factories.make_member(tenant=acme, role=role, user=user))
    client.raise_request_exception = False
    wrong = []

    for route in guarded_routes():
        path = path_to_nowhere(route)
        for method, permission in route.needs.items():
            status = status_of(client, method, path)
            if status == 405:
                continue
            allowed = permission in MATRIX[role]
            if (status == 403) == allowed or status >= 500:
                wrong.append(f"{method.upper()} {route.name}: {status}, allowed={allowed}")

    assert wrong == []


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMIN])
def test_every_refused_change_is_recorded_once(acme: Tenant, role: Role) -> None:
    user = factories.make_user(name=factories.CAST[role], password="something to change")
    client = factories.make_client(factories.make_member(tenant=acme, role=role, user=user))
    wrong = []

    for route in guarded_routes():
        for method in set(route.needs) - {"get"}:
            before = count_refusals(acme)
            status = status_of(client, method, path_to_nowhere(route))
            recorded = count_refusals(acme) - before
            if recorded != (1 if status >= 400 else 0):
                wrong.append(f"{method.upper()} {route.name}: {status}, recorded {recorded} times")

    assert wrong == []


RETURN_WHAT_WAS_TYPED = {
    "workflows:new",
    "workflows:import",
    "workflows:edit",
    "workflows:edit-yaml",
}


def count_refusals(tenant: Tenant) -> int:
    with tenant_context(tenant):
        return LedgerEntry.objects.filter(event="access.refused").count()


def test_nobody_reaches_nothing_that_is_guarded(acme: Tenant) -> None:
    client = Client(headers={"host": f"{acme.slug}.localhost"})
    wrong = []

    for route in guarded_routes():
        path = path_to_nowhere(route)
        for method in route.needs:
            status = status_of(client, method, path)
            # A page that was typed in gives back what was typed, with the way to sign in.
            typed = method == "post" and route.name in RETURN_WHAT_WAS_TYPED
            expected = (401, 405) if path.startswith("/api/") or typed else (302, 405)
            if status not in expected:
                wrong.append(f"{method.upper()} {route.name}: {status}")

    assert wrong == []
