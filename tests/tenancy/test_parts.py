"""A list in memory, part by part."""

import pytest
from django.test import RequestFactory

from tenancy import parts
from tenancy.errors import PartInvalid


def part(query: str, count: int = 120) -> parts.Part[int]:
    return parts.part_of(list(range(count)), RequestFactory().get(f"/?{query}"))


@pytest.mark.parametrize(
    ("query", "first", "length", "number"),
    [("", 0, 50, 1), ("part=2", 50, 50, 2), ("part=3", 100, 20, 3), ("part=9", 100, 20, 3)],
)
def test_parts_follow_each_other(query: str, first: int, length: int, number: int) -> None:
    found = part(query)

    assert (found.items[0], len(found.items), found.number) == (first, length, number)
    assert (found.total, found.last) == (120, 3)


def test_links_keep_the_filters() -> None:
    found = part("kind=model&part=2")

    assert (found.previous, found.next) == ("?kind=model&part=1", "?kind=model&part=3")
    assert part("part=1").previous == ""
    assert part("part=3").next == ""


def test_an_empty_list_has_one_part() -> None:
    assert (part("", 0).items, part("", 0).last) == ([], 1)


@pytest.mark.parametrize("asked", ["x", "-1", "", "1234567", "١"])
def test_what_is_no_number_is_refused(asked: str) -> None:
    with pytest.raises(PartInvalid):
        part(f"part={asked}")
