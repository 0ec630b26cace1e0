"""The page of runs: one question as text, chips and links, and as many statements for many runs as for few."""

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from runs.models import ModelCall, Run, Wait
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program
from tests.runs.making import make_decision, make_deployment, make_run
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
MOST_STATEMENTS = 26


@pytest.fixture
def runs(chain: WorkflowVersion) -> list[Run]:
    made = [make_run(chain) for _ in range(3)]
    Run.objects.filter(pk=made[0].pk).update(
        status="failed", error_code="timeout", error_node="two", owner_label="Case 1, old"
    )
    return made


@pytest.fixture
def client(in_acme: Tenant, runs: list[Run]) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.OPERATOR))


def text_of(client: Client, address: str) -> str:
    return html.unescape(client.get(address).content.decode())


def chips_of(text: str) -> dict[str, str]:
    """What each chip says, and the address without it."""
    found = re.findall(r'<a class="chip" href="([^"]*)">(.*?) <svg', text)
    return {words: href for href, words in found}


def test_text_and_chips_are_one_question(client: Client, runs: list[Run]) -> None:
    text = text_of(client, "/runs/?q=status:failed&owner=Case+1,+old")

    chips = chips_of(text)
    assert list(chips) == ["State: failed", "Owner: Case 1, old"]
    assert 'value="status:failed owner:"Case 1, old""' in text
    assert str(runs[0].pk) in text
    assert str(runs[1].pk) not in text
    without = text_of(client, f"/runs/{chips['State: failed']}")
    assert list(chips_of(without)) == ["Owner: Case 1, old"]
    last = text_of(client, f"/runs/{chips_of(without)['Owner: Case 1, old']}")
    assert chips_of(last) == {}
    assert all(str(run.pk) in last for run in runs)


def test_form_of_filters_adds_to_the_question(client: Client) -> None:
    added = {
        "q": "owner:north",
        "pick-status": "failed",
        "not-status": "yes",
        "pick-workflow": "",
        "pick-since": "2026-11-01",
    }

    answer = client.get("/runs/", added)

    assert answer.status_code == 302
    expected = "?q=owner%3Anorth+-status%3Afailed+started%3A%3E%3D2026-11-01"
    assert answer["Location"].removeprefix("/runs/") == expected


def test_counts_of_states_are_links_that_keep_the_rest(client: Client) -> None:
    text = text_of(client, "/runs/?q=owner:none+status:failed")
    everything = text_of(client, "/runs/?q=error:timeout")

    assert re.search(r'href="\?q=error%3Atimeout\+status%3Afailed"[^>]*>.*?>1<', everything)
    assert "No runs match" in text
    assert 'aria-current="true"' in text


@pytest.mark.parametrize("address", ["/runs/?q=colour:green+status:failed", "/runs/?status=asleep"])
def test_question_that_is_not_understood_stays_to_be_mended(client: Client, address: str) -> None:
    answer = client.get(address)

    text = html.unescape(answer.content.decode())
    assert answer.status_code == 400
    assert "The question is not understood" in text
    assert "Known are:" in text
    assert "colour" not in address or 'value="colour:green status:failed"' in text


def test_rows_say_who_what_failed_and_what_was_denied(client: Client, runs: list[Run]) -> None:
    run = runs[0]
    with tenant_context(run.tenant):
        decision = make_decision(run, verdict="deny")
        ModelCall.objects.create(
            run=run,
            decision=decision,
            deployment=make_deployment("http://127.0.0.1:9/v1"),
            node_id="one",
            attempt=1,
            model_group="default",
            model_requested="m",
            redactions=["IBAN", "EMAIL"],
            started_at=now(),
        )
        Wait.objects.create(
            run=run,
            node_id="one",
            attempt=1,
            kind="approval",
            asked_at=run.created_at,
            answered_at=run.created_at.replace(year=run.created_at.year + 1),
            expires_at=now(),
        )

    rows = client.get("/runs/?q=").context["rows"]
    text = text_of(client, "/runs/?q=denied:yes")

    row = next(each for each in rows if each.run.pk == run.pk)
    assert (row.denied, row.redactions, row.starter) == (1, 2, "Grove")
    assert row.waited_seconds == pytest.approx(365 * 86_400)
    assert f"/runs/{run.pk}/?node=two" in text  # the failing node is one click away
    assert f"/runs/{run.pk}/decisions/" in text
    assert "2 masked" in text


def test_oldest_first_when_asked(client: Client, runs: list[Run]) -> None:
    text = text_of(client, "/runs/?q=&order=oldest")

    assert text.index(str(runs[0].pk)) < text.index(str(runs[2].pk))


def test_newer_runs_are_counted_beside_the_list(client: Client, runs: list[Run]) -> None:
    address = f"/runs/newer/?q=status:queued&seen={runs[1].pk}"

    assert "1 new run: show" in text_of(client, address)
    again = text_of(client, f"/runs/newer/?q=status:failed&seen={runs[1].pk}")
    assert "show" not in again
    assert 'hx-trigger="every 20s"' in again
    assert "colour" not in text_of(client, "/runs/newer/?q=colour:x&seen=y")


def test_page_asks_as_much_for_many_runs_as_for_few(
    client: Client, runs: list[Run], chain: WorkflowVersion
) -> None:
    counted = []
    client.get("/runs/?q=")
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            client.get("/runs/?q=-status:failed+by:me,Bob+version:1+denied:no+class:internal")
        counted.append(len(asked))
        with tenant_context(chain.tenant):
            for _ in range(5):
                make_run(chain)

    assert counted[0] == counted[1] <= MOST_STATEMENTS


def test_programs_ask_the_same_question(in_acme: Tenant, runs: list[Run]) -> None:
    program = make_program(make_member(tenant=in_acme, role=Role.OPERATOR))
    address = "/api/v1/runs"

    failed = program.get(address, {"q": "error:timeout -owner:north"}).json()["items"]
    narrowed = program.get(address, {"q": "error:timeout", "status": "queued"}).json()["items"]
    bad = program.get(address, {"q": "colour:green"})

    assert [each["id"] for each in failed] == [str(runs[0].pk)]
    assert narrowed == []
    assert (bad.status_code, bad.json()["code"]) == (400, "filter_invalid")
    assert "“colour” is not a filter" in bad.json()["detail"]
