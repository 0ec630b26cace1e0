"""What left the house: yes or no, the rows, the files, and a statement that others can check."""

import base64
import csv
import hashlib
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from runs import egress
from runs.egress import Question
from runs.errors import EgressQuestionInvalid
from runs.models import ModelCall
from tenancy import statements
from tenancy.actors import SYSTEM
from tenancy.checkpoints import Verifier
from tenancy.context import tenant_context
from tenancy.errors import StatementInvalid
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
TODAY = now().date()


def asked(**more: Any) -> Question:
    return Question(
        **{"since": TODAY - timedelta(days=1), "until": TODAY + timedelta(days=1)} | more
    )


@pytest.fixture
def provider(in_acme: Tenant) -> str:
    """Two calls were made to this provider."""
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url)
        model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
        execute(make_run(make_version(definitions.TALK)))
        assert len(model.prompts) == 2
    name: str = deployment.provider.name
    return name


def test_every_call_is_a_row_with_what_it_carried_and_who_answered(provider: str) -> None:
    rows = egress.rows(asked(goes_to=provider))

    assert [row.node_id for row in rows] == ["ask", "again"]
    first = rows[0]
    assert (first.kind, first.goes_to, first.region, first.egress) == (
        "model",
        provider,
        "eu",
        "internal",
    )
    assert (first.data_class, first.model_answered, first.status) == (1, "scripted-1", "completed")
    assert first.policy_number == 1
    assert len(first.policy_digest) == 64


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        ({}, 2),
        ({"tag": "PHI"}, 0),
        ({"egress": "external"}, 0),
        ({"goes_to": "nobody"}, 0),
        ({"since": TODAY + timedelta(days=1)}, 0),
        ({"until": TODAY - timedelta(days=1)}, 0),
    ],
)
def test_answer_is_yes_or_no_with_counts(provider: str, more: dict[str, Any], calls: int) -> None:
    answer = egress.answer(asked(**more))

    assert (answer.is_yes, answer.calls) == (calls > 0, calls)
    assert answer.sentence.startswith("Yes: 2 calls" if calls else "No:")


def test_health_data_that_went_out_is_told(provider: str) -> None:
    call = ModelCall.objects.order_by("id")[0]
    ModelCall.objects.filter(pk=call.pk).update(
        tags=["PHI"], redactions=["redact:PHI"], egress="external"
    )

    answer = egress.answer(asked(tag="PHI", goes_to=provider))

    assert answer.is_yes
    assert answer.question.sentence.startswith(f"Did any PHI go to “{provider}”")
    (total,) = answer.totals
    assert (total.calls, total.redacted, list(total.tags)) == (1, 1, ["PHI"])


def test_report_is_signed_and_on_record(provider: str) -> None:
    made = egress.report(asked(), by=SYSTEM)

    (signature,) = made.statement["signatures"]
    verifier = Verifier.parse(signature["keyid"])
    statement = statements.read(made.statement, verifier)
    assert statement["subject"][0]["digest"]["sha256"] == hashlib.sha256(made.rows).hexdigest()
    assert statement["predicate"]["calls"] == 2
    entry = LedgerEntry.objects.filter(event=EventType.EGRESS_EXPORTED).get()
    assert entry.facts["calls"] == 2


def test_statement_that_was_changed_is_refused(provider: str) -> None:
    envelope = dict(egress.report(asked(), by=SYSTEM).statement)
    verifier = Verifier.parse(envelope["signatures"][0]["keyid"])
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["predicate"]["answer"] = "no"
    envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()

    with pytest.raises(StatementInvalid):
        statements.read(envelope, verifier)
    with pytest.raises(StatementInvalid, match="not a DSSE"):
        statements.read({"payload": 7}, verifier)


def test_days_that_are_none_are_refused(in_acme: Tenant) -> None:
    with pytest.raises(EgressQuestionInvalid, match="before the first"):
        egress.answer(asked(since=TODAY, until=TODAY - timedelta(days=1)))
    with pytest.raises(EgressQuestionInvalid, match="ten years"):
        egress.answer(asked(since=TODAY - timedelta(days=5000)))


def test_page_pages_and_files(provider: str, acme: Tenant) -> None:
    carol = factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))

    page = carol.get("/runs/egress/?limit=1").content.decode()
    files = {
        form: carol.post("/runs/egress/export/", {"form": form, "to": provider})
        for form in ("csv", "json", "ndjson", "statement")
    }

    assert "Yes: 2 calls" in page
    assert 'rel="next"' in page
    rows = list(csv.reader(io.StringIO(files["csv"].content.decode())))
    assert [row[3] for row in rows] == ["to", provider, provider]
    whole = json.loads(files["json"].content)
    assert (whole["answer"], len(whole["rows"])) == ("yes", 2)
    assert files["ndjson"].content.count(b"\n") == 2
    assert json.loads(files["statement"].content)["payloadType"] == statements.PAYLOAD
    assert carol.post("/runs/egress/export/", {"form": "exe"}).status_code == 404
    assert carol.get("/runs/egress/?since=yesterday").status_code == 422


def test_api_answers_pages_and_reports(provider: str, acme: Tenant) -> None:
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.AUDITOR))

    first = program.get("/api/v1/egress?limit=1").json()
    second = program.get(f"/api/v1/egress?limit=1&cursor={first['next_cursor']}").json()
    answer = program.get(f"/api/v1/egress/answer?to={provider}&tag=PHI").json()
    made = program.post("/api/v1/egress/reports", {"to": provider}, content_type="application/json")

    assert [each["node"] for each in first["items"] + second["items"]] == ["ask", "again"]
    assert second["next_cursor"] is None
    assert (answer["answer"], answer["calls"]) == ("no", 0)
    assert made.status_code == 201, made.content
    assert len(made.json()["rows"]) == 2
    wrong = program.get("/api/v1/egress?egress=somewhere")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "egress_question_invalid")


def test_others_see_none_of_it(provider: str, beta: Tenant) -> None:
    with tenant_context(beta):
        assert not egress.answer(asked()).is_yes
    mallory: Client = factories.make_client(factories.make_member(tenant=beta, role=Role.AUDITOR))
    assert "No: there is no such call." in mallory.get("/runs/egress/").content.decode()
