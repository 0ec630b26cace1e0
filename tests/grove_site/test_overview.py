"""The overview's numbers are those of the database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from runs.models import Run
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.browser.bank import COMPLAINTS, LETTER
from tests.factories import make_client, make_member
from tests.runs.making import make_model_group, make_run, make_version

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SQL = """
    SELECT count(*) FILTER (WHERE status = 'waiting'), count(*) FILTER (WHERE status = 'failed'),
           count(*) FILTER (WHERE status IN ('queued', 'running')),
           sum(cost_micros) FILTER (WHERE created_at >= %s)
    FROM runs_run
"""


def test_numbers_equal_sql(in_acme: Tenant) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    text = COMPLAINTS.replace("{", "{{").replace("}", "}}").replace("complaint-handling", "{name}")
    version = make_version(text)
    runs = [make_run(version, text=LETTER) for _ in range(6)]
    for run, status, days, micros in zip(
        runs,
        ("waiting", "failed", "failed", "completed", "queued", "running"),
        (0, 1, 10, 3, 0, 45),
        (0, 1_500, 20, 41_200, 0, 9_000_000),
        strict=True,
    ):
        Run.objects.filter(pk=run.pk).update(
            status=status, created_at=now() - timedelta(days=days), cost_micros=micros
        )
    client = make_client(make_member(tenant=in_acme, role=Role.OPERATOR))

    page = client.get("/")

    month = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=29)
    with tenant_context(in_acme), connection.cursor() as cursor:
        cursor.execute(SQL, [month])
        waiting, failed, under_way, cost = cursor.fetchone()
    numbers = page.context["numbers"]
    assert (numbers["waiting"], numbers["failed"]) == (waiting, failed) == (1, 2)
    assert (numbers["under_way"], numbers["failed_this_week"]) == (under_way, 1)
    assert page.context["costs"] == [{"currency": "EUR", "micros": cost}]
    assert sum(day["all"] for day in page.context["days"]) == 5


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
