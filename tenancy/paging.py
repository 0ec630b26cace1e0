"""Pages by key: the last row seen says where the next page begins, so a deep page costs what the first one costs.

A cursor is opaque, signed, and bound to tenant, path and filter: with another filter it is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from tenancy.context import current_tenant
from tenancy.errors import CursorInvalid, LimitInvalid

Row = TypeVar("Row", bound=Model)

SALT = "tenancy.paging"
USUAL, MOST = 50, 200
NOT_FILTERS = ("cursor", "limit")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and the cursors of the pages beside them."""

    items: Sequence[Row]
    next_cursor: str | None
    previous_cursor: str | None


def page(
    rows: "QuerySet[Row]",
    request: HttpRequest,
    *,
    order: Sequence[str] = ("-id",),
    limit: int | None = None,
    keys_first: bool = False,
) -> "Page[Row]":
    """The page that `?cursor=…&limit=…` asks for.

    `order` names columns, "-" for descending; the last one must be unique, and all must have the direction of the
    first. `keys_first` is for wide rows of which a filter may skip many: their keys are found first, in an index alone.
    Raises CursorInvalid, LimitInvalid.
    """
    limit = limit or _limit_of(request)
    cursor = _read(request.GET.get("cursor", ""), request)
    backwards = cursor is not None and cursor["back"]
    asked = _turned(order) if backwards else tuple(order)
    if cursor is not None:
        rows = rows.filter(_after(asked, cursor["key"]))
    rows = rows.order_by(*asked)
    if keys_first:
        rows = rows.filter(pk__in=rows.values("pk")[: limit + 1])
    found = list(rows[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    has_next = bool(found) and (more or backwards)
    has_previous = bool(found) and (more if backwards else cursor is not None)
    return Page(
        items=found,
        next_cursor=_write(found[-1], order, request, back=False) if has_next else None,
        previous_cursor=_write(found[0], order, request, back=True) if has_previous else None,
    )


def key_of(request: HttpRequest) -> Sequence[Any] | None:
    """The key that `?cursor=…` names, for what no queryset reads. Raises CursorInvalid."""
    cursor = _read(request.GET.get("cursor", ""), request)
    return None if cursor is None else list(cursor["key"])


def to_id(key: Sequence[Any] | None) -> UUID | None:
    """The id that a key of one column is. Raises CursorInvalid."""
    if key is None:
        return None
    try:
        return UUID(key[0])
    except (IndexError, TypeError, ValueError) as error:
        raise CursorInvalid from error


def cursor_behind(key: Sequence[str], request: HttpRequest) -> str:
    """The cursor of the page that begins behind this key."""
    sent = {"key": list(key), "back": False, "filter": _filter_of(request)}
    return signing.dumps(sent, salt=SALT)


def limit_of(request: HttpRequest) -> int:
    """How many rows `?limit=…` asks for. Raises LimitInvalid."""
    return _limit_of(request)


def _limit_of(request: HttpRequest) -> int:
    text = request.GET.get("limit", "") or str(USUAL)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST:
        raise LimitInvalid
    return int(text)


def _turned(order: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def _after(order: Sequence[str], key: Sequence[Any]) -> Q:
    """(a, b) behind (x, y): a behind x, or a equal to x and b behind y."""
    if len(key) != len(order):
        raise CursorInvalid
    wanted, equal = Q(), Q()
    for name, value in zip(order, key, strict=True):
        column = name.lstrip("-")
        behind = "lt" if name.startswith("-") else "gt"
        wanted |= equal & Q(**{f"{column}__{behind}": value})
        equal &= Q(**{column: value})
    return wanted


def _write(row: Model, order: Sequence[str], request: HttpRequest, *, back: bool) -> str:
    key = [_to_json(getattr(row, name.lstrip("-"))) for name in order]
    return signing.dumps({"key": key, "back": back, "filter": _filter_of(request)}, salt=SALT)


def _read(text: str, request: HttpRequest) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        cursor: dict[str, Any] = signing.loads(text, salt=SALT)
    except signing.BadSignature as error:
        raise CursorInvalid from error
    if cursor["filter"] != _filter_of(request):
        raise CursorInvalid
    return cursor


def _filter_of(request: HttpRequest) -> str:
    chosen = sorted(
        (name, value)
        for name, values in request.GET.lists()
        if name not in NOT_FILTERS
        for value in values
    )
    text = repr((str(current_tenant().pk), request.path, chosen))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, str | int | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
