"""Every URL says which permission it needs, and has a name."""

import pytest

from tenancy.permissions import Permission
from tests.architecture.routes import UNMARKED, VERBS, Route, all_routes

# What anybody may see. Adding to it is a decision: it belongs in a review.
PUBLIC = {
    "livez",
    "readyz",
    "account_login",
    "account_logout",
    "account_inactive",
    "mfa_authenticate",
    "tenancy:join",
    "api:openapi",
    "api:docs",
    "api:problem",
    "api-runs:callback",
    "styleguide",
}


@pytest.mark.parametrize("route", all_routes(), ids=str)
def test_every_url_names_its_permission(route: Route) -> None:
    if route.resource is not None and not route.is_public:
        methods = {verb for verb in VERBS if hasattr(route.resource, verb)}
        needs = getattr(route.resource, "required_permissions", {})
        assert set(needs) == methods, f"{route}: required_permissions must name {methods}"
        assert all(isinstance(permission, Permission) for permission in needs.values())
    else:
        assert route.mark is not UNMARKED, f"{route} has neither permission_required nor public"


def test_public_pages_are_the_ones_we_know() -> None:
    assert {route.name for route in all_routes() if route.is_public} <= PUBLIC


def test_names_of_urls_are_single() -> None:
    names = [route.name for route in all_routes()]

    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith("None")]
