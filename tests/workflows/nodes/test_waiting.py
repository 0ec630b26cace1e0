"""Nodes that wait: what they ask for, and what they make of the answer."""

from datetime import UTC, datetime, timedelta

import pytest

from compliance.labels import DataClass, Integrity, Labels
from tenancy.permissions import MATRIX, Permission, Role
from tests.workflows.nodes.fake_context import NOON, FakeContext
from workflows.nodes import KINDS, Answer, NodeFailed, Pause, Result
from workflows.nodes.approval import APPROVERS

SECRET = Labels(DataClass.CONFIDENTIAL, tags=frozenset({"PII"}))


def run(kind, values, inputs=None, ctx=None):
    return KINDS[kind].run(ctx or FakeContext(), KINDS[kind].read(values), inputs or {})


def resume(kind, values, answer, ctx=None):
    return KINDS[kind].resume(ctx or FakeContext(), KINDS[kind].read(values), {}, answer)


def failed(called, *args, **named):
    with pytest.raises(NodeFailed) as raised:
        called(*args, **named)
    return raised.value


# -- delay


def test_a_delay_waits_for_its_seconds():
    pause = run("delay", {"seconds": 90})

    assert (pause.kind, pause.until) == ("delay", NOON + timedelta(seconds=90))
    result = resume("delay", {"seconds": 90}, Answer(kind="delay", about=pause.about))
    assert result.output == {"until": "2026-11-02T12:01:30+00:00"}


