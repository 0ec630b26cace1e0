"""What left the house: yes, no or unknown, the rows, and a report that others can check."""

import asyncio
import base64
import csv
import io
import json
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils.timezone import now

from runs import egress, egress_check, egress_report
from runs.egress_rows import Question
from runs.errors import EgressQuestionInvalid
from runs.models import ModelCall
from tenancy import statements
from tenancy.actors import SYSTEM
from tenancy.checkpoints import Verifier
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import LedgerEntry, Tenant, new_id
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_run, make_version
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import asking, make_destination
from workflows import model_groups
from workflows.models import Deployment, TrialPurpose
from workflows.providers import register, trials

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
TODAY = now().date()
CHECKER = Path(__file__).parents[2] / "docs" / "verify_egress.py"


def asked(**more: Any) -> Question:
    return Question(
        **{"since": TODAY - timedelta(days=1), "until": TODAY + timedelta(days=1)} | more
    )


@pytest.fixture
def deployment(in_acme: Tenant) -> Iterator[Deployment]:
    """Two calls were made to this deployment of a provider with the same name."""
    with ScriptedModel() as model:
        made = make_deployment(model.base_url)
        model_groups.create(name="default", deployments=[made], by=SYSTEM)
        execute(make_run(make_version(definitions.TALK)))
        assert len(model.prompts) == 2
        yield made


@pytest.fixture
def provider(deployment: Deployment) -> str:
    name: str = deployment.provider.name
    return name


def test_every_call_is_a_row_with_what_it_carried_and_who_answered(provider: str) -> None:
    rows = egress.rows(asked(goes_to=provider))

    assert [row.node_id for row in rows] == ["ask", "again"]
    first = rows[0]
    assert (first.kind, first.goes_to, first.region) == ("model", provider, "eu")
    assert (first.egress, first.data_class, first.answered) == ("internal", 1, True)
    assert (first.model_answered, first.status) == ("scripted-1", "completed")
    assert (first.policy_number, len(first.policy_digest or "")) == (1, 64)


