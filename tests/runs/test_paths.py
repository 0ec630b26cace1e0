"""Paths of instances are taken apart and put together."""

import pytest

from runs import paths

CASES = [
    # path, trail, body, container, place
    ("draft", ("draft",), "", None, None),
    ("each[3].draft", ("each", "draft"), "each[3]", "each", 3),
    ("each[12].polish[0].critic", ("each", "polish", "critic"), "each[12].polish[0]", "each[12].polish", 0),
]  # fmt: skip


@pytest.mark.parametrize(("path", "trail", "body", "container", "place"), CASES)
def test_a_path_says_where_a_node_runs(
    path: str, trail: tuple[str, ...], body: str, container: str | None, place: int | None
) -> None:
    assert paths.trail(path) == trail
    assert paths.node_of(path) == trail[-1]
    assert paths.body_of(path) == body
    assert paths.node_path(body, trail[-1]) == path
    if container is not None and place is not None:
        assert paths.container_of(body) == container
        assert paths.place_of(body) == place
        assert paths.body_path(container, place) == body


def test_a_path_says_which_bodies_are_around_it() -> None:
    assert paths.bodies_around("each[12].polish[0].critic") == ["each[12].polish[0]", "each[12]"]
    assert paths.bodies_around("draft") == []