def test_a_delay_waits_until_a_moment_in_its_time_zone():
    pause = run("delay", {"until": "{{ a.due }}"}, {"a": {"due": "2026-11-02T14:00:00+01:00"}})

    assert pause.until == datetime(2026, 11, 2, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("values", [{"seconds": 0}, {"until": "2026-11-02T11:00:00Z"}])
def test_a_moment_that_has_passed_is_no_wait(values):
    assert isinstance(run("delay", values), Result)


@pytest.mark.parametrize(
    ("due", "code"),
    [
        ("tomorrow", "moment_unreadable"),
        ("2026-11-02T14:00:00", "moment_unreadable"),  # where?
        (14, "moment_unreadable"),
        ("2029-01-01T00:00:00Z", "delay_too_long"),
    ],
)
def test_a_moment_that_makes_no_sense_fails(due, code):
    assert failed(run, "delay", {"until": "{{ a.due }}"}, {"a": {"due": due}}).code == code


# -- callback

CALLBACK = {
    "expires_in_seconds": 60,
    "schema": {"type": "object", "properties": {"paid": {"type": "boolean"}}, "required": ["paid"]},
}


def test_a_callback_opens_an_address_and_waits():
    ctx = FakeContext()

    pause = run("callback", CALLBACK, ctx=ctx)

    assert pause == Pause(kind="callback", until=NOON + timedelta(seconds=60))
    assert ctx.asked == [
        {"kind": "callback", "question": None, "schema": CALLBACK["schema"], "approver": ""}
    ]
    assert ctx.tool_calls == []


def test_a_callback_tells_somebody_of_its_address():
    ctx = FakeContext(labels=SECRET)
    request = {
        "tool": "http_request",
        "arguments": {"url": "{{ a.url }}", "json": {"answer_to": "{{ callback_url }}"}},
        "idempotent": True,
    }

    run("callback", {**CALLBACK, "request": request}, {"a": {"url": "https://bank.test"}}, ctx)

    assert ctx.tool_calls == [
        {
            "name": "http_request",
            "arguments": {"url": "https://bank.test", "json": {"answer_to": ctx.callback_url}},
            "idempotent": True,
            "timeout_seconds": 60,
            "labels": SECRET,
        }
    ]


def test_a_callback_whose_announcement_fails_does_not_wait():
    ctx = FakeContext(tool_answers=[NodeFailed("tool_timeout", "No answer.")])
    request = {"tool": "http_request", "arguments": {"url": "https://bank.test"}}

    assert failed(run, "callback", {**CALLBACK, "request": request}, ctx=ctx).code == "tool_timeout"


def test_what_came_back_is_checked_and_trusted_no_more_than_a_model():
    answer = Answer(kind="callback", output={"paid": True})
    ctx = FakeContext(labels=SECRET, node_id="bank")

    assert resume("callback", CALLBACK, answer, ctx) == Result(
        output={"paid": True},
        labels=SECRET.with_integrity(Integrity.UNTRUSTED).with_origins("bank"),
    )
    closed = {**CALLBACK["schema"], "additionalProperties": False}
    bounded = resume("callback", {**CALLBACK, "schema": closed}, answer, ctx)
    assert bounded.labels.integrity is Integrity.ENDORSED


def test_the_labels_of_an_answer_are_joined():
    answer = Answer(kind="callback", output=1, labels=Labels(DataClass.RESTRICTED))

    result = resume("callback", {"expires_in_seconds": 1}, answer, FakeContext(labels=SECRET))

    assert result.labels.data_class is DataClass.RESTRICTED
    assert result.labels.tags == {"PII"}


def test_an_answer_that_does_not_fit_fails_without_repeating_it():
    error = failed(resume, "callback", CALLBACK, Answer(kind="callback", output={"paid": "Erika"}))

    assert error.code == "callback_schema_mismatch"
    assert "Erika" not in error.sentence


def test_what_is_read_of_an_answer_is_what_its_schema_says():
    assert KINDS["callback"].output_schema(KINDS["callback"].read(CALLBACK)) == CALLBACK["schema"]


def test_nobody_answered_in_time():
    error = failed(resume, "callback", CALLBACK, Answer(kind="callback", expired=True))

    assert (error.code, error.sentence) == (
        "callback_expired",
        "Nobody answered within 60 seconds.",
    )


# -- approval

APPROVAL = {
    "question": "Pay {{ a.sum }}?",
    "show": {"letter": "{{ a.letter }}"},
    "approver": "reviewer",
    "expires_in_seconds": 3600,
}


def test_an_approval_asks_with_what_is_to_be_seen():
    ctx = FakeContext()

    pause = run("approval", APPROVAL, {"a": {"sum": 3, "letter": ["x"]}}, ctx)

    assert (pause.kind, pause.until) == ("approval", NOON + timedelta(hours=1))
    assert ctx.asked == [
        {
            "kind": "approval",
            "question": {"question": "Pay 3?", "show": {"letter": ["x"]}},
            "schema": None,
            "approver": "reviewer",
        }
    ]


def test_an_approval_takes_its_branch_and_notes_who_decided():
    answer = Answer(kind="approval", verdict="approved", by="Rob", sentence="Seen.")

    result = resume("approval", APPROVAL, answer, FakeContext(labels=SECRET))

    assert result.branch == "approved"
    assert result.output == {"verdict": "approved", "by": "Rob", "reason": "Seen."}
    assert result.labels == SECRET
    assert [note.body for note in result.notes] == [{"verdict": "approved", "by": "Rob"}]


def test_a_refusal_takes_the_branch_that_waits_for_it():
    answer = Answer(kind="approval", verdict="refused", by="Rob")

    result = resume("approval", APPROVAL, answer, FakeContext(branches=frozenset({"refused"})))

    assert result.branch == "refused"


def test_a_refusal_that_nothing_waits_for_fails():
    answer = Answer(kind="approval", verdict="refused", by="Rob")

    error = failed(resume, "approval", APPROVAL, answer)

    assert (error.code, error.sentence) == ("approval_refused", "Rob refused.")
    assert error.notes[0].body["verdict"] == "refused"


def test_an_answer_without_a_verdict_is_no_approval():
    assert failed(resume, "approval", APPROVAL, Answer(kind="approval")).code == "approval_refused"


def test_nobody_decided_in_time():
    error = failed(resume, "approval", APPROVAL, Answer(kind="approval", expired=True))

    assert error.code == "approval_expired"
    assert "reviewer" in error.sentence


def test_who_may_approve_are_the_roles_that_may_decide():
    assert set(APPROVERS) == {role.value for role in Role if Permission.RUN_DECIDE in MATRIX[role]}


# -- sub_workflow

CHILD = {"workflow": "scoring@3", "input": {"claim": "{{ a.claim }}"}}


def test_a_sub_workflow_starts_a_run_of_the_pinned_version():
    ctx = FakeContext()

    pause = run("sub_workflow", CHILD, {"a": {"claim": 7}}, ctx)

    assert pause.kind == "child"
    assert ctx.children == [{"workflow": "scoring@3", "run_input": {"claim": 7}}]


def test_what_the_child_answers_has_the_childs_labels():
    answer = Answer(kind="child", verdict="completed", output={"points": 3}, labels=Labels())

    assert resume("sub_workflow", CHILD, answer, FakeContext(labels=SECRET)) == Result(
        output={"points": 3}, labels=Labels()
    )
    unlabelled = Answer(kind="child", verdict="completed", output=1)
    assert resume("sub_workflow", CHILD, unlabelled, FakeContext(labels=SECRET)).labels == SECRET


@pytest.mark.parametrize("verdict", ["failed", "cancelled", ""])
def test_a_child_that_did_not_complete_fails_the_node(verdict):
    answer = Answer(kind="child", verdict=verdict, code="denied", sentence="")

    assert failed(resume, "sub_workflow", CHILD, answer).code == "child_failed"


@pytest.mark.parametrize("kind", ["delay", "callback", "approval", "sub_workflow"])
def test_what_does_not_lead_anywhere_fails_before_it_waits(kind):
    values = {
        "delay": {"until": "{{ gone }}"},
        "callback": {
            **CALLBACK,
            "request": {"tool": "http_request", "arguments": {"url": "{{ gone }}"}},
        },
        "approval": {**APPROVAL, "show": "{{ gone }}"},
        "sub_workflow": {**CHILD, "input": "{{ gone }}"},
    }[kind]

    assert failed(run, kind, values, {"a": {"sum": 1}}).code == "reference_missing"
