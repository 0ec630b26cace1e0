"""A page of rows as the API answers it: `{"items": […], "next_cursor": …}` and a Link header (RFC 8288)."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tenancy import paging


def page_of(
    rows: QuerySet[Any],
    request: Request,
    *,
    to_json: Callable[[Any], Any],
    order: Sequence[str] = ("-id",),
    keys_first: bool = False,
) -> Response:
    """The page that the query string asks for; `to_json` shows one row."""
    page = paging.page(rows, request, order=order, keys_first=keys_first)
    response = Response(
        {"items": [to_json(row) for row in page.items], "next_cursor": page.next_cursor}
    )
    links = (("next", page.next_cursor), ("prev", page.previous_cursor))
    link = ", ".join(
        f'<{_address(request, cursor)}>; rel="{rel}"' for rel, cursor in links if cursor
    )
    if link:
        response["Link"] = link
    return response


def _address(request: Request, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
