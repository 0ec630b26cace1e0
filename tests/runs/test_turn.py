"""A run moved on turn by turn, without a database: how its work grows with what is in it."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from compliance.labels import Labels
from runs import turn
from runs.checkpoint import Row
from runs.live_run import LiveRun, Start
from runs.models.states import RunStatus
from runs.outcomes import Outcome
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant, new_id
from tests.steps import count_steps
from workflows import definition

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def loop_over(entries: int) -> LiveRun:
    """A run whose for_each has so many bodies of one node, none of them a run of its own."""
    each = {
        "id": "each",
        "kind": "for_each",
        "after": ["start"],
        "items": list(range(entries)),
        "at_most": 10_000,
        "children_above": 10_000,
        "body": {"nodes": [{"id": "one", "kind": "llm", "model_group": "default", "prompt": "?"}]},
        "value": "{{ one.text }}",
    }
    nodes = [
        {"id": "start", "kind": "input", "schema": {}},
        each,
        {"id": "result", "kind": "output", "after": ["each"], "value": "{{ each.items }}"},
    ]
    spec = {"grove": 1, "name": "loop", "data_class": "internal", "nodes": nodes}
    return LiveRun(
        run_id=new_id(),
        root_run_id=new_id(),
        workflow_id=new_id(),
        tenant=Tenant(id=new_id()),
        token=1,
        worker="",
        path="loop@1",
        nodes=definition.parse(json.dumps(spec), media="json"),
        model_groups={},
        key=DataKeyRef(id=new_id(), secret=b"k" * 32),
        snapshot_id=new_id(),
        on_behalf_of="system:",
        run_input={},
        input_labels=Labels(),
        fetch=lambda shelved: shelved,
        is_new=True,
    )


def work(start: Start, live: LiveRun) -> Outcome:
    """As if each node had answered the same."""
    output: Any = {"text": "x"}
    return Outcome(
        node_id=start.path,
        execution_id=start.execution_id,
        finished_at=NOON,
        output=output,
        sealed=live.seal_output(start.execution_id, output),
        labels=Labels(),
    )


def drive(live: LiveRun) -> int:
    """To its end, one outcome at a time. Returns how many rows were written for its nodes."""
    wave, starting = live.first_wave(NOON, work)
    written = _rows(wave.started)
    while live.status == RunStatus.RUNNING:
        first, *later = starting
        wave, more = live.next_wave([work(first, live)], NOON, work)
        written += _rows(wave.started)
        starting = [*later, *more]
    return written


def _rows(rows: Iterable[Row]) -> int:
    return sum(1 for _ in rows)


@pytest.fixture(autouse=True)
def at_leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much runs on the spot is not to depend on the clock."""
    monkeypatch.setattr(turn, "HERE_AT_MOST_SECONDS", 3600)


def test_the_work_of_a_loop_grows_with_its_entries_and_not_with_their_square() -> None:
    few, many = loop_over(50), loop_over(400)

    steps_of_few = count_steps(lambda: drive(few))
    steps_of_many = count_steps(lambda: drive(many))

    assert many.status == RunStatus.COMPLETED
    assert steps_of_many < 9 * steps_of_few


def test_every_entry_of_a_loop_is_run_once() -> None:
    assert drive(loop_over(300)) == 3 + 300
