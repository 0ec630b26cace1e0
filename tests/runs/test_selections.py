"""Many runs at once: frozen, looked at, confirmed, done one by one; and twice is once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from runs import selections
from runs.errors import (
    SelectionDrifted,
    SelectionExpired,
    SelectionInvalid,
    SelectionNotYours,
)
from runs.models import Deed, Run, Selection, SelectionResult
from runs.views import selections as pages
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Membership, Tenant, new_id
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program
from tests.runs.making import in_threads, make_run
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
BOB = Actor(kind="user", id="bob", name="Bob")


@pytest.fixture
def runs(chain: WorkflowVersion) -> list[Run]:
    """Two that can be cancelled, one that failed, one that is completed."""
    made = [make_run(chain) for _ in range(4)]
    Run.objects.filter(pk=made[2].pk).update(status="failed", error_code="timeout")
    Run.objects.filter(pk=made[3].pk).update(status="completed")
    return made


@pytest.fixture
def member(in_acme: Tenant) -> Membership:
    return make_member(tenant=in_acme, role=Role.OPERATOR)


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a worker is told, which does it at once."""
    told: list[str] = []

    class Task:
        def delay(self, selection_id: str) -> None:
            told.append(selection_id)
            selections.carry_out(Selection.objects.get(pk=selection_id).pk)

    monkeypatch.setattr(pages, "carry_out_selection", Task())
    return told


def freeze(deed: str, runs: list[Run]) -> Selection:
    return selections.freeze(deed=deed, run_ids=[run.pk for run in runs], by=BOB)


def states(runs: list[Run]) -> list[str]:
    return [Run.objects.get(pk=run.pk).status for run in runs]


def test_freezing_says_what_would_happen_and_does_nothing(runs: list[Run]) -> None:
    cancelling = selections.lines_of(freeze("cancel", runs))
    resuming = selections.lines_of(freeze("resume", runs))

    assert [bool(line.would) for line in cancelling] == [True, True, False, False]
    assert cancelling[3].why_not == "It is completed already."
    assert [bool(line.would) for line in resuming] == [False, False, True, False]
    assert "only a failed run" in resuming[0].why_not
    assert states(runs) == ["queued", "queued", "failed", "completed"]


def test_confirmed_runs_are_cancelled_and_each_has_its_result(runs: list[Run]) -> None:
    selection = freeze("cancel", runs)

    assert selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections.carry_out(selection.pk)

    results = list(SelectionResult.objects.order_by("id").values_list("is_done", "code"))
    refused = (False, "run_not_cancellable")
    assert results == [(True, ""), (True, ""), refused, refused]
    assert states(runs) == ["cancelled", "cancelled", "failed", "completed"]
    assert Selection.objects.get().finished_at is not None
    cancelled = LedgerEntry.objects.filter(event="run.cancelled")
    assert cancelled.count() == 2
    assert {entry.actor_id for entry in cancelled} == {"bob"}
    assert LedgerEntry.objects.filter(event="selection.confirmed").count() == 1


def test_failed_runs_are_resumed(runs: list[Run]) -> None:
    selection = freeze("resume", runs)

    selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections.carry_out(selection.pk)

    assert states(runs) == ["queued", "queued", "queued", "completed"]
    assert SelectionResult.objects.filter(is_done=True).count() == 1


def test_twice_is_once(runs: list[Run]) -> None:
    selection = freeze("resume", runs[2:3])
    first = selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections.carry_out(selection.pk)
    Run.objects.filter(pk=runs[2].pk).update(status="failed")  # it failed again meanwhile

    second = selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections.carry_out(selection.pk)
    selections.carry_out_rest()

    assert (first, second) == (True, False)
    assert states(runs[2:3]) == ["failed"]
    assert LedgerEntry.objects.filter(event="run.resumed").count() == 1


def test_what_a_worker_left_is_done_by_the_chore(runs: list[Run]) -> None:
    selection = freeze("cancel", runs)
    selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections._carry_out_one(Selection.objects.get(pk=selection.pk), runs[0].pk)  # then it died

    selections.carry_out_rest()

    assert SelectionResult.objects.count() == 4
    assert SelectionResult.objects.filter(run=runs[0]).count() == 1


def test_what_is_not_confirmed_is_not_done(runs: list[Run]) -> None:
    selection = freeze("cancel", runs)

    selections.carry_out(selection.pk)
    selections.carry_out_rest()

    assert states(runs)[0] == "queued"


def test_only_what_was_looked_at_is_confirmed_in_time_by_who_chose(runs: list[Run]) -> None:
    selection = freeze("cancel", runs)

    with pytest.raises(SelectionNotYours):
        selections.confirm(selection=selection, digest=selection.digest, by=SYSTEM)
    with pytest.raises(SelectionDrifted):
        selections.confirm(selection=selection, digest="0" * 64, by=BOB)
    Selection.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(SelectionExpired):
        selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    assert Selection.objects.get().confirmed_at is None


def test_selections_have_bounds(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SelectionInvalid, match="from 1 to 1,000"):
        freeze("cancel", [])
    with pytest.raises(Http404):
        selections.freeze(deed="cancel", run_ids=[runs[0].pk, new_id()], by=BOB)
    monkeypatch.setattr(selections, "MOST", 3)
    with pytest.raises(SelectionInvalid, match=r"More than 3 runs match\. Narrow"):
        selections.find("", me="")
    with pytest.raises(SelectionInvalid, match="“colour” is not a filter"):
        selections.find("colour:green", me="")


