"""Starting a run: what is written, what is refused, and what happens once."""

import time

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.utils.timezone import now

from compliance.labels import DataClass
from runs import cancel, fork, payloads, start, wake
from runs.errors import BudgetInvalid, InputInvalid, InputTooLarge, VersionNotPublished
from runs.models import NodeExecution, Run, RunClaim, RunEvent, RunFacts
from tenancy import actors, keys
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant, new_id
from tenancy.pgbackend import base
from tests.runs import definitions
from tests.runs.making import (
    in_threads,
    make_deployment,
    make_model_group,
    make_version,
    wait_until,
)
from workflows import (
    attestations,
    document,
    documentation,
    governance,
    model_groups,
    versions,
)
from workflows.documentation import Texts
from workflows.errors import AttestationOverdue, ContentDisposed
from workflows.governance import Rules
from workflows.models import Workflow, WorkflowVersion
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

BOB = Actor(kind="user", id="bob", name="Bob")


def begin(version: WorkflowVersion, **changes: object) -> Run:
    return start.start(**{"version": version, "run_input": {"n": 1}, "by": BOB} | changes)  # type: ignore[arg-type]


def count() -> list[int]:
    return [model._default_manager.count() for model in (Run, RunFacts, LedgerEntry)] + [
        RunClaim.objects.count()
    ]


def test_a_started_run_is_on_record_and_waits(chain: WorkflowVersion) -> None:
    run = begin(chain)

    run.refresh_from_db()
    assert (run.status, run.nodes_total, run.nodes_done) == ("queued", 4, 0)
    assert (run.version, run.definition_digest) == (chain, chain.digest)
    assert (run.started_by_kind, run.started_by_id) == ("user", "bob")
    claim = RunClaim.objects.get(run_id=run.pk)
    assert (claim.wanted, claim.worker_id, claim.tenant_id) == (True, None, run.tenant_id)
    assert RunFacts.objects.filter(root_run=run).count() == 1
    assert not RunEvent.objects.filter(run=run).exists()
    assert not NodeExecution.objects.filter(run=run).exists()


def test_the_entry_commits_to_definition_manifest_and_input(chain: WorkflowVersion) -> None:
    run = begin(chain)

    entry = LedgerEntry.objects.get(subject_id=str(run.pk))
    assert entry.event == "run.started"
    assert entry.facts == {
        "definition": chain.digest,
        "manifest": run.manifest_digest,
        "input": run.input_commitment,
    }


def test_each_run_has_a_data_key_of_its_own(chain: WorkflowVersion) -> None:
    first, second = begin(chain), begin(chain)

    assert first.data_key_id != second.data_key_id
    assert payloads.open_payload(first, "input_sealed") == {"n": 1}


def test_whom_it_is_about_is_kept_as_a_keyed_digest_only(chain: WorkflowVersion) -> None:
    run = begin(chain, subject="  078-05-1120 ", owner_label="north")

    assert run.subject_key == keys.blind_index("078-05-1120")
    assert run.owner_label == "north"
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM runs_run t")
        assert "078-05-1120" not in str(cursor.fetchall())


def test_a_draft_and_a_retired_version_do_not_start(chain: WorkflowVersion) -> None:
    versions.retire(version=chain, by=actors.SYSTEM, reason="Replaced.")
    before = count()

    with pytest.raises(VersionNotPublished, match="Version 1"):
        begin(chain)

    assert count() == before


def test_input_that_misses_the_schema_leaves_nothing(chain: WorkflowVersion) -> None:
    before = count()

    with pytest.raises(InputInvalid) as caught:
        begin(chain, run_input={"n": "a secret", "text": 4})

    assert [error["pointer"] for error in caught.value.extra["errors"]] == [
        "#/input/n",
        "#/input/text",
    ]
    assert "a secret" not in str(caught.value.extra) + caught.value.sentence
    assert count() == before


