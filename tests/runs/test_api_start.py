"""Runs started over the API: what is taken, what is refused and how, and what a key makes happen once."""

import pytest
from django.test import Client

from runs.models import Run, RunFacts
from tenancy import idempotency
from tenancy.context import tenant_context
from tenancy.models import IdempotencyKey, Tenant
from tenancy.permissions import Permission, Role
from tests import factories
from tests.runs.calling import URL, ask, get, post, problem
from tests.runs.making import in_threads
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def started(version: WorkflowVersion) -> list[str]:
    """The runs there are of this version's workflow."""
    with tenant_context(version.tenant):
        return [str(run.pk) for run in Run.objects.filter(workflow_id=version.workflow_id)]


def test_a_run_is_started_and_says_where_it_is(bob: Client, chain: WorkflowVersion) -> None:
    answer = post(bob, **ask(chain, owner_label="north branch", subject="customer 7"))

    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert answer["Location"] == f"{URL}/{shown['id']}"
    assert (shown["status"], shown["version"]) == ("queued", 1)
    assert shown["workflow"] == chain.workflow.slug
    assert shown["owner_label"] == "north branch"
    assert shown["started_by"]["kind"] == "token"
    assert "customer 7" not in answer.content.decode()
    assert get(bob, answer["Location"]) == shown


def test_a_version_can_be_named(bob: Client, chain: WorkflowVersion) -> None:
    assert post(bob, **ask(chain, version=1)).json()["version"] == 1
    problem(post(bob, **ask(chain, version=2)), 404, "not_found")


def test_an_unknown_workflow_is_not_found(bob: Client, chain: WorkflowVersion) -> None:
    problem(post(bob, workflow="no-such-thing", input={}), 404, "not_found")


def test_input_that_misses_the_schema_is_refused_with_pointers(
    bob: Client, chain: WorkflowVersion
) -> None:
    answer = post(bob, **ask(chain, input={"n": "seven", "text": 4}))

    errors = problem(answer, 422, "input_invalid")["errors"]
    assert {error["pointer"] for error in errors} == {"#/input/n", "#/input/text"}
    assert all(error["detail"] and error["code"] for error in errors)
    assert "seven" not in answer.content.decode()
    assert started(chain) == []


def test_a_budget_is_money_and_goes_with_the_run(bob: Client, chain: WorkflowVersion) -> None:
    answer = post(bob, **ask(chain, budget={"amount": "0.25", "currency": "EUR"}))

    assert answer.status_code == 202, answer.content
    with tenant_context(chain.tenant):
        assert RunFacts.objects.get(root_run=answer.json()["id"]).budget_micros == 250_000
    wrong = post(bob, **ask(chain, budget={"amount": "1e3", "currency": "EUR"}))
    errors = problem(wrong, 422, "validation_failed")["errors"]
    assert [error["pointer"] for error in errors] == ["#/budget/amount"]


def test_a_body_that_misses_the_shape_is_refused_with_pointers(
    bob: Client, chain: WorkflowVersion
) -> None:
    answer = post(bob, workflow=chain.workflow.slug, owner_label="x" * 201)

    errors = problem(answer, 422, "validation_failed")["errors"]
    assert {error["pointer"] for error in errors} == {"#/input", "#/owner_label"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{", "application/json", 400, "body_unreadable"),
        ("[]", "application/json", 422, "validation_failed"),
        ("[" * 100_000, "application/json", 400, "body_unreadable"),
        (
            '{"input": ' + "[" * 20_000 + "]" * 20_000 + "}",
            "application/json",
            400,
            "body_unreadable",
        ),
        ('{"input": ' + "[" * 500 + "]" * 500 + "}", "application/json", 400, "body_unreadable"),
        ('{"input": "\\ud800"}', "application/json", 400, "body_unreadable"),
        ('{"input": NaN, "workflow": "x"}', "application/json", 400, "body_unreadable"),
        ("a=b", "text/csv", 415, "media_type_unsupported"),
        ('{"workflow": "a\\u0000b", "input": {}}', "application/json", 422, "validation_failed"),
    ],
)
def test_what_cannot_be_read_is_a_problem(
    bob: Client, body: str, content_type: str, status: int, code: str
) -> None:
    problem(bob.post(URL, body, content_type=content_type), status, code)


def test_no_token_a_wrong_one_and_one_without_the_scope(
    acme: Tenant, chain: WorkflowVersion
) -> None:
    host = f"{acme.slug}.localhost"
    member = factories.make_member(tenant=acme, role=Role.OPERATOR)
    narrow = factories.make_program(member, Permission.RUN_VIEW)
    wrong = Client(headers={"host": host, "authorization": "Bearer grove_0123456789ab_nonsense"})

    problem(post(Client(headers={"host": host}), **ask(chain)), 401, "not_signed_in")
    assert post(wrong, **ask(chain)).status_code == 401
    assert problem(post(narrow, **ask(chain)), 403, "permission_missing")["permission"] == (
        "run.start"
    )


# -- Idempotency-Key -----------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_the_same_run(bob: Client, chain: WorkflowVersion) -> None:
    first, second = (post(bob, key="night 1", **ask(chain)) for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second["Location"] == first["Location"]
    assert second["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert len(started(chain)) == 1


def test_the_same_key_with_another_body_is_refused(bob: Client, chain: WorkflowVersion) -> None:
    post(bob, key="night 1", **ask(chain))

    answer = post(bob, key="night 1", **ask(chain, input={"n": 2}))

    problem(answer, 422, "idempotency_key_reused")
    assert len(started(chain)) == 1


def test_a_refused_start_leaves_its_key_free(bob: Client, chain: WorkflowVersion) -> None:
    problem(post(bob, key="night 1", **ask(chain, input={})), 422, "input_invalid")

    assert post(bob, key="night 1", **ask(chain)).status_code == 202


def test_keys_of_two_programs_do_not_meet(
    acme: Tenant, bob: Client, chain: WorkflowVersion
) -> None:
    other = factories.make_program(factories.make_member(tenant=acme, role=Role.OPERATOR))

    ids = {post(client, key="night 1", **ask(chain)).json()["id"] for client in (bob, other)}

    assert len(ids) == 2


def test_of_many_at_once_with_one_key_one_starts_a_run(bob: Client, chain: WorkflowVersion) -> None:
    body = ask(chain)

    answers = in_threads(12, lambda number: post(bob, key="night 1", **body))

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency_key_in_use"}
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1
    assert len(started(chain)) == 1


def test_a_start_whose_answer_was_lost_with_its_process_is_not_done_twice(
    bob: Client, chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(idempotency, "keep", lambda **kept: 1 / 0)
        bob.raise_request_exception = False
        assert post(bob, key="night 1", **ask(chain)).status_code == 500
    with tenant_context(chain.tenant):
        IdempotencyKey.objects.all().delete()  # as when it is given up, after five minutes

    answer = post(bob, key="night 1", **ask(chain))

    assert answer.status_code == 202
    assert started(chain) == [answer.json()["id"]]