def test_what_matches_later_is_not_part_of_it(runs: list[Run], chain: WorkflowVersion) -> None:
    found = selections.find("status:queued", me="")
    selection = selections.freeze(deed="cancel", run_ids=found, by=BOB)
    later = make_run(chain)

    selections.confirm(selection=selection, digest=selection.digest, by=BOB)
    selections.carry_out(selection.pk)

    assert set(found) == {runs[0].pk, runs[1].pk}
    assert states([later]) == ["queued"]


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_two_workers_do_each_run_once(in_acme: Tenant, runs: list[Run]) -> None:
    selection = freeze("cancel", runs)
    selections.confirm(selection=selection, digest=selection.digest, by=BOB)

    def work(_: int) -> Any:
        with tenant_context(in_acme):
            return selections.carry_out(selection.pk)

    assert in_threads(2, work) == [None, None]
    assert SelectionResult.objects.filter(selection=selection).count() == 4
    assert SelectionResult.objects.filter(selection=selection, is_done=True).count() == 2


# -- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_chosen_runs_are_cancelled_by_page(
    in_acme: Tenant, runs: list[Run], member: Membership, carried_out: list[str]
) -> None:
    client = make_client(member)
    frozen = client.post("/runs/selections/cancel/", {"run": [str(run.pk) for run in runs]})
    preview = client.get(frozen["Location"])
    with tenant_context(in_acme):
        selection = Selection.objects.get()
    assert "2 of them will be cancelled" in preview.content.decode()

    for _ in range(2):  # sent twice
        answer = client.post(f"{frozen['Location']}cancel/", {"digest": selection.digest})
        assert answer.status_code == 302

    assert carried_out == [str(selection.pk)]
    after = client.get(frozen["Location"]).content.decode()
    assert "2 done, 2 refused" in after
    assert "hx-trigger" not in after.split('id="lines"')[1].split(">")[0]
    assert (
        client.post(f"{frozen['Location']}resume/", {"digest": selection.digest}).status_code == 404
    )


def test_all_that_match_are_chosen_by_page(
    in_acme: Tenant, runs: list[Run], member: Membership
) -> None:
    client = make_client(member)

    client.post("/runs/selections/resume/", {"all": "yes", "q": "status:failed"})
    nothing = client.post("/runs/selections/resume/", {"q": "status:failed"})
    odd = client.post("/runs/selections/resume/", {"run": ["x"]})

    with tenant_context(in_acme):
        assert Selection.objects.get().run_ids == [runs[2].pk]
    assert nothing["Location"] == "/runs/"
    assert odd.status_code == 422


def test_who_may_not_cancel_does_not_choose_either(runs: list[Run], in_acme: Tenant) -> None:
    author = make_client(make_member(tenant=in_acme, role=Role.AUTHOR))
    auditor = make_client(make_member(tenant=in_acme, role=Role.AUDITOR))
    asked = {"run": [str(runs[0].pk)]}

    assert author.post("/runs/selections/resume/", asked).status_code == 403
    assert auditor.post("/runs/selections/cancel/", asked).status_code == 403
    text = auditor.get("/runs/").content.decode()
    assert "Cancel…" not in text
    assert "Resume…" not in text


def test_page_of_a_selection_asks_as_much_for_many_runs_as_for_few(
    runs: list[Run], member: Membership, chain: WorkflowVersion
) -> None:
    client = make_client(member)
    few = freeze("cancel", runs)
    many = freeze("cancel", [*runs, *(make_run(chain) for _ in range(6))])
    client.get(f"/runs/selections/{few.pk}/")
    asked = []

    for selection in (few, many):
        with CaptureQueriesContext(connection) as statements:
            client.get(f"/runs/selections/{selection.pk}/")
        asked.append(len(statements))

    assert asked[0] == asked[1]


# -- API ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_programs_select_look_and_confirm(
    runs: list[Run], member: Membership, carried_out: list[str]
) -> None:
    program, json = make_program(member), "application/json"
    address = "/api/v1/run-selections"

    made = program.post(f"{address}/cancel", {"q": "status:queued"}, json)
    one = f"{address}/{made.json()['id']}"
    wrong = program.post(f"{one}/cancel", {"digest": "0" * 64}, json)
    done = program.post(f"{one}/cancel", {"digest": made.json()["digest"]}, json)

    assert made.status_code == 201
    assert [each["would_change"] for each in made.json()["runs"]] == [True, True]
    assert (wrong.status_code, wrong.json()["code"]) == (409, "selection_drifted")
    assert done.status_code == 202
    assert [each["done"] for each in program.get(one).json()["runs"]] == [True, True]
    assert program.post(f"{one}/resume", {"digest": "0"}, json).status_code == 404
    both = program.post(f"{address}/resume", {"q": "", "runs": []}, json)
    assert (both.status_code, both.json()["code"]) == (422, "selection_invalid")


def test_mallory_finds_no_selection(runs: list[Run], beta: Tenant) -> None:
    selection = freeze(Deed.CANCEL, runs)
    client: Client = make_client(make_member(tenant=beta, role=Role.OPERATOR))

    assert client.get(f"/runs/selections/{selection.pk}/").status_code == 404
    assert client.post("/runs/selections/cancel/", {"run": [str(runs[0].pk)]}).status_code == 404
