"""The API of what waits: the list, a decision, the answer at a callback's address; and what it shows of a run."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from runs import payloads, waits
from runs.models import Wait
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Permission, Role
from tests import factories
from tests.runs.calling import TIME, ask, follow, get, post, problem
from tests.runs.making import execute, make_run, running_executor, wait_until
from tests.runs.specs import approval, callback, publish, result, sub_workflow, transform
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

URL = "/api/v1/waits"
PAID = {
    "type": "object",
    "properties": {"paid": {"type": "boolean"}},
    "required": ["paid"],
}


@pytest.fixture
def rob(acme: Tenant) -> Client:
    return factories.make_program(factories.make_member(tenant=acme, role=Role.REVIEWER))


@pytest.fixture
def carol(acme: Tenant) -> Client:
    return factories.make_program(factories.make_member(tenant=acme, role=Role.AUDITOR))


def asked(version: WorkflowVersion | None = None, **run_input: Any) -> Wait:
    """A question of a run that waits for its answer."""
    version = version or publish(
        approval("check", "start", question="Pay {{ start.n }}?", respond_here=True),
        result("{{ check.verdict }}", "check"),
    )
    run = make_run(version, **run_input or {"n": 7})
    with running_executor() as executor:
        wait_until(lambda: Wait.objects.filter(run=run).exists() and executor.is_idle)
    return Wait.objects.select_related("run__workflow").get(run=run)


def test_a_question_is_listed_without_its_content(in_acme: Tenant, carol: Client) -> None:
    wait = asked()

    (shown,) = follow(carol, f"{URL}?open=true")

    assert TIME.fullmatch(shown.pop("asked_at"))
    assert TIME.fullmatch(shown.pop("expires_at"))
    assert shown == {
        "id": str(wait.pk),
        "run": str(wait.run_id),
        "workflow": wait.run.workflow.slug,
        "node": "check",
        "attempt": 1,
        "kind": "approval",
        "approver": "reviewer",
        "answer_schema": None,
        "answered_at": None,
        "answered_by": None,
        "withdrawn_at": None,
        "verdict": "",
    }
    assert get(carol, f"{URL}/{wait.pk}")["content"] is None


def test_who_may_see_payloads_sees_the_question_and_the_answer(
    in_acme: Tenant, rob: Client
) -> None:
    wait = asked()
    assert get(rob, f"{URL}/{wait.pk}")["content"] == {
        "question": {"question": "Pay 7?", "show": None},
        "answer": None,
    }

    post(rob, f"{URL}/{wait.pk}/decision", verdict="approved", reason="It is due.")

    assert get(rob, f"{URL}/{wait.pk}")["content"]["answer"] == {"reason": "It is due."}


def test_the_list_is_filtered(in_acme: Tenant, rob: Client) -> None:
    wait = asked()
    other = asked(publish(callback("bank", "start"), result("{{ bank }}", "bank")))

    def ids(query: str) -> list[str]:
        return [row["id"] for row in follow(rob, f"{URL}?{query}")]

    assert ids("kind=approval") == [str(wait.pk)]
    assert ids("kind=callback&open=true") == [str(other.pk)]
    assert ids("open=false") == []
    assert ids(f"run={wait.run_id}") == [str(wait.pk)]
    assert ids("approver=operator") == []
    assert ids("limit=1") == [str(wait.pk), str(other.pk)]
    problem(rob.get(f"{URL}?open=perhaps"), 400, "filter_invalid")
    problem(rob.get(f"{URL}?run=mine"), 400, "filter_invalid")


def test_a_decision_lets_the_run_go_on(in_acme: Tenant, rob: Client) -> None:
    wait = asked()

    answer = post(rob, f"{URL}/{wait.pk}/decision", verdict="approved")

    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["verdict"], said["answered_by"]["kind"]) == ("approved", "token")
    with tenant_context(in_acme):
        assert execute(wait.run).status == "completed"
        entry = LedgerEntry.objects.get(event="wait.answered", subject_id=str(wait.pk))
    assert entry.actor_kind == "token"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"verdict": "perhaps"}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
        ({"verdict": "refused"}, 422, "answer_invalid"),  # without a reason
    ],
)
def test_a_decision_that_cannot_be_understood(
    in_acme: Tenant, rob: Client, body: dict[str, Any], status: int, code: str
) -> None:
    wait = asked()

    problem(post(rob, f"{URL}/{wait.pk}/decision", **body), status, code)
    with tenant_context(in_acme):
        assert Wait.objects.get(pk=wait.pk).is_open


def test_who_may_not_decide(in_acme: Tenant, bob: Client, carol: Client, mallory: Client) -> None:
    wait = asked()
    path = f"{URL}/{wait.pk}/decision"

    problem(post(bob, path, verdict="approved"), 409, "answer_refused")  # another role's
    problem(post(carol, path, verdict="approved"), 403, "permission_missing")
    problem(post(mallory, path, verdict="approved"), 404, "not_found")
    problem(mallory.get(f"{URL}/{wait.pk}"), 404, "not_found")
    assert follow(mallory, f"{URL}?open=true") == []


def test_a_token_needs_the_scope_to_decide(in_acme: Tenant, acme: Tenant) -> None:
    member = factories.make_member(tenant=acme, role=Role.REVIEWER)
    program = factories.make_program(member, Permission.RUN_VIEW)

    answer = post(program, f"{URL}/{asked().pk}/decision", verdict="approved")

    problem(answer, 403, "permission_missing")


def test_nobody_decides_in_a_run_of_their_own_whichever_token_they_use(
    in_acme: Tenant, acme: Tenant
) -> None:
    member = factories.make_member(tenant=acme, role=Role.OPERATOR)
    version = publish(
        approval("check", "start", approver="operator"), result("{{ check.verdict }}", "check")
    )
    started = post(factories.make_program(member), **ask(version)).json()
    with tenant_context(in_acme), running_executor():
        wait_until(lambda: Wait.objects.filter(run=started["id"]).exists())
        path = f"{URL}/{Wait.objects.get(run=started['id']).pk}/decision"

    problem(post(factories.make_program(member), path, verdict="approved"), 409, "answer_refused")
    signed_in = factories.make_client(member)
    assert signed_in.post(path, {"verdict": "approved"}, "application/json").status_code == 409


def test_a_second_decision_is_refused(in_acme: Tenant, rob: Client) -> None:
    path = f"{URL}/{asked().pk}/decision"
    post(rob, path, verdict="approved")

    said = problem(post(rob, path, verdict="approved"), 409, "answer_refused")

    assert "already" in said["detail"]


# -- callbacks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where callbacks are answered: in a run that is told to a tool."""
    given: list[str] = []
    really = waits.address_of

    def overheard(token: str) -> str:
        given.append(really(token).partition("/api/")[2])
        return really(token)

    monkeypatch.setattr(waits, "address_of", overheard)
    return given