def test_tool_calls_are_rows_too(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        run = execute(make_run(make_version(asking(url=host.url))))

    (row,) = egress.rows(asked(goes_to="crm"))

    assert (row.kind, row.via, row.region, row.egress) == ("tool", "http_request", "eu", "internal")
    assert (row.run_id, row.node_id, row.answered, row.policy_number) == (run.pk, "ask", True, 1)


def test_test_by_a_person_is_a_row_without_a_run(deployment: Deployment) -> None:
    trials.run(deployment=deployment, by=SYSTEM)
    trials.run(deployment=deployment, by=SYSTEM, purpose=TrialPurpose.PROBE)

    test, probe = egress.rows(asked())[-2:]

    assert (test.kind, probe.kind) == ("test", "probe")
    assert (test.goes_to, test.region, test.egress) == (deployment.provider.name, "eu", "internal")
    assert (test.model_asked, test.model_answered, test.answered) == (
        "scripted",
        "scripted-1",
        True,
    )
    assert (test.data_class, test.run_id, test.decision_id, test.policy_number) == (
        0,
        None,
        None,
        None,
    )
    assert not ModelCall.objects.filter(pk=test.id).exists()
    assert [total.kind for total in egress.answer(asked()).totals] == ["model", "probe", "test"]


def test_test_that_found_nobody_was_not_sent(in_acme: Tenant) -> None:
    trials.run(deployment=make_deployment("http://127.0.0.1:9/v1"), by=SYSTEM)

    answer = egress.answer(asked())

    assert (answer.word, answer.calls, answer.not_sent) == ("no", 0, 1)
    assert answer.sentence == "No: 1 call found nobody there, so nothing of it was sent."


def test_test_that_nobody_answered_may_have_arrived(in_acme: Tenant) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deployment = make_deployment(f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        register.change_deployment(deployment=deployment, timeout_seconds=1, by=SYSTEM)
        deployment.refresh_from_db()
        trials.run(deployment=deployment, by=SYSTEM)

    answer = egress.answer(asked())

    assert (answer.word, answer.calls, answer.unanswered) == ("unknown", 1, 1)
    assert answer.sentence.startswith("Perhaps: 1 call got no answer")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://nobody.invalid/v1"])
def test_call_that_found_nobody_was_not_sent(in_acme: Tenant, address: str) -> None:
    deployment = make_deployment(address)
    model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
    run = execute(make_run(make_version(definitions.TALK)))

    answer = egress.answer(asked())

    assert (run.status, run.error_code) == ("failed", "model_connection")
    assert ModelCall.objects.get(run=run).error_kind == "not_sent"
    assert (answer.word, answer.calls, answer.not_sent) == ("no", 0, 1)
    assert [row.sent for row in egress.rows(asked())] == [False]


def test_tool_that_found_nobody_was_not_sent(in_acme: Tenant) -> None:
    with ScriptedHost() as host:
        make_destination(host)
        version = make_version(asking(url=host.url))
    run = execute(make_run(version))

    answer = egress.answer(asked(goes_to="crm"))

    assert (run.status, run.error_code) == ("failed", "tool_connection")
    assert (answer.word, answer.calls, answer.not_sent) == ("no", 0, 1)


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

    assert (answer.word, answer.calls) == ("yes" if calls else "no", calls)
    assert answer.sentence.startswith("Yes: 2 calls" if calls else "No:")


@pytest.mark.parametrize(
    ("status", "error_kind", "unanswered"),
    [
        ("completed", "", 0),
        ("late", "", 0),
        ("failed", "rate_limited", 0),  # an error is an answer
        ("failed", "refused", 0),
        ("failed", "timeout", 1),
        ("failed", "connection", 1),  # it broke on the way
        ("failed", "auth", 1),  # its key may have been missing here
        ("interrupted", "", 1),
        ("intended", "", 1),
    ],
)
def test_call_that_nobody_answered_counts_and_is_told_apart(
    provider: str, status: str, error_kind: str, unanswered: int
) -> None:
    call = ModelCall.objects.order_by("id")[0]
    ModelCall.objects.filter(pk=call.pk).update(status=status, error_kind=error_kind)

    answer = egress.answer(asked())

    assert (answer.calls, answer.unanswered) == (2, unanswered)


def test_health_data_that_went_out_is_told(provider: str) -> None:
    call = ModelCall.objects.order_by("id")[0]
    ModelCall.objects.filter(pk=call.pk).update(
        tags=["PHI", "PII"], redactions=["redact:PHI"], egress="external"
    )

    answer = egress.answer(asked(tag="PHI", goes_to=provider))

    assert answer.question.sentence.startswith(f"Did any PHI go to “{provider}”")
    (total,) = answer.totals
    assert (total.calls, total.redacted, total.to_json()["tags"]) == (1, 1, ["PHI", "PII"])
    assert answer.sentence == "Yes: 1 call, 1 of them masked before they left."


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"since": TODAY, "until": TODAY - timedelta(days=1)}, "before the first"),
        ({"since": TODAY - timedelta(days=5000)}, "ten years"),
        ({"since": date(9999, 12, 1), "until": date.max}, "after the year"),
    ],
)
def test_days_that_are_none_are_refused(
    in_acme: Tenant, more: dict[str, Any], sentence: str
) -> None:
    for ask in (egress.answer, egress.rows, make_report):
        with pytest.raises(EgressQuestionInvalid, match=sentence):
            ask(asked(**more))


# -- the signed report ------------------------------------------------------------------------------------------------


def make_report(question: Question) -> zipfile.ZipFile:
    file = io.BytesIO()
    egress_report.write(question, file=file, by=SYSTEM)
    return zipfile.ZipFile(file)


def verifier_of(report: zipfile.ZipFile) -> str:
    keyid: str = orjson.loads(report.read("statement.json"))["signatures"][0]["keyid"]
    return keyid