@pytest.mark.parametrize("run_input", [None, [], "text", 7, {}, {"n": 1.5}, {"n": True}])
def test_input_of_another_kind_is_refused(chain: WorkflowVersion, run_input: object) -> None:
    with pytest.raises(InputInvalid):
        begin(chain, run_input=run_input)


@pytest.mark.parametrize("strange", [10**30, "\ud800", {1, 2}, "deep"])
def test_input_that_json_cannot_carry_is_refused(chain: WorkflowVersion, strange: object) -> None:
    if strange == "deep":
        for _ in range(500):
            strange = [strange]

    with pytest.raises(InputInvalid, match="JSON"):
        begin(chain, run_input={"n": 1, "text": strange})


def test_a_pointer_escapes_what_a_json_pointer_must() -> None:
    assert start._pointer(("a/b", 3, "c~d")) == "#/input/a~1b/3/c~0d"


def test_input_that_is_too_large_says_how_large_it_may_be(chain: WorkflowVersion) -> None:
    with override_settings(INPUT_LIMIT_BYTES=1_000):
        begin(chain, run_input={"n": 1, "text": "x" * 900})
        with pytest.raises(InputTooLarge, match="at most 1,000"):
            begin(chain, run_input={"n": 1, "text": "x" * 1_000})


def test_labels_hold_what_is_declared_and_what_is_found(in_acme: Tenant) -> None:
    version = make_version(definitions.CHAIN)

    plain = begin(version)
    telling = begin(version, run_input={"n": 1, "text": "Write to jane@example.org."})

    assert plain.data_class == DataClass.INTERNAL
    assert plain.labels["tags"] == []
    assert telling.labels["tags"] == ["PII"]
    assert "input" in telling.labels["origins"]


def test_the_same_key_is_the_same_run(chain: WorkflowVersion) -> None:
    first = begin(chain, idempotency_key="k")
    before = count()

    assert begin(chain, idempotency_key="k") == first
    assert count() == before


def test_of_many_at_once_with_one_key_one_run_comes(chain: WorkflowVersion) -> None:
    def act(number: int) -> object:
        with tenant_context(chain.tenant):
            return begin(chain, idempotency_key="k").pk

    started = in_threads(10, act)

    assert set(started) == {Run.objects.get(workflow=chain.workflow).pk}
    assert RunClaim.objects.filter(tenant_id=chain.tenant_id).count() == 1


def test_the_same_key_in_another_tenant_is_another_run(
    chain: WorkflowVersion, beta: Tenant
) -> None:
    ours = begin(chain, idempotency_key="k")
    with tenant_context(beta):
        theirs = begin(make_version(definitions.CHAIN), idempotency_key="k")

    assert ours.pk != theirs.pk


