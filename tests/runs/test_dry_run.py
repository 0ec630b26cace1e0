"""Dry runs: every kind of node in memory, with answers that somebody wrote down, and no way out."""

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs import dry_run
from runs.dry_run import DryReport
from runs.errors import InputInvalid
from tenancy.models import Tenant
from tests.runs.specs import (
    approval,
    callback,
    delay,
    for_each,
    llm,
    publish,
    refine,
    result,
    sub_workflow,
    transform,
)
from workflows.definition import Definition
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
SEVERITY = {
    "type": "object",
    "properties": {"severity": {"enum": ["low", "high"]}},
    "required": ["severity"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def offline(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket of this process leads anywhere. The database has its own, below Python."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("A dry run reached for the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def group(in_acme: Tenant) -> None:
    from tests.runs.making import make_model_group

    make_model_group("http://127.0.0.1:1/v1")


def opened(version: WorkflowVersion) -> Definition:
    definition: Definition = version.revision.definition
    return definition


def try_out(version: WorkflowVersion, answers: dict[str, Any], **given: Any) -> DryReport:
    return dry_run.try_out(opened(version), run_input={"n": 1} | given, answers=answers, at=AT)


def test_answers_flow_through_the_graph_and_nothing_is_written(in_acme: Tenant) -> None:
    version = publish(
        llm("judge", "How bad is {{ start.text }}?", "start", output=SEVERITY),
        transform("shout", "{said: judge.severity}", "judge"),
        result("{{ shout.said }}", "shout"),
    )
    opened(version)
    with CaptureQueriesContext(connection) as asked:
        report = try_out(version, {"judge": {"severity": "high"}}, text="A flood")

    assert (report.status, report.output) == ("completed", "high")
    assert [(each.path, each.status) for each in report.nodes] == [
        ("start", "completed"),
        ("judge", "completed"),
        ("shout", "completed"),
        ("result", "completed"),
    ]
    assert not [one for one in asked.captured_queries if not one["sql"].startswith("SELECT")]


def test_an_answer_that_misses_the_schema_is_repaired_once_and_then_fails(in_acme: Tenant) -> None:
    version = publish(
        llm("judge", "How bad?", "start", output=SEVERITY), result("{{ judge.severity }}", "judge")
    )

    assert try_out(version, {"judge": ["no json", {"severity": "low"}]}).output == "low"
    report = try_out(version, {"judge": {"severity": "none"}})
    assert (report.status, report.error_code) == ("failed", "output_schema_mismatch")
    assert report.error_node == "judge"


def test_without_an_answer_the_node_is_named(in_acme: Tenant) -> None:
    version = publish(llm("say", "Hello", "start"), result("{{ say.text }}", "say"))

    report = try_out(version, {})

    assert (report.error_code, report.error_sentence) == (
        "no_answer",
        "The case gives no answer for node “say”.",
    )


@pytest.mark.parametrize(
    ("said", "status", "output"),
    [("approved", "completed", "approved"), ({"verdict": "refused"}, "failed", None)],
)
def test_an_approval_is_answered_by_the_case(
    in_acme: Tenant, said: Any, status: str, output: str | None
) -> None:
    version = publish(approval("ask", "start"), result("{{ ask.verdict }}", "ask"))

    report = try_out(version, {"ask": said})

    assert (report.status, report.output) == (status, output)


def test_a_delay_takes_no_time_and_a_callback_needs_no_network(in_acme: Tenant) -> None:
    version = publish(
        delay("rest", 86_400, "start"),
        callback("told", "rest"),
        result("{{ told.paid }}", "told"),
    )

    assert try_out(version, {"told": {"paid": True}}).output is True


def test_entries_are_answered_each_or_all(in_acme: Tenant) -> None:
    body = [llm("say", "Hello {{ item }}")]
    version = publish(for_each("all", body, "{{ say.text }}", "start"), result("{{ all }}", "all"))
    answers = {"all.say": "Good day", "all[1].say": "Good night"}

    assert try_out(version, answers, items=["a", "b", "c"]).output["items"] == [
        "Good day",
        "Good night",
        "Good day",
    ]


def test_rounds_use_their_answers_up(in_acme: Tenant) -> None:
    version = publish(
        refine(
            "draft",
            [
                llm("write", "Write it."),
                llm("look", "Is it good? {{ write.text }}", "write", output=SEVERITY),
            ],
            "start",
            value="{{ write.text }}",
            accept={"left": "{{ look.severity }}", "op": "==", "right": "low"},
            feedback="{{ look.severity }}",
        ),
        result("{{ draft }}", "draft"),
    )
    answers = {
        "draft.write": "same",
        "draft[0].look": {"severity": "high"},
        "draft[1].look": {"severity": "low"},
        "draft[1].write": "better",
    }

    report = try_out(version, answers)

    assert report.status == "completed", report.error_sentence
    assert "better" in str(report.output)


def test_a_pinned_version_runs_within(in_acme: Tenant) -> None:
    inner = publish(llm("say", "Hello {{ start.n }}", "start"), result("{{ say.text }}", "say"))
    outer = publish(sub_workflow("part", inner, "start"), result("{{ part }}", "part"))

    report = try_out(outer, {"say": "unused", "part.say": "x"})
    assert report.status == "completed", report.error_sentence
    assert report.output == "unused"  # a workflow of its own, so its paths begin anew
    assert "part.say" in {each.path for each in report.nodes}
    assert try_out(outer, {"part": "told"}).output == "told"


def test_an_input_that_misses_the_schema_is_refused(in_acme: Tenant) -> None:
    version = publish(result("{{ start.n }}", "start"))

    with pytest.raises(InputInvalid):
        dry_run.try_out(opened(version), run_input={"n": "seven"}, answers={}, at=AT)
