"""Keyset pages: every row once, in both directions, and no cursor of somebody else's."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import RequestFactory

from tenancy import paging
from tenancy.context import tenant_context
from tenancy.errors import CursorInvalid, LimitInvalid
from tenancy.models import Membership, Tenant
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

Get = Callable[..., "paging.Page[Membership]"]


@pytest.fixture
def get(in_acme: Tenant) -> Get:
    def get(
        path: str = "/members",
        order: tuple[str, ...] = ("-id",),
        keys_first: bool = False,
        **query: Any,
    ) -> Any:
        request = RequestFactory().get(path, query)
        members = Membership.objects.all()
        return paging.page(members, request, order=order, keys_first=keys_first)

    return get


def make_members(tenant: Tenant, count: int) -> list[Membership]:
    user = [factories.make_user() for _ in range(count)]
    return [factories.make_member(tenant=tenant, user=each) for each in user]


@pytest.mark.parametrize("keys_first", [False, True])
@pytest.mark.parametrize("order", [("-id",), ("id",), ("-created_at", "-id"), ("role", "id")])
def test_every_row_comes_once_there_and_back(
    in_acme: Tenant, get: Get, order: tuple[str, ...], keys_first: bool
) -> None:
    get = partial(get, keys_first=keys_first)
    made = make_members(in_acme, 7)
    expected = [row.pk for row in Membership.objects.order_by(*order)]

    there, page = [], get(order=order, limit=3)
    there.extend(page.items)
    while page.next_cursor:
        page = get(order=order, limit=3, cursor=page.next_cursor)
        there.extend(page.items)
    back = list(page.items)
    while page.previous_cursor:
        page = get(order=order, limit=3, cursor=page.previous_cursor)
        back = [*page.items, *back]

    assert len(made) == 7
    assert [row.pk for row in there] == expected
    assert [row.pk for row in back] == expected


def test_page_that_holds_everything_has_no_neighbours(in_acme: Tenant, get: Get) -> None:
    make_members(in_acme, 2)

    page = get()

    assert (page.next_cursor, page.previous_cursor) == (None, None)


def test_empty_list_is_an_empty_page(get: Get) -> None:
    assert list(get().items) == []


def test_cursor_belongs_to_its_filter_path_and_tenant(
    in_acme: Tenant, beta: Tenant, get: Get
) -> None:
    make_members(in_acme, 2)
    cursor = get(limit=1, state="active").next_cursor

    get(limit=1, state="active", cursor=cursor)

    with pytest.raises(CursorInvalid):
        get(limit=1, state="ended", cursor=cursor)
    with pytest.raises(CursorInvalid):
        get("/tokens", limit=1, state="active", cursor=cursor)
    with tenant_context(beta), pytest.raises(CursorInvalid):
        get(limit=1, state="active", cursor=cursor)


@pytest.mark.parametrize("cursor", ["nonsense", "eyJ:1:2"])
def test_forged_cursor_is_refused(get: Get, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        get(cursor=cursor)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", "¹"])
def test_limit_is_bounded(get: Get, limit: str) -> None:
    with pytest.raises(LimitInvalid):
        get(limit=limit)


def test_api_says_where_the_next_page_is(acme: Tenant) -> None:
    alice = factories.make_member(tenant=acme, role=factories.Role.ADMIN)
    make_members(acme, 2)
    client = factories.make_client(alice)

    first = client.get("/api/v1/members?limit=2")
    second = client.get("/api/v1/members", {"limit": 2, "cursor": first.json()["next_cursor"]})

    assert 'rel="next"' in first["Link"]
    assert len(first.json()["items"]) == 2
    assert len(second.json()["items"]) == 1
    assert second.json()["next_cursor"] is None
