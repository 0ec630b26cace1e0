"""Every address says who may use it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tenancy.permissions import Permission

# Pages of libraries, each of which is either open to everybody or asks for a signed-in user itself.
OF_LIBRARIES = ("allauth.", "drf_spectacular.")
METHODS = ("get", "post", "put", "patch", "delete")


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield address, pattern.callback
        else:
            yield from addresses(pattern, address)


OURS = [
    (address, view)
    for address, view in addresses()
    if not getattr(view, "view_class", getattr(view, "cls", view)).__module__.startswith(
        OF_LIBRARIES
    )
]


@pytest.mark.parametrize(("address", "view"), OURS, ids=[address or "/" for address, _ in OURS])
def test_address_names_its_permission(address: str, view: Any) -> None:
    resource = getattr(view, "cls", None)

    if resource is None:
        permission = getattr(view, "required_permission", "not said")
        assert permission is None or isinstance(permission, Permission), (
            "None means: open to everybody"
        )
        return
    methods = {method for method in METHODS if hasattr(resource, method)}
    assert set(resource.required_permissions) == methods
    assert all(isinstance(named, Permission) for named in resource.required_permissions.values())


def test_pages_of_libraries_are_under_their_own_roof() -> None:
    strangers = [
        address
        for address, view in addresses()
        if (address, view) not in OURS and not address.startswith(("accounts/", "api/"))
    ]

    assert not strangers
