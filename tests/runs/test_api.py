"""Runs over the API, as a program with a token uses it: list, look into, resume, cancel."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compliance import disposal
from compliance.models import LegalBasis
from runs.models import NodeExecution, Run
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import MATRIX, Permission, Role
from tests import factories
from tests.runs import definitions
from tests.runs.calling import TIME, URL, follow, get, post, problem
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

PARTS = (
    "",
    "/payloads",
    "/node-executions",
    "/decisions",
    "/model-calls",
    "/events",
    "/events/stream",
)


@pytest.fixture
def talked(in_acme: Tenant) -> Run:
    """A completed run with two model calls."""
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        return execute(make_run(make_version(definitions.TALK), n=3))


@pytest.fixture
def failed(in_acme: Tenant) -> Run:
    with ScriptedModel(lambda prompt: (400, "{}")) as model:
        make_model_group(model.base_url)
        return execute(make_run(make_version(definitions.TALK)))


# -- list ----------------------------------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_in_pages_by_key(bob: Client, chain: WorkflowVersion) -> None:
    runs = [str(make_run(chain, n=number).pk) for number in range(7)]

    first = bob.get(f"{URL}?limit=3")

    page = first.json()
    assert [run["id"] for run in page["items"]] == runs[:3:-1]
    assert f"cursor={page['next_cursor']}".replace(":", "%3A") in first["Link"]
    assert 'rel="next"' in first["Link"]
    assert [run["id"] for run in follow(bob, f"{URL}?limit=3")] == runs[::-1]


def test_oldest_first_when_asked(bob: Client, chain: WorkflowVersion) -> None:
    runs = [str(make_run(chain, n=number).pk) for number in range(5)]

    assert [run["id"] for run in follow(bob, f"{URL}?limit=2&order=oldest")] == runs


def test_a_page_does_not_move_when_newer_runs_arrive(bob: Client, chain: WorkflowVersion) -> None:
    runs = [str(make_run(chain).pk) for _ in range(4)]
    cursor = get(bob, f"{URL}?limit=2")["next_cursor"]
    with tenant_context(chain.tenant):
        make_run(chain)

    second = get(bob, f"{URL}?limit=2&cursor={cursor}")

    assert [run["id"] for run in second["items"]] == [runs[1], runs[0]]
    assert second["next_cursor"] is None


def test_a_cursor_belongs_to_its_filter(bob: Client, chain: WorkflowVersion) -> None:
    make_run(chain)
    make_run(chain)
    cursor = get(bob, f"{URL}?limit=1&status=queued")["next_cursor"]

    problem(bob.get(f"{URL}?limit=1&status=failed&cursor={cursor}"), 400, "cursor_invalid")


def test_no_content_is_read_for_what_does_not_show_it(bob: Client, talked: Run) -> None:
    """An input may have megabytes; a list of fifty of them would not fit."""
    for part in PARTS:
        if part not in ("/payloads", "/events/stream"):
            with CaptureQueriesContext(connection) as captured:
                get(bob, f"{URL}/{talked.pk}{part}")
                get(bob, URL)
            assert "_sealed" not in str([query["sql"] for query in captured]), part


def test_runs_are_filtered_by_is_and_is_not(bob: Client, chain: WorkflowVersion) -> None:
    done = execute(make_run(chain))
    waiting = make_run(make_version(definitions.CHAIN))
    slug = chain.workflow.slug

    found = {
        query: [run["id"] for run in get(bob, f"{URL}?{query}")["items"]]
        for query in (
            "status=completed",
            "status=-completed",
            "status=completed,queued",
            f"workflow={slug}",
            f"workflow=-{slug}",
            "status=failed",
        )
    }

    assert found == {
        "status=completed": [str(done.pk)],
        "status=-completed": [str(waiting.pk)],
        "status=completed,queued": [str(waiting.pk), str(done.pk)],
        f"workflow={slug}": [str(done.pk)],
        f"workflow=-{slug}": [str(waiting.pk)],
        "status=failed": [],
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=asleep", "filter_invalid"),
        ("status=-asleep", "filter_invalid"),
        ("order=cost", "filter_invalid"),
        ("since=yesterday", "filter_invalid"),
        ("until=2026-13-01", "filter_invalid"),
        ("cursor=nonsense", "cursor_invalid"),
        ("limit=0", "limit_invalid"),
        ("limit=100000", "limit_invalid"),
        ("limit=many", "limit_invalid"),
        (f"limit={'9' * 5000}", "limit_invalid"),
        ("owner=a%00b", "bad_request"),
        ("workflow=%00", "bad_request"),
    ],
)
def test_a_query_that_cannot_be_understood_is_a_problem(bob: Client, query: str, code: str) -> None:
    problem(bob.get(f"{URL}?{query}"), 400, code)


# -- one run and what is in it ---------------------------------------------------------------------------------------


def test_a_run_is_shown_with_money_and_times_as_everywhere(bob: Client, talked: Run) -> None:
    Run.objects.filter(pk=talked.pk).update(cost_micros=41_200)
    digest = talked.version.digest

    shown = get(bob, f"{URL}/{talked.pk}")

    assert shown["cost"] == {"amount": "0.0412", "currency": "EUR"}
    for name in ("created_at", "started_at", "finished_at"):
        assert TIME.fullmatch(shown[name]), (name, shown[name])
    assert shown["disposed_at"] is None
    assert shown["error"] is None
    assert (shown["nodes_done"], shown["nodes_total"]) == (4, 4)
    assert (shown["tokens_in"], shown["tokens_out"]) == (20, 10)
    assert shown["definition_digest"] == digest
    assert not {"input", "output", "input_sealed", "subject_key", "data_key_id"} & set(shown)


def test_a_failed_run_says_where_and_why(bob: Client, failed: Run) -> None:
    error = get(bob, f"{URL}/{failed.pk}")["error"]

    assert error["node"] == "ask"
    assert error["code"] == "model_bad_request"
    assert error["sentence"]


def test_payloads_need_a_permission_of_their_own(acme: Tenant, bob: Client, talked: Run) -> None:
    member = factories.make_member(tenant=acme, role=Role.OPERATOR)
    others = factories.make_program(member, *(MATRIX[Role.OPERATOR] - {Permission.PAYLOAD_VIEW}))
    row = NodeExecution.objects.get(run=talked, node_id="ask")
    output = f"{URL}/{talked.pk}/node-executions/{row.pk}/payload"

    assert get(bob, f"{URL}/{talked.pk}/payloads") == {
        "input": {"n": 3},
        "response": None,
        "output": {"said": "echo: again echo: ask 3"},
    }
    assert get(bob, output) == {"output": {"text": "echo: ask 3"}}
    for path in (f"{URL}/{talked.pk}/payloads", output):
        problem(others.get(path), 403, "permission_missing")


def test_nothing_but_payloads_shows_content(bob: Client, talked: Run) -> None:
    for part in PARTS:
        if part not in ("/payloads", "/events/stream"):
            assert "echo" not in bob.get(f"{URL}/{talked.pk}{part}").content.decode(), part


def test_payloads_are_gone_after_disposal(bob: Client, talked: Run) -> None:
    planned = disposal.plan(kind="run", target_id=talked.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=planned.pk,
        by=actors.SYSTEM,
        legal_basis=LegalBasis.RETENTION_ENDED,
        reason="The test is over.",
    )
    row = NodeExecution.objects.get(run=talked, node_id="ask")

    problem(bob.get(f"{URL}/{talked.pk}/payloads"), 410, "payload_gone")
    problem(bob.get(f"{URL}/{talked.pk}/node-executions/{row.pk}/payload"), 410, "payload_gone")
    assert get(bob, f"{URL}/{talked.pk}")["status"] == "disposed"
    assert TIME.fullmatch(get(bob, f"{URL}/{talked.pk}")["disposed_at"])


def test_node_executions_are_listed_in_the_order_they_were_written(
    bob: Client, talked: Run
) -> None:
    rows = follow(bob, f"{URL}/{talked.pk}/node-executions?limit=3")

    assert [row["node"] for row in rows] == ["start", "ask", "again", "result"]
    assert {row["status"] for row in rows} == {"completed"}
    assert rows[1]["cost"] == {"amount": "0.00", "currency": "EUR"}
    assert TIME.fullmatch(rows[1]["started_at"])
    assert TIME.fullmatch(rows[1]["finished_at"])
    assert isinstance(rows[1]["duration_ms"], int)
    assert (rows[1]["model"], rows[1]["tokens_in"], rows[1]["attempt"]) == ("scripted-1", 10, 1)


def test_decisions_say_why_and_can_be_got_one_by_one(bob: Client, talked: Run) -> None:
    decisions = get(bob, f"{URL}/{talked.pk}/decisions")["items"]

    assert [decision["node"] for decision in decisions] == ["ask", "again"]
    for decision in decisions:
        assert decision["verdict"] == "allow"
        assert decision["policies"]
        assert TIME.fullmatch(decision["at"])
        assert get(bob, f"/api/v1/decisions/{decision['id']}") == decision


def test_model_calls_name_their_decisions_and_cost(bob: Client, talked: Run) -> None:
    calls = get(bob, f"{URL}/{talked.pk}/model-calls")["items"]

    decisions = get(bob, f"{URL}/{talked.pk}/decisions")["items"]
    assert [call["decision"] for call in calls] == [decision["id"] for decision in decisions]
    for call in calls:
        assert call["status"] == "completed"
        assert call["cost"] == {"amount": "0.00", "currency": "EUR"}
        assert TIME.fullmatch(call["started_at"])
        assert TIME.fullmatch(call["finished_at"])


def test_events_are_numbered_and_paged_by_their_numbers(bob: Client, talked: Run) -> None:
    events = follow(bob, f"{URL}/{talked.pk}/events?limit=4")

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len(events) == get(bob, f"{URL}/{talked.pk}")["event_seq"]
    assert (events[0]["name"], events[-1]["name"]) == ("run.started", "end")
    assert all(TIME.fullmatch(event["at"]) for event in events)


# -- resume and cancel -----------------------------------------------------------------------------------------------


def test_a_failed_run_is_resumed_once(bob: Client, failed: Run) -> None:
    first, second = (post(bob, f"{URL}/{failed.pk}/resume") for _ in range(2))

    assert (first.status_code, first.json()["status"]) == (202, "queued")
    assert first["Location"] == f"{URL}/{failed.pk}"
    assert first.json()["error"] is None
    assert first.json()["finished_at"] is None
    problem(second, 409, "run_not_resumable")


def test_a_completed_run_is_neither_resumed_nor_cancelled(bob: Client, talked: Run) -> None:
    problem(post(bob, f"{URL}/{talked.pk}/resume"), 409, "run_not_resumable")
    problem(post(bob, f"{URL}/{talked.pk}/cancel"), 409, "run_not_cancellable")


def test_a_waiting_run_is_cancelled_once(bob: Client, chain: WorkflowVersion) -> None:
    run = make_run(chain)

    first, second = (post(bob, f"{URL}/{run.pk}/cancel") for _ in range(2))

    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert TIME.fullmatch(first.json()["finished_at"])
    problem(second, 409, "run_not_cancellable")
    names = [event["name"] for event in get(bob, f"{URL}/{run.pk}/events")["items"]]
    assert names == ["run.cancelled", "end"]


# -- other tenants ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_another_tenants_run_does_not_exist(mallory: Client, talked: Run, part: str) -> None:
    theirs = problem(mallory.get(f"{URL}/{talked.pk}{part}"), 404, "not_found")
    nobodys = problem(mallory.get(f"{URL}/{uuid4()}{part}"), 404, "not_found")

    assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}


def test_another_tenants_run_is_not_moved_listed_or_started(mallory: Client, failed: Run) -> None:
    workflow = failed.workflow.slug

    for deed in ("resume", "cancel"):
        problem(post(mallory, f"{URL}/{failed.pk}/{deed}"), 404, "not_found")
    problem(post(mallory, workflow=workflow, input={"n": 1}), 404, "not_found")

    assert get(mallory, URL)["items"] == []
    with tenant_context(failed.tenant):
        failed.refresh_from_db()
    assert failed.status == "failed"