def outside(tenant: Tenant) -> Client:
    return Client(headers={"host": f"{tenant.slug}.localhost"}, enforce_csrf_checks=True)


def test_a_callback_is_answered_by_whoever_has_its_address(
    in_acme: Tenant, addresses: list[str]
) -> None:
    wait = asked(publish(callback("bank", "start", schema=PAID), result("{{ bank }}", "bank")))
    client = outside(in_acme)

    answer = client.post(f"/api/{addresses[0]}", {"paid": True}, "application/json")

    assert answer.status_code == 200, answer.content
    assert answer.json()["id"] == str(wait.pk)
    again = client.post(f"/api/{addresses[0]}", {"paid": False}, "application/json")
    problem(again, 409, "answer_refused")
    with tenant_context(in_acme):
        done = execute(wait.run)
        assert payloads.open_payload(done, "output_sealed") == {"paid": True}


def test_what_does_not_fit_or_is_no_callback_is_a_problem(
    in_acme: Tenant, beta: Tenant, addresses: list[str]
) -> None:
    asked(publish(callback("bank", "start", schema=PAID), result("{{ bank }}", "bank")))
    client, path = outside(in_acme), f"/api/{addresses[0]}"

    said = problem(client.post(path, {"paid": "yes"}, "application/json"), 422, "answer_invalid")
    assert said["errors"]
    problem(client.post(path, "{", "application/json"), 422, "answer_invalid")
    problem(client.post(path[:-1], {"paid": True}, "application/json"), 404, "callback_unknown")
    foreign = outside(beta).post(path, {"paid": True}, "application/json")
    problem(foreign, 404, "callback_unknown")
    problem(client.get(path), 405, "method_not_allowed")


def test_somebody_who_guesses_addresses_is_slowed_down(in_acme: Tenant, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"callback": "3/m/ip"}
    cache.clear()
    client = outside(in_acme)
    for _ in range(3):
        problem(client.post("/api/v1/callbacks/x", 1, "application/json"), 404, "callback_unknown")

    answer = client.post("/api/v1/callbacks/x", 1, "application/json")

    problem(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "60"
    cache.clear()


# -- what a run shows of it -------------------------------------------------------------------------------------------


def test_a_node_that_waits_says_for_what(in_acme: Tenant, bob: Client) -> None:
    wait = asked()

    rows = follow(bob, f"/api/v1/runs/{wait.run_id}/node-executions?limit=50")

    check = next(row for row in rows if row["node"] == "check")
    assert check["waits_for"] == {
        "kind": "approval",
        "wait": str(wait.pk),
        "approver": "reviewer",
    }
    assert TIME.fullmatch(check["due_at"])


def test_a_run_shows_its_early_response(in_acme: Tenant, bob: Client, rob: Client) -> None:
    version = publish(
        transform("quick", "{said: 'hello'}", "start", respond_here=True),
        approval("check", "quick"),
        result("{{ check.verdict }}", "check"),
    )
    wait = asked(version)

    shown = get(bob, f"/api/v1/runs/{wait.run_id}")

    assert (shown["status"], shown["response_node"]) == ("waiting", "quick")
    assert TIME.fullmatch(shown["response_at"])
    content = get(bob, f"/api/v1/runs/{wait.run_id}/payloads")
    assert (content["response"], content["output"]) == ({"said": "hello"}, None)


def test_a_run_shows_its_children_and_a_child_its_parent(
    in_acme: Tenant, bob: Client, mallory: Client
) -> None:
    low = publish(transform("it", "{n: start.n}", "start"), result("{{ it }}", "it"))
    run = execute(make_run(publish(sub_workflow("low", low, "start"), result("{{ low }}", "low"))))

    (child,) = follow(bob, f"/api/v1/runs/{run.pk}/children?limit=50")

    assert (child["parent_run"], child["parent_node"]) == (str(run.pk), "low")
    assert child["root_run"] == str(run.pk)
    assert follow(bob, f"/api/v1/runs/{child['id']}/children?limit=50") == []
    problem(mallory.get(f"/api/v1/runs/{run.pk}/children"), 404, "not_found")
