"""The threads on which nodes run: what hangs keeps its thread, and not its place."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from runs import node_pool
from runs.live_run import LiveRun, Start
from runs.node_pool import Attempt, NodePool
from tests.runs.making import PATIENCE_SECONDS, wait_until


class Held:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.begun: list[Attempt] = []
        self.done: list[Attempt] = []
        self.go = threading.Event()

    def __call__(self, attempt: Attempt) -> None:
        self.begun.append(attempt)
        self.go.wait(PATIENCE_SECONDS)
        self.done.append(attempt)


@pytest.fixture
def held() -> Iterator[Held]:
    work = Held()
    yield work
    work.go.set()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_pool, "GIVE_BACK_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(node_pool, "HANGS_AFTER_SECONDS", 0.0)


def attempt(*, own_seconds: float | None = None) -> Attempt:
    spec = SimpleNamespace(
        timeout_seconds=None,
        config=SimpleNamespace(**({"timeout_seconds": own_seconds} if own_seconds else {})),
    )
    return Attempt(live=cast("LiveRun", None), start=cast("Start", SimpleNamespace(spec=spec)))


def submit(pool: NodePool, count: int) -> list[Attempt]:
    attempts = [attempt() for _ in range(count)]
    for each in attempts:
        pool.submit(each)
    return attempts


def other_than(*given_up: Attempt) -> Callable[[Attempt], bool]:
    return lambda each: each not in given_up


def everything(each: Attempt) -> bool:
    return True


def nothing(each: Attempt) -> bool:
    return False


def new_since(before: set[threading.Thread]) -> int:
    return len(set(threading.enumerate()) - before)


def test_no_more_run_at_once_than_there_are_places(held: Held) -> None:
    pool = NodePool(size=2, work=held)
    attempts = submit(pool, 5)
    wait_until(lambda: len(held.begun) == 2)

    held.go.set()

    wait_until(lambda: len(held.done) == 5)
    assert set(held.done) == set(attempts)
    pool.stop(within_seconds=5)


def test_what_was_given_up_and_runs_on_does_not_keep_its_place(held: Held) -> None:
    pool = NodePool(size=1, work=held)
    hanging, after = submit(pool, 2)
    wait_until(lambda: held.begun == [hanging])

    assert pool.look(everything).hanging == []
    assert held.begun == [hanging]
    assert pool.look(other_than(hanging)).hanging == [hanging]

    wait_until(lambda: held.begun == [hanging, after])
    assert pool.look(other_than(hanging)).hanging == []  # told once


def test_a_thread_that_comes_back_after_it_was_replaced_ends(held: Held) -> None:
    before = set(threading.enumerate())
    pool = NodePool(size=1, work=held)
    (hanging,) = submit(pool, 1)
    wait_until(lambda: held.begun == [hanging])
    pool.look(nothing)
    assert new_since(before) == 2

    held.go.set()

    wait_until(lambda: new_since(before) == 1)
    submit(pool, 3)
    wait_until(lambda: len(held.done) == 4)
    pool.stop(within_seconds=5)
    wait_until(lambda: new_since(before) == 0)


def test_as_many_threads_hang_as_there_are_places_then_the_pool_is_worn_out(held: Held) -> None:
    pool = NodePool(size=2, work=held)
    submit(pool, 6)
    wait_until(lambda: len(held.begun) == 2)
    assert not pool.is_worn_out

    pool.look(nothing)
    assert pool.is_worn_out
    wait_until(lambda: len(held.begun) == 4)
    pool.look(nothing)
    pool.look(nothing)

    assert len(held.begun) == 4  # twice its size, and no more


def test_what_has_not_begun_when_it_stops_is_kept(held: Held) -> None:
    pool = NodePool(size=1, work=held)
    begun, waiting = submit(pool, 2)
    wait_until(lambda: held.begun == [begun])
    stopping = threading.Thread(target=pool.stop, kwargs={"within_seconds": PATIENCE_SECONDS})
    stopping.start()
    wait_until(lambda: cast("Any", pool)._stopped)
    (late,) = submit(pool, 1)

    held.go.set()
    stopping.join(PATIENCE_SECONDS)

    assert held.done == [begun]
    assert pool.take_not_begun() == [waiting, late]
    assert pool.take_not_begun() == []


def test_a_stop_does_not_wait_for_what_was_given_up(held: Held) -> None:
    pool = NodePool(size=1, work=held)
    (hanging,) = submit(pool, 1)
    wait_until(lambda: held.begun == [hanging])
    pool.look(nothing)

    stopping = threading.Thread(target=pool.stop, kwargs={"within_seconds": PATIENCE_SECONDS})
    stopping.start()
    stopping.join(PATIENCE_SECONDS)

    assert not stopping.is_alive()
    assert held.done == []


def test_calls_that_bound_themselves_and_do_not_end_are_too_long(held: Held) -> None:
    pool = NodePool(size=2, work=held)
    endless, unbounded = attempt(own_seconds=0.001), attempt()
    pool.submit(endless)
    pool.submit(unbounded)
    wait_until(lambda: len(held.begun) == 2)

    wait_until(lambda: pool.look(everything).overlong == [endless])


def test_work_that_raises_takes_no_place_along(held: Held) -> None:
    held.go.set()

    def broken_at_first(each: Attempt) -> None:
        held(each)
        if len(held.begun) == 1:
            raise ValueError

    pool = NodePool(size=1, work=broken_at_first)
    submit(pool, 2)

    wait_until(lambda: len(held.done) == 2)
    pool.stop(within_seconds=5)