def check(path: Path, verifier: str, *more: Path) -> subprocess.CompletedProcess[str]:
    """As an auditor does it: with Python alone."""
    arguments = [sys.executable, "-I", str(CHECKER), str(path), verifier, *map(str, more)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def keep(report: zipfile.ZipFile, path: Path, changed: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in report.namelist():
            file.writestr(name, changed.get(name, report.read(name)))
    return path


def test_report_is_checked_without_grove(provider: str, tmp_path: Path) -> None:
    report = make_report(asked(goes_to=provider))

    done = check(keep(report, tmp_path / "egress.zip", {}), verifier_of(report))

    assert done.returncode == 0, done.stderr
    assert "Yes: 2 calls, 0 of them masked before they left." in done.stdout
    assert "; 2 rows." in done.stdout


def test_report_of_nothing_is_a_signed_no(in_acme: Tenant, tmp_path: Path) -> None:
    report = make_report(asked(tag="PHI"))

    done = check(keep(report, tmp_path / "egress.zip", {}), verifier_of(report))

    assert (report.read("rows.ndjson"), done.returncode) == (b"", 0)
    assert "Did any PHI go to anybody" in done.stdout
    assert "No: there is no such call." in done.stdout


def test_report_that_was_changed_is_refused(provider: str, tmp_path: Path) -> None:
    report = make_report(asked())
    verifier = verifier_of(report)
    rows = report.read("rows.ndjson")
    envelope = orjson.loads(report.read("statement.json"))
    other = str(Verifier(verifier.partition("+")[0], b"\x58" + b"\x66" * 31))
    told = statements.read(envelope, Verifier.parse(verifier))
    told["predicate"]["answer"] = "no"
    forged = envelope | {"payload": statements.encode(orjson.dumps(told))}
    changes: list[tuple[dict[str, bytes], str, str]] = [
        ({"rows.ndjson": rows.splitlines(keepends=True)[0]}, verifier, "rows.ndjson is not"),
        ({"rows.csv": b"id\r\n"}, verifier, "rows.csv is not"),
        ({"statement.json": orjson.dumps(forged)}, verifier, "This key did not sign"),
        ({}, other, "This key did not sign"),
    ]

    for number, (changed, key, sentence) in enumerate(changes):
        done = check(keep(report, tmp_path / f"{number}.zip", changed), key)
        assert done.returncode == 1
        assert sentence in done.stderr


@pytest.mark.parametrize(
    ("row", "told", "sentence"),
    [
        ({"to": "elsewhere"}, {}, "does not belong to the question"),
        ({"at": "2020-01-01T00:00:00.000+00:00"}, {}, "does not belong to the question"),
        ({}, {"calls": 1}, "counts of the statement"),
        ({}, {"answer": "no"}, "counts of the statement"),
    ],
)
def test_house_that_signs_what_its_rows_do_not_say_is_found_out(
    provider: str, tmp_path: Path, row: dict[str, Any], told: dict[str, Any], sentence: str
) -> None:
    report = make_report(asked(goes_to=provider))
    first, second = map(orjson.loads, report.read("rows.ndjson").splitlines())
    lines = orjson.dumps(first | row) + b"\n" + orjson.dumps(second) + b"\n"
    envelope = orjson.loads(report.read("statement.json"))
    verifier = verifier_of(report)
    said = statements.read(envelope, Verifier.parse(verifier))
    digests = {
        "rows.ndjson": statements.sha256(lines),
        "rows.csv": statements.sha256(report.read("rows.csv")),
    }
    signed = statements.sign(
        subjects=digests,
        predicate_type=egress_report.PREDICATE,
        predicate=said["predicate"] | told,
    )
    changed = {"rows.ndjson": lines, "statement.json": orjson.dumps(signed)}

    done = check(keep(report, tmp_path / "egress.zip", changed), verifier)

    assert done.returncode == 1
    assert sentence in done.stderr


def test_report_tells_what_was_not_sent_apart_and_older_reports_still_hold(
    provider: str, tmp_path: Path
) -> None:
    first = ModelCall.objects.order_by("id")[0]
    ModelCall.objects.filter(pk=first.pk).update(status="failed", error_kind="not_sent")
    report = make_report(asked(goes_to=provider))
    rows = [orjson.loads(line) for line in report.read("rows.ndjson").splitlines()]
    envelope = orjson.loads(report.read("statement.json"))
    verifier = verifier_of(report)
    told = statements.read(envelope, Verifier.parse(verifier))["predicate"]

    done = check(keep(report, tmp_path / "egress.zip", {}), verifier)
    old = [{name: row[name] for name in row if name != "sent"} for row in rows]
    lines = b"".join(orjson.dumps(row) + b"\n" for row in old)
    digests = {"rows.ndjson": statements.sha256(lines)}
    digests["rows.csv"] = statements.sha256(report.read("rows.csv"))
    said = {name: told[name] for name in told if name != "not_sent"} | {"calls": 2, "unanswered": 1}
    signed = statements.sign(
        subjects=digests, predicate_type=egress_report.PREDICATE, predicate=said
    )
    changed = {"rows.ndjson": lines, "statement.json": orjson.dumps(signed)}
    before = check(keep(report, tmp_path / "old.zip", changed), verifier)

    assert (told["calls"], told["not_sent"], told["rows"]) == (1, 1, 2)
    assert "1 call found nobody there" in done.stdout
    assert (done.returncode, before.returncode) == (0, 0), before.stderr


def test_run_in_a_report_is_checked_against_its_entry_without_grove(
    provider: str, tmp_path: Path
) -> None:
    entry = LedgerEntry.objects.get(event=EventType.RUN_COMPLETED)
    proof = tmp_path / "proof.json"
    proof.write_text(json.dumps({"canonical": base64.b64encode(entry.canonical).decode()}))
    before = make_report(asked())
    ModelCall.objects.filter(node_id="ask").update(data_class=0)
    after = make_report(asked())

    held = check(keep(before, tmp_path / "1.zip", {}), verifier_of(before), proof)
    changed = check(keep(after, tmp_path / "2.zip", {}), verifier_of(after), proof)

    assert held.returncode == 0, held.stderr
    assert f"The 2 rows of the run {entry.subject_id} are those that the ledger" in held.stdout
    assert changed.returncode == 1
    assert "its class, tags, masking, place or outcome was changed" in changed.stderr


def test_changed_region_is_found_in_the_database(provider: str, tmp_path: Path) -> None:
    path = keep(make_report(asked()), tmp_path / "egress.zip", {})
    ModelCall.objects.filter(node_id="ask").update(region="us")

    with path.open("rb") as file:
        faults = list(egress_check.find_faults(file))

    assert "is on record as something else than in the report" in faults[0]
    assert "class, tags, masking, provider, region or outcome" in faults[1]
    assert len(faults) == 2


def test_making_a_report_is_on_record_with_its_digest(provider: str) -> None:
    report = make_report(asked())

    entry = LedgerEntry.objects.get(event=EventType.EGRESS_EXPORTED)
    assert (entry.facts["answer"], entry.facts["calls"]) == ("yes", 2)
    assert entry.facts["digest"] == statements.sha256(report.read("rows.ndjson"))


def test_ten_thousand_calls_are_paged_and_reported_without_a_gap(provider: str) -> None:
    call = ModelCall.objects.order_by("id")[0]
    names = [field.name for field in ModelCall._meta.concrete_fields]
    values = {name: getattr(call, name) for name in names}
    ModelCall.objects.bulk_create(
        [ModelCall(**values | {"id": new_id()}) for _ in range(9_998)], batch_size=2_000
    )
    everything = set(ModelCall.objects.values_list("pk", flat=True))

    report = make_report(asked())
    seen, after = [], None
    while found := egress.rows(asked(), after=after, limit=1_000):
        seen += [row.id for row in found]
        after = found[-1].id

    assert (len(seen), set(seen)) == (10_000, everything)
    rows = [orjson.loads(line) for line in report.read("rows.ndjson").splitlines()]
    assert [row["id"] for row in rows] == [str(each) for each in seen]
    table = list(csv.DictReader(io.StringIO(report.read("rows.csv").decode())))
    assert [row["id"] for row in table] == [row["id"] for row in rows]
    assert egress.answer(asked()).calls == 10_000


def test_report_that_would_be_too_long_is_refused(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_report, "MOST_ROWS", 1)

    with pytest.raises(EgressQuestionInvalid, match="holds 1 calls"):
        make_report(asked())
    assert not LedgerEntry.objects.filter(event=EventType.EGRESS_EXPORTED).exists()


# -- page and API -----------------------------------------------------------------------------------------------------


def streamed(answer: Any) -> str:
    """All of an answer that is made by an asynchronous generator; Playwright may have left a loop in this thread."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return b"".join(answer).decode()
    finally:
        asyncio._set_running_loop(running)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_page_pages_table_and_report(provider: str, acme: Tenant) -> None:
    carol = factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))
    ModelCall.objects.filter(node_id="ask").update(model_answered="=1+1")

    page = carol.get("/runs/egress/?limit=1").content.decode()
    table = list(
        csv.reader(io.StringIO(streamed(carol.get(f"/runs/egress/calls.csv?to={provider}"))))
    )
    report = carol.post("/runs/egress/report/", {"to": provider})

    assert "Yes: 2 calls" in page
    assert 'rel="next"' in page
    assert [row[3] for row in table] == ["to", provider, provider]
    assert table[1][11] == "'=1+1"
    assert report["Content-Type"] == "application/zip"
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(report.streaming_content)))
    assert bundle.namelist() == ["rows.ndjson", "rows.csv", "statement.json"]


def test_wrong_questions_are_refused_by_name(in_acme: Tenant, acme: Tenant) -> None:
    carol = factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))

    for query, sentence in {
        "since=yesterday": "`since` is a day such as",
        "since=2026-02-30": "`since` is a day such as",
        "since=2026-02-02&until=2026-02-01": "The last day is before the first.",
        "egress=somewhere": "`egress` is external, internal or empty.",
        "data_class=huge": "`data_class`",
    }.items():
        page = carol.get(f"/runs/egress/?{query}")
        assert page.status_code == 422, query
        assert sentence in page.content.decode(), query


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_api_answers_pages_and_reports(provider: str, acme: Tenant) -> None:
    program = factories.make_program(factories.make_member(tenant=acme, role=Role.AUDITOR))

    first = program.get("/api/v1/egress?limit=1").json()
    second = program.get(f"/api/v1/egress?limit=1&cursor={first['next_cursor']}").json()
    answer = program.get(f"/api/v1/egress/answer?to={provider}&tag=PHI").json()
    table = streamed(program.get("/api/v1/egress/calls.csv"))
    made = program.post("/api/v1/egress/reports", {"to": provider}, content_type="application/json")

    assert [each["node"] for each in first["items"] + second["items"]] == ["ask", "again"]
    assert second["next_cursor"] is None
    assert (answer["answer"], answer["calls"]) == ("no", 0)
    assert table.count("\r\n") == 3
    assert made.status_code == 200
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(made.streaming_content)))
    assert bundle.read("rows.ndjson").count(b"\n") == 2
    wrong = program.get("/api/v1/egress?egress=somewhere")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "egress_question_invalid")
    wrong = program.post(
        "/api/v1/egress/reports", {"since": "soon"}, content_type="application/json"
    )
    assert wrong.status_code == 422


def test_others_see_none_of_it(provider: str, beta: Tenant) -> None:
    with tenant_context(beta):
        assert egress.answer(asked()).word == "no"
    mallory: Client = factories.make_client(factories.make_member(tenant=beta, role=Role.AUDITOR))
    assert "No: there is no such call." in mallory.get("/runs/egress/").content.decode()


# -- manage.py verify_egress -------------------------------------------------------------------------------------------


def verify(report: zipfile.ZipFile, tenant: Tenant, tmp_path: Path, **changed: bytes) -> str:
    names = {f"{name.replace('_', '.')}": content for name, content in changed.items()}
    path, out = keep(report, tmp_path / "egress.zip", names), io.StringIO()
    try:
        call_command("verify_egress", str(path), tenant=tenant.slug, stdout=out)
    except CommandError as error:
        return out.getvalue() + str(error)
    return out.getvalue()


def test_report_is_compared_with_the_record(provider: str, acme: Tenant, tmp_path: Path) -> None:
    report = make_report(asked())

    assert "every call is as it was recorded" in verify(report, acme, tmp_path)


def test_calls_that_were_tampered_with_are_named(
    provider: str, acme: Tenant, tmp_path: Path
) -> None:
    report = make_report(asked())
    first, second = ModelCall.objects.order_by("id")
    ModelCall.objects.filter(pk=first.pk).update(data_class=0)
    ModelCall.objects.filter(pk=second.pk).delete()

    said = verify(report, acme, tmp_path)

    assert f"The call {first.pk} is on record as something else" in said
    assert f"The call {second.pk} is in the report and not on record." in said
    assert f"The run {first.run_id} is not as the ledger committed to it" in said


def test_call_that_was_removed_before_the_report_is_found_by_its_run(
    provider: str, acme: Tenant, tmp_path: Path
) -> None:
    call = ModelCall.objects.order_by("id")[0]
    call.delete()
    report = make_report(asked())

    said = verify(report, acme, tmp_path)

    assert f"The run {call.run_id} is not as the ledger committed to it" in said
    assert "1 things are not" in said


def test_call_that_was_left_out_is_named(provider: str, acme: Tenant, tmp_path: Path) -> None:
    call = ModelCall.objects.order_by("id")[0]
    ModelCall.objects.filter(pk=call.pk).update(egress="external")
    report = make_report(asked(egress="internal"))
    ModelCall.objects.filter(pk=call.pk).update(egress="internal")

    assert f"The call {call.pk} is on record and not in the report." in verify(
        report, acme, tmp_path
    )


def test_what_is_no_report_of_this_tenant_is_refused(
    provider: str, acme: Tenant, beta: Tenant, tmp_path: Path
) -> None:
    report = make_report(asked())

    assert "No key of this tenant signed" in verify(report, beta, tmp_path)
    assert "is not the file that was signed" in verify(report, acme, tmp_path, rows_ndjson=b"")
    (tmp_path / "other.txt").write_text("not a zip file")
    with pytest.raises(CommandError, match="not a report"):
        call_command("verify_egress", str(tmp_path / "other.txt"), tenant=acme.slug)
    with pytest.raises(CommandError, match="no tenant “nobody”"):
        call_command("verify_egress", str(tmp_path / "other.txt"), tenant="nobody")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_egress", str(tmp_path / "none.zip"), tenant=acme.slug)
