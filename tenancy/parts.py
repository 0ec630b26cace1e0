"""A long list that is in memory already, shown part by part: `?part=2`. For rows of a table see `tenancy.paging`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.http import HttpRequest

from tenancy.errors import PartInvalid

Item = TypeVar("Item")
SIZE = 50


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """Some of them; `previous` and `next` are addresses that keep the filters, empty at the ends."""

    items: Sequence[Item]
    total: int
    number: int
    last: int
    previous: str
    next: str


def part_of(items: Sequence[Item], request: HttpRequest, *, size: int = SIZE) -> Part[Item]:
    """The part that is asked for. Raises PartInvalid for what is no number; beyond the end comes the last one."""
    asked = request.GET.get("part", "1")
    if not (asked.isascii() and asked.isdigit() and 1 <= len(asked) <= 6):
        raise PartInvalid
    last = max(1, -(-len(items) // size))
    number = min(max(int(asked), 1), last)
    return Part(
        items=items[(number - 1) * size : number * size],
        total=len(items),
        number=number,
        last=last,
        previous=_address(request, number - 1) if number > 1 else "",
        next=_address(request, number + 1) if number < last else "",
    )


def _address(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["part"] = str(number)
    return f"?{query.urlencode()}"
