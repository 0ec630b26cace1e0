"""The overview's numbers are those of the database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from compliance import alerts
from compliance.models import AlertKind
from grove_site import overview
from runs import start
from runs.models import Run, Wait
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import QuotaUse, Tenant
from tenancy.permissions import Role
from tests.browser.bank import COMPLAINTS, LETTER
from tests.factories import make_client, make_id, make_member
from tests.runs import definitions
from tests.runs.making import (
    execute,
    make_decision,
    make_deployment,
    make_model_group,
    make_run,
    make_version,
)
from tests.runs.scripted_model import ScriptedModel
from workflows import budgets, model_groups
from workflows.models import DeploymentStanding
from workflows.providers import health

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SQL = """
    SELECT count(*) FILTER (WHERE status = 'waiting'), count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE status IN ('queued', 'running'))
    FROM runs_run
"""
STATES = {"waiting": 0, "failed": 1, "completed": 3, "queued": 0, "running": 45}  # days ago


def test_numbers_equal_sql(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    text = COMPLAINTS.replace("{", "{{").replace("}", "}}").replace("complaint-handling", "{name}")
    version = make_version(text)
    for status, days in (*STATES.items(), ("failed", 10)):
        at = now() - timedelta(days=days)
        monkeypatch.setattr(start, "new_id", lambda at=at: make_id(at))
        run = make_run(version, text=LETTER)
        Run.objects.filter(pk=run.pk).update(status=status, created_at=at)
    client = make_client(make_member(tenant=in_acme, role=Role.OPERATOR))

    page = client.get("/")

    with tenant_context(in_acme), connection.cursor() as cursor:
        cursor.execute(SQL)
        waiting, failed, under_way = cursor.fetchone()
    numbers = page.context["numbers"]
    assert (numbers["waiting"], numbers["failed"]) == (waiting, failed) == (1, 2)
    assert (numbers["under_way"], numbers["failed_this_week"]) == (under_way, 1)


def test_what_is_many_is_counted_so_far_and_no_further(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    text = COMPLAINTS.replace("{", "{{").replace("}", "}}").replace("complaint-handling", "{name}")
    version = make_version(text)
    for _ in range(3):
        Run.objects.filter(pk=make_run(version, text=LETTER).pk).update(status="waiting")
    monkeypatch.setattr(overview, "COUNTED_UP_TO", 2)

    page = make_client(make_member(tenant=in_acme)).get("/")

    assert page.context["numbers"]["waiting"] == 3
    assert '<b class="num wait">2+</b>' in page.content.decode()


def test_costs_and_days_are_those_of_the_hours(in_acme: Tenant) -> None:
    """Each start and each amount was counted in its hour: the page adds up hours, not runs."""
    for unit, days, used in (
        ("run", 0, 6),
        ("run", 3, 5),
        ("run", 20, 4),
        ("run", 45, 1_000),
        ("EUR", 3, 41_200),
        ("EUR", 10, 20),
        ("EUR", 45, 9_000_000),
        ("USD", 1, 7),
    ):
        hour = (now() - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        QuotaUse.objects.create(unit=unit, hour=hour, used=used)

    page = make_client(make_member(tenant=in_acme)).get("/")

    assert page.context["costs"] == [
        {"currency": "EUR", "micros": 41_220},
        {"currency": "USD", "micros": 7},
    ]
    assert page.context["runs_of_month"] == 15
    days = page.context["days"]
    assert [day["all"] for day in days if day["all"]] == [5, 6]
    assert {day["failed"] for day in days} == {0}
    assert "15 runs" in page.content.decode()


def test_a_new_tenant_is_told_where_to_begin(acme: Tenant) -> None:
    client: Client = make_client(make_member(tenant=acme, role=Role.OPERATOR))

    page = client.get("/")

    assert page.status_code == 200
    assert "No runs yet" in page.content.decode()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_without_a_tenant(db: None, path: str) -> None:
    assert Client(headers={"host": "127.0.0.1"}).get(path).content == b"ok"


def test_style_guide_is_not_there_unless_asked_for(acme: Tenant, settings: object) -> None:
    client = make_client(make_member(tenant=acme))

    settings.STYLEGUIDE = False  # type: ignore[attr-defined]
    assert client.get("/styleguide/").status_code == 404
    settings.STYLEGUIDE = True  # type: ignore[attr-defined]
    assert client.get("/styleguide/").status_code == 200


def test_deployments_that_are_ill_are_told_to_those_who_may_see_providers(in_acme: Tenant) -> None:
    sick, well = make_deployment("http://127.0.0.1:9/v1"), make_deployment("http://127.0.0.1:9/v1")
    until = now() + timedelta(minutes=1)
    DeploymentStanding.objects.create(deployment=sick, failures=3, open_until=until)
    DeploymentStanding.objects.create(deployment=well)

    page = make_client(make_member(tenant=in_acme, role=Role.ADMIN)).get("/").content.decode()

    assert f"“{sick.name}” failed 3 times in a row; it is left alone until" in page
    assert f"/settings/providers/of/{sick.provider.name}/" in page
    assert well.name not in page


def test_probe_that_failed_before_a_good_answer_is_no_illness(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
        hour_ago = now() - timedelta(hours=1)
        DeploymentStanding.objects.create(
            deployment=deployment, probed_at=hour_ago, probe_error="timeout"
        )
        assert [each.name for each, _ in health.ill_now()] == [deployment.name]

        execute(make_run(make_version(definitions.TALK)))

    assert health.ill_now() == []


def test_what_waits_fails_is_unusual_and_costs_equals_sql(in_acme: Tenant) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    often, once = make_version(definitions.CHAIN), make_version(definitions.CHAIN)
    runs = [make_run(version) for version in (often, often, once)]
    Run.objects.update(status="failed")
    for run, verdict in zip(runs, ("deny", "deny", "allow"), strict=True):
        make_decision(run, verdict=verdict)
    for approver in (Role.OPERATOR, Role.REVIEWER):
        _ask(runs[0], approver)
    for name in ("first", "second"):
        _alert(name)
    budgets.create(name="all-used", amount=0, currency="EUR", by=SYSTEM)
    budgets.create(name="open", amount=1_000_000, currency="EUR", by=SYSTEM)

    page = make_client(make_member(tenant=in_acme, role=Role.OPERATOR)).get("/")

    with tenant_context(in_acme), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM runs_run WHERE status = 'failed' GROUP BY workflow_id ORDER BY 1 DESC"
        )
        failures = [count for (count,) in cursor]
        cursor.execute("SELECT count(*) FROM runs_decision WHERE verdict = 'deny'")
        denied = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM compliance_alert WHERE acknowledged_at IS NULL")
        waiting = cursor.fetchone()[0]
    shown = page.context
    assert [row["failures"] for row in shown["failing"]] == failures == [2, 1]
    assert shown["failing"][0]["workflow"].pk == often.workflow_id
    assert shown["numbers"]["denied"] == denied == 2
    assert shown["alert_count"] == waiting == 2
    assert [wait.approver for wait in shown["approvals"]] == ["operator"]
    assert shown["approval_count"] == 1
    assert [use.budget.name for use in shown["budgets"]] == ["all-used"]
    text = page.content.decode()
    assert "?q=denied:yes+started:%3E%3D" in text
    assert f"?q=status:failed+workflow:{often.workflow.slug}+started" in text


def test_overview_asks_as_much_of_much_as_of_little(in_acme: Tenant) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    version = make_version(definitions.CHAIN)
    client = make_client(make_member(tenant=in_acme, role=Role.ADMIN))
    counted = []
    for _ in range(2):
        with tenant_context(in_acme):
            for number in range(3):
                run = make_run(version)
                Run.objects.filter(pk=run.pk).update(status="failed")
                _ask(run, Role.ADMIN)
                _alert(f"{run.pk}-{number}")
                budgets.create(name=f"b-{run.pk}", amount=0, currency="EUR", by=SYSTEM)
        times = []
        for _ in range(
            3
        ):  # now and then a request asks again for what a process keeps for some seconds
            with CaptureQueriesContext(connection) as asked:
                assert client.get("/").status_code == 200
            times.append(len(asked))
        counted.append(min(times))

    assert counted[0] == counted[1] <= 40


def _ask(run: Run, approver: Role) -> None:
    Wait.objects.create(
        run=run,
        node_id=f"asks-{approver}",
        attempt=1,
        kind="approval",
        approver=approver,
        asked_at=now(),
        expires_at=now() + timedelta(days=1),
    )


def _alert(name: str) -> None:
    alerts.raise_alert(
        kind=AlertKind.NODE_HANGS,
        subject_kind="run",
        subject_id="none",
        name=name,
        sentence="It hangs.",
        key=name,
    )
