"""What changed between two texts, in words."""

from pathlib import Path

import pytest

from workflows import changes

GOOD = (Path(__file__).parent / "good.yaml").read_text()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("title: Complaint", "title: Other", ["Changed title"]),
        ("mode: first", "mode: object", ["Changed mode of “joined”"]),
        ("id: slow", "id: late", ["Added “late”", "Removed “slow”"]),
        ("nodes:", "nodes:  # a comment", []),  # no change of what it says
        ("nodes:", "nodes: [", ["Changed the text"]),  # cannot be read
    ],
)
def test_each_change_is_one_sentence(before: str, after: str, told: list[str]) -> None:
    changed = GOOD.replace(before, after)

    assert list(changes.tell(before=GOOD, after=changed))[: len(told) or 1] == told


def test_another_order_is_told_of() -> None:
    first, second = "  - id: quick\n", "  - id: slow\n"
    start, end = GOOD.index(first), GOOD.index("  - id: joined")
    middle = GOOD.index(second)
    moved = GOOD[:start] + GOOD[middle:end] + GOOD[start:middle] + GOOD[end:]

    assert list(changes.tell(before=GOOD, after=moved)) == ["Changed the order of nodes"]


def test_what_is_changed_in_a_body_is_told_of_its_node() -> None:
    nested = (Path(__file__).parent / "nested.yaml").read_text()

    told = changes.summary(before=nested, after=nested.replace("Judge:", "Weigh:"))

    assert told == "Changed prompt of “critic”"
