"""What is too large for a row lies sealed in the store, and in memory only while somebody reads it."""

import base64
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from compliance import disposal
from runs import payloads, turn
from runs.live_run import LiveRun
from runs.models import NodeExecution, Run
from runs.scopes import Shelved
from tenancy import actors
from tenancy.models import Tenant
from tests.runs.making import execute, make_run, make_version
from workflows import stores
from workflows.errors import StoreFull

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

PASSED_ON = """
grove: 1
name: {name}
data_class: internal
nodes:
  - {{id: start, kind: input, schema: {{type: object, properties: {{text: {{type: string}}}}, required: [text]}}}}
  - {{id: one, kind: merge, mode: object, after: [start]}}
  - {{id: two, kind: merge, mode: object, after: [start, one]}}
  - {{id: small, kind: transform, after: [two], expression: "{{about: keys(two.one)}}"}}
  - {{id: result, kind: output, after: [small], value: {{about: "{{{{ small.about }}}}"}}}}
"""


def noise(size: int) -> str:
    """A text that does not shrink."""
    return base64.b85encode(os.urandom(size * 4 // 5)).decode()[:size]


@pytest.fixture(autouse=True)
def _large_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "INPUT_LIMIT_BYTES", 50_000_000)


def files_of(run: Run) -> list[Path]:
    below = Path(settings.STATE_DIR) / "stores" / str(run.tenant_id)
    return sorted(below.rglob(f"{run.data_key_id}/*"))


def stored(run: Run, node: str) -> bool:
    return payloads.is_stored(NodeExecution.objects.get(run=run, node_id=node).output_sealed or b"")


@pytest.mark.parametrize("size", [1_500_000, 10_000_000])
def test_large_outputs_go_to_the_store_sealed(in_acme: Tenant, size: int) -> None:
    text = noise(size)
    run = execute(make_run(make_version(PASSED_ON), text=text))

    assert run.status == "completed"
    assert payloads.open_payload(run, "output_sealed") == {"about": ["start"]}
    assert [stored(run, node) for node in ("start", "one", "two", "small")] == [
        True,
        True,
        True,
        False,
    ]
    assert payloads.is_stored(run.input_sealed or b"")
    row = NodeExecution.objects.select_related("run").get(run=run, node_id="two")
    assert payloads.open_payload(row, "output_sealed") == {
        "start": {"text": text},
        "one": {"start": {"text": text}},
    }  # twice the size
    files = files_of(run)
    assert len(files) == 4  # the input, and what three nodes made
    assert not any(text[:40].encode() in file.read_bytes() for file in files)


def test_nobody_holds_what_nobody_reads(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[UUID, set[str]]] = []
    put_away = LiveRun.put_away

    def watch(live: LiveRun) -> None:
        put_away(live)
        whole = {n for n, value in live.top.outputs.items() if not isinstance(value, Shelved)}
        held.append((live.run_id, whole))

    monkeypatch.setattr(LiveRun, "put_away", watch)
    run = execute(make_run(make_version(PASSED_ON), text=noise(1_500_000)))

    assert run.status == "completed"
    seen = [whole for run_id, whole in held if run_id == run.pk]  # others may be taken up, too
    assert seen
    assert [whole & {"start", "one", "two"} for whole in seen] == [set()] * len(seen)


def test_a_store_without_room_fails_the_node_with_its_reason(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(PASSED_ON)
    run = make_run(version, text=noise(1_500_000))
    put = stores.put

    def full(key: Any, place: Any, sealed: bytes, **options: Any) -> str:
        if place.table == "runs_nodeexecution":
            raise StoreFull
        return put(key, place, sealed, **options)

    monkeypatch.setattr(stores, "put", full)
    failed = execute(run)

    assert (failed.status, failed.error_code) == ("failed", StoreFull.code)
    assert failed.error_node == "start"


def test_disposal_takes_the_files_along(in_acme: Tenant) -> None:
    run = execute(make_run(make_version(PASSED_ON), text=noise(1_500_000)))
    assert files_of(run)

    plan = disposal.plan(kind="run", target_id=run.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=plan.pk, by=actors.SYSTEM, legal_basis="retention_ended", reason="Asked for."
    )

    assert files_of(run) == []


def test_nothing_large_runs_on_the_driver(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep all other runs of the process waiting."""
    here: list[str] = []
    runs_here = turn.Turn._runs_here

    def watch(self: turn.Turn, start: Any) -> bool:
        answer = runs_here(self, start)
        if answer:
            here.append(start.node)
        return answer

    monkeypatch.setattr(turn.Turn, "_runs_here", watch)
    execute(make_run(make_version(PASSED_ON), text=noise(1_500_000)))

    assert set(here) <= {"result"}
