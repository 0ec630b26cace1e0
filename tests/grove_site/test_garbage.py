"""The collector of a process that serves."""

import gc
from collections.abc import Iterator

import pytest

from grove_site import garbage


@pytest.fixture
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_as_before")
def test_what_is_loaded_is_left_alone_and_new_cycles_are_found() -> None:
    class Node:
        other: "Node | None" = None
        ended: list[int] = []

        def __del__(self) -> None:
            self.ended.append(1)

    garbage.settle()
    frozen = gc.get_freeze_count()
    first, second = Node(), Node()
    first.other, second.other = second, first
    del first, second
    gc.collect()

    assert frozen > 10_000
    assert gc.get_threshold() == (garbage.YOUNG, garbage.MIDDLE, garbage.OLD)
    assert len(Node.ended) == 2
