"""Pages of runs: who may see them, what they say, what they keep to themselves."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compliance import disposal
from runs.models import Run, RunFacts
from tenancy import actors
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.browser.bank import COMPLAINTS, LETTER, script
from tests.factories import make_client, make_member
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SECRET = "35 euros"


@pytest.fixture
def done(in_acme: Tenant) -> Iterator[Run]:
    with ScriptedModel(script) as model:
        make_model_group(model.base_url)
        version = make_version(
            COMPLAINTS.replace("{", "{{").replace("}", "}}").replace("complaint-handling", "{name}")
        )
        yield execute(make_run(version, text=LETTER))


def browser(tenant: Tenant, role: Role) -> Client:
    return make_client(make_member(tenant=tenant, role=role))


def test_run_page_shows_graph_timeline_and_the_selected_node(done: Run) -> None:
    page = browser(done.tenant, Role.OPERATOR).get(f"/runs/{done.pk}/?node=classify")

    assert page.status_code == 200
    text = page.content.decode()
    assert 'class="graph' in text
    assert "gantt" in text
    assert '<h2 id="h-node">Classify</h2>' in text
    assert "severity" in text
    assert page["Cache-Control"] == "no-store"


def test_run_page_as_a_fragment_is_only_what_changes(done: Run) -> None:
    client = browser(done.tenant, Role.OPERATOR)

    page = client.get(f"/runs/{done.pk}/", headers={"HX-Request": "true", "HX-Target": "live"})

    text = page.content.decode()
    assert text.lstrip().startswith('<div class="stack" id="live"')
    assert "<html" not in text
    assert "hx-trigger" not in text  # the run is over: nothing refreshes itself any more


def test_run_page_without_the_permission_shows_no_payload(done: Run) -> None:
    client = browser(done.tenant, Role.AUDITOR)

    for path in ("", "?node=mask", "?node=classify", "?node=result", "events/", "decisions/"):
        page = client.get(f"/runs/{done.pk}/{path}")
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
    assert client.get(f"/runs/{done.pk}/payloads/").status_code == 403


def test_run_page_reads_only_the_content_that_it_shows(done: Run) -> None:
    client = browser(done.tenant, Role.OPERATOR)

    with CaptureQueriesContext(connection) as asked:
        client.get(f"/runs/{done.pk}/?node=classify")

    columns = ("input_sealed", "output_sealed", "request_sealed", "response_sealed")
    read = [
        (column, query["sql"].split(" FROM ")[1].split()[0])
        for query in asked
        for column in columns
        if f'"{column}"' in query["sql"]
    ]
    assert sorted(read) == [
        ("output_sealed", '"runs_nodeexecution"'),  # what the node was given
        ("output_sealed", '"runs_nodeexecution"'),  # what it made
        ("request_sealed", '"runs_modelcall"'),  # no tool was called
        ("response_sealed", '"runs_modelcall"'),
    ]


def test_payloads_page_shows_input_and_output(done: Run) -> None:
    page = browser(done.tenant, Role.OPERATOR).get(f"/runs/{done.pk}/payloads/")

    assert page.content.decode().count(SECRET) == 2


@pytest.mark.parametrize("path", ["", "events/", "decisions/", "payloads/", "resume/", "cancel/"])
def test_mallory_finds_nothing(done: Run, beta: Tenant, path: str) -> None:
    client = browser(beta, Role.OPERATOR)

    assert client.get(f"/runs/{done.pk}/{path}").status_code == 404


def test_run_list_filters_counts_and_finds(done: Run) -> None:
    client = browser(done.tenant, Role.OPERATOR)

    assert str(done.pk) in client.get("/runs/").content.decode()
    assert str(done.pk) in client.get("/runs/?status=completed").content.decode()
    assert str(done.pk) not in client.get("/runs/?status=failed").content.decode()
    assert str(done.pk) not in client.get("/runs/?status=-completed").content.decode()
    assert client.get("/runs/?status=nonsense").status_code == 400
    assert client.get(f"/runs/?q={done.pk}").headers["Location"] == f"/runs/{done.pk}/"


def test_resume_of_a_completed_run_is_refused_with_a_sentence(done: Run) -> None:
    page = browser(done.tenant, Role.OPERATOR).post(f"/runs/{done.pk}/resume/")

    assert page.status_code == 409
    assert "only a failed run can be resumed" in page.content.decode()


def test_start_form_is_made_from_the_schema_and_checks_it(done: Run) -> None:
    client = browser(done.tenant, Role.OPERATOR)
    address = f"/runs/start/{done.workflow.slug}/"

    form = client.get(address).context["form"]
    once = form.initial["once"]
    short = client.post(address, {"once": once, "in-text": "short"})
    first = client.post(address, {"once": once, "in-text": LETTER, "in-channel": "mail"})
    again = client.post(address, {"once": once, "in-text": LETTER, "in-channel": "mail"})

    assert list(form.made) == ["text", "channel", "customer_since"]
    assert short.status_code == 422
    assert "in-text" in short.context["form"].errors
    assert first.status_code == 302
    assert again.headers["Location"] == first.headers["Location"]  # sent twice, started once


def test_who_starts_a_run_by_hand_says_what_it_may_spend(done: Run) -> None:
    client = browser(done.tenant, Role.OPERATOR)
    address = f"/runs/start/{done.workflow.slug}/"

    def send(**more: str) -> Any:
        once = client.get(address).context["form"].initial["once"]
        return client.post(address, {"once": once, "in-text": LETTER, "in-channel": "mail"} | more)

    started = send(budget="2.50", budget_currency="EUR")
    unsaid = send()
    wrong = send(budget="2,50")
    other = send(budget="2.50", budget_currency="USD")

    assert (started.status_code, unsaid.status_code) == (302, 302)
    with tenant_context(done.tenant):
        limits = {
            facts.root_run.get_absolute_url(): facts.budget_micros
            for facts in RunFacts.objects.select_related("root_run")
        }
    assert limits[started.headers["Location"]] == 2_500_000
    assert limits[unsaid.headers["Location"]] is None
    assert wrong.status_code == 422
    assert "Write money like 2.50, with a point." in wrong.content.decode()
    assert other.status_code == 422
    assert "EUR and USD: they cannot be compared" in other.content.decode()


def test_run_page_outlives_the_disposal_of_its_workflow(done: Run) -> None:
    frozen = disposal.plan(kind="workflow", target_id=done.workflow_id, by=actors.SYSTEM)
    disposal.execute(
        plan_id=frozen.pk, by=actors.SYSTEM, legal_basis="retention_ended", reason="Time is up."
    )
    client = browser(done.tenant, Role.OPERATOR)

    for path in ("", "?node=classify", "events/", "decisions/", "payloads/"):
        page = client.get(f"/runs/{done.pk}/{path}")
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
    assert "This run was disposed of" in client.get(f"/runs/{done.pk}/").content.decode()