def test_workers_hear_of_it_after_the_commit_and_never_of_what_was_rolled_back(
    chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(wake, "_send", heard.append)

    with transaction.atomic():
        first = begin(chain)
        time.sleep(0.1)
        assert heard == []
    wait_until(lambda: heard == [first.pk])

    with transaction.atomic():
        begin(chain)
        transaction.set_rollback(True)
    time.sleep(0.1)
    assert heard == [first.pk]
    assert Run.objects.filter(workflow=chain.workflow).count() == 1


def test_a_burst_shares_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setattr(wake, "_send", sent.append)
    bell = wake.Bell()
    runs = [new_id() for _ in range(200)]

    for run in runs:
        bell.ring(run)

    wait_until(lambda: sent[-1:] == [runs[-1]])
    assert len(sent) <= 3


def test_a_broker_that_is_down_does_not_stop_a_start(
    chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runs.tasks import execute_run

    tried: list[object] = []

    def down(*args: object) -> None:
        tried.append(args)
        raise ConnectionError("The broker is down.")

    monkeypatch.setattr(execute_run, "delay", down)

    assert RunClaim.objects.get(run_id=begin(chain).pk).wanted
    wait_until(lambda: bool(tried))
    tried.clear()
    begin(chain)  # and the bell still rings
    wait_until(lambda: bool(tried))


def test_a_start_is_two_statements_and_two_more_for_models(
    chain: WorkflowVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    talk = make_version(definitions.TALK)
    for version in (chain, talk):
        begin(version)
    seen: list[str] = []
    execute = base._TenantCursor.execute

    def told(cursor: object, query: object, *args: object, **options: object) -> object:
        seen.append(str(query))
        return execute(cursor, query, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(base._TenantCursor, "execute", told)

    begin(chain)
    assert [query.split()[0] for query in seen] == ["SELECT", "WITH"]
    seen.clear()
    begin(talk)
    assert [query.split()[0] for query in seen] == ["SELECT", "SELECT", "SELECT", "WITH"]


def test_a_version_that_was_opened_before_is_not_started_once_it_is_disposed_of(
    chain: WorkflowVersion,
) -> None:
    begin(chain)
    Workflow.objects.filter(pk=chain.workflow_id).update(disposed_at=now(), published=None)

    with pytest.raises(ContentDisposed):
        begin(chain)


# -- budgets ----------------------------------------------------------------------------------------------------------


def test_the_lower_of_two_budgets_counts(in_acme: Tenant) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    version = make_version(
        definitions.TALK.replace(
            "data_class: internal",
            "data_class: internal\nbudget: {{amount_micros: 500, currency: EUR}}",
        )
    )

    def given(asked: int | None) -> int | None:
        return RunFacts.objects.get(root_run=begin(version, budget_micros=asked)).budget_micros

    assert [given(None), given(400), given(600), given(0)] == [500, 400, 500, 0]


def test_a_run_without_a_budget_has_none(chain: WorkflowVersion) -> None:
    assert RunFacts.objects.get(root_run=begin(chain)).budget_micros is None


@pytest.mark.parametrize(
    ("asked", "currency", "why"),
    [
        (-1, "EUR", "from 0"),
        (10**15 + 1, "EUR", "from 0"),
        (5, "USD", "EUR and USD: they cannot be compared"),
    ],
)
def test_a_budget_that_cannot_be_held_is_refused(
    in_acme: Tenant, asked: int, currency: str, why: str
) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    version = make_version(definitions.TALK)

    with pytest.raises(BudgetInvalid, match=why):
        begin(version, budget_micros=asked, budget_currency=currency)

    assert not Run.objects.filter(workflow=version.workflow).exists()


def test_money_of_a_run_is_in_the_currency_of_its_prices(in_acme: Tenant) -> None:
    deployment = make_deployment("http://127.0.0.1:9/v1")
    register.set_price(
        deployment=deployment,
        input_micros_per_million=1,
        output_micros_per_million=1,
        currency="USD",
        by=actors.SYSTEM,
    )
    model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)

    assert begin(make_version(definitions.TALK), budget_micros=5).currency == "USD"


def test_what_is_not_signed_as_it_stands_takes_no_new_runs_where_the_rules_say_so(
    chain: WorkflowVersion,
) -> None:
    olga = Actor(kind="user", id="olga", name="Olga")

    def sign() -> None:
        digest = document.digest(document.render(version=chain))
        attestations.sign(version=chain, digest=digest, statement="True.", by=olga)

    begin(chain)  # nothing is asked
    governance.set_rules(rules=Rules(block_overdue=True), reason="Policy.", by=actors.SYSTEM)
    before = count()
    with pytest.raises(AttestationOverdue, match="never signed"):
        begin(chain)
    assert count() == before
    sign()
    run = begin(chain)
    documentation.save(
        workflow=chain.workflow, texts=Texts(owner="Others"), by=actors.SYSTEM, reason="Moved"
    )
    with pytest.raises(AttestationOverdue, match="something else than what was signed"):
        begin(chain)
    cancel.cancel(run=run, by=BOB)
    run.refresh_from_db()
    with pytest.raises(AttestationOverdue):
        fork.fork(run=run, at="start", by=BOB)
    sign()
    begin(chain)
