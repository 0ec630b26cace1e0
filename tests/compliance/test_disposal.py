"""A dry run promises, the execution keeps the promise, and what stops half-way is completed."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, connections, transaction

from compliance import disposables, disposal
from compliance.errors import (
    DisposableUnknown,
    DisposalPlanDrifted,
    DisposalPlanExpired,
    DisposalPlanNotFound,
    DisposalPlanUsed,
    DisposalReasonMissing,
    DisposalRefused,
    DisposalTargetNotFound,
)
from compliance.models import (
    Disposal,
    DisposalConfirmation,
    DisposalPlan,
    DisposedRecord,
    LegalBasis,
)
from compliance.tasks import chore_finish_disposals
from tenancy import keys, ledger
from tenancy.actors import SYSTEM, Actor
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.models import IdempotencyKey, LedgerEntry, Tenant
from tests import factories
from tests.compliance import letters

DAN = Actor(kind="user", id="dan", name="Dan")
NO_GRACE = timedelta(0)


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters and folders are the only disposable things."""
    monkeypatch.setattr(disposables, "_KINDS", {})
    disposables.register(letters.Folders())
    disposables.register(letters.Letters())


@pytest.fixture
def folder(in_acme: Tenant) -> IdempotencyKey:
    folder = letters.make_folder()
    letters.make_letter(folder)
    letters.make_letter(folder)
    return folder


def plan(row: IdempotencyKey, kind: str = "folder") -> DisposalPlan:
    return disposal.plan(kind=kind, target_id=row.pk, by=DAN)


def execute(plan_id: UUID, **changes: Any) -> Disposal:
    asked = {"legal_basis": LegalBasis.CONSENT_WITHDRAWN, "reason": "Asked on paper.", **changes}
    return disposal.execute(plan_id=plan_id, by=DAN, **asked)


def events() -> list[str]:
    return list(LedgerEntry.objects.order_by("id").values_list("event", flat=True))


def is_erased(row: IdempotencyKey) -> bool:
    row.refresh_from_db()
    return (
        row.status == letters.TOMBSTONE
        and row.body_sealed is None
        and row.data_key_id is not None
        and keys.is_destroyed(row.data_key_id)
    )


def test_a_dry_run_counts_and_changes_nothing(folder: IdempotencyKey) -> None:
    planned = plan(folder)

    assert planned.counts == {"folder": 1, "letter": 2, "page": 6}
    assert len(planned.lines) == 3
    assert not any(is_erased(row) for row in IdempotencyKey.objects.all())
    assert events() == ["disposal.planned"]


def test_the_execution_erases_exactly_what_the_dry_run_listed(folder: IdempotencyKey) -> None:
    other = letters.make_letter(letters.make_folder())
    planned = plan(folder)

    done = execute(planned.pk)

    listed = [UUID(record_id) for _, record_id in planned.lines]
    assert done.is_finished
    assert set(done.records.values_list("record_id", flat=True)) == set(listed)
    assert all(is_erased(row) for row in IdempotencyKey.objects.filter(pk__in=listed))
    assert not is_erased(other)
    confirmation = done.find_confirmation()
    assert (confirmation.keys_destroyed, confirmation.rows_erased) == (3, 3)
    assert done.counts == planned.counts
    assert events() == ["disposal.planned", "disposal.started", "disposal.completed"]


def test_a_letter_goes_alone_and_takes_no_folder_along(folder: IdempotencyKey) -> None:
    letter = letters.make_letter(folder)

    execute(plan(letter, "letter").pk)

    assert is_erased(letter)
    assert not is_erased(folder)


def test_what_changed_since_the_dry_run_needs_a_new_one(folder: IdempotencyKey) -> None:
    planned = plan(folder)
    letters.make_letter(folder)

    with pytest.raises(DisposalPlanDrifted) as refusal:
        execute(planned.pk)

    assert refusal.value.extra["found"]["letter"] == 3
    assert not Disposal.objects.exists()


def test_a_plan_serves_once(folder: IdempotencyKey) -> None:
    planned = plan(folder)
    twin = plan(folder)
    execute(planned.pk)

    with pytest.raises(DisposalPlanUsed):
        execute(planned.pk)
    with pytest.raises(DisposalPlanDrifted):
        execute(twin.pk)


def test_a_plan_expires_after_half_an_hour(folder: IdempotencyKey) -> None:
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        planned = plan(folder)

    late = time_machine.travel("2026-11-21T10:30:00Z", tick=False)
    with late, pytest.raises(DisposalPlanExpired):
        execute(planned.pk)
    with time_machine.travel("2026-11-21T10:29:59Z", tick=False):
        execute(planned.pk)


@pytest.mark.parametrize(
    "asked",
    [
        {"legal_basis": ""},
        {"legal_basis": "because"},
        {"reason": ""},
        {"reason": "  "},
        {"reason": "x" * 501},
    ],
)
def test_a_legal_basis_and_a_reason_are_needed(
    folder: IdempotencyKey, asked: dict[str, str]
) -> None:
    with pytest.raises(DisposalReasonMissing):
        execute(plan(folder).pk, **asked)


def test_what_is_not_there_cannot_be_planned(folder: IdempotencyKey) -> None:
    with pytest.raises(DisposalTargetNotFound):
        disposal.plan(kind="folder", target_id=uuid4(), by=DAN)
    with pytest.raises(DisposableUnknown):
        disposal.plan(kind="castle", target_id=folder.pk, by=DAN)
    with pytest.raises(DisposalPlanNotFound):
        execute(uuid4())


def test_what_is_under_way_is_refused_in_the_dry_run_already(folder: IdempotencyKey) -> None:
    letter = letters.make_letter(folder)
    IdempotencyKey.objects.filter(pk=letter.pk).update(status=letters.OPEN)

    with pytest.raises(DisposalRefused, match="being written"):
        plan(folder)


def fail_at_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "destroy_data_keys", lambda ids, by: 1 / 0)


def fail_at_erasing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters.Letters, "erase", lambda self, ids, at: 1 / 0)


def fail_at_the_last_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters.Folders, "erase", lambda self, ids, at: 1 / 0)


def fail_at_the_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    append = ledger.append

    def failing(event: EventType, **facts: Any) -> Any:
        return 1 / 0 if event is EventType.DISPOSAL_COMPLETED else append(event, **facts)

    monkeypatch.setattr(ledger, "append", failing)


@pytest.mark.parametrize(
    ("fail", "keys_are_gone"),
    [
        (fail_at_keys, False),
        (fail_at_erasing, True),
        (fail_at_the_last_kind, True),
        (fail_at_the_confirmation, True),
    ],
)
def test_what_stopped_half_way_is_completed(
    folder: IdempotencyKey,
    fail: Callable[[pytest.MonkeyPatch], None],
    keys_are_gone: bool,
) -> None:
    planned = plan(folder)
    with pytest.MonkeyPatch.context() as broken:
        fail(broken)
        with pytest.raises(ZeroDivisionError):
            execute(planned.pk)
        assert disposal.finish_interrupted(grace=NO_GRACE) == 0

    # the intent stands, no row is half erased, and the keys are gone or not
    begun = Disposal.objects.unfinished().get()
    assert set(IdempotencyKey.objects.values_list("status", flat=True)) == {letters.LIVING}
    assert keys.is_destroyed(folder.data_key_id) is keys_are_gone

    assert disposal.finish_interrupted(grace=NO_GRACE) == 1
    assert disposal.finish_interrupted(grace=NO_GRACE) == 0
    disposal.finish(disposal=begun, by=SYSTEM)

    assert all(is_erased(row) for row in IdempotencyKey.objects.all())
    assert DisposalConfirmation.objects.get().actor_kind == "system"
    assert events() == ["disposal.planned", "disposal.started", "disposal.completed"]


def test_one_that_cannot_be_finished_does_not_hold_up_the_others(folder: IdempotencyKey) -> None:
    empty = letters.make_folder()
    with pytest.MonkeyPatch.context() as broken:
        fail_at_keys(broken)
        for row in (folder, empty):
            with pytest.raises(ZeroDivisionError):
                execute(plan(row).pk)

    with pytest.MonkeyPatch.context() as broken:
        fail_at_erasing(broken)  # only the first has letters
        assert disposal.finish_interrupted(grace=NO_GRACE) == 1

    assert is_erased(empty)
    assert Disposal.objects.unfinished().get().target_id == folder.pk


def test_nothing_is_destroyed_inside_a_transaction_that_may_be_rolled_back(
    folder: IdempotencyKey,
) -> None:
    planned = plan(folder)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        execute(planned.pk)


def test_the_sweep_leaves_alone_what_was_begun_a_moment_ago(folder: IdempotencyKey) -> None:
    with pytest.MonkeyPatch.context() as broken:
        fail_at_erasing(broken)
        with pytest.raises(ZeroDivisionError):
            execute(plan(folder).pk)

    assert disposal.finish_interrupted() == 0


def test_the_chore_goes_through_all_tenants(acme: Tenant) -> None:
    with tenant_context(acme), pytest.MonkeyPatch.context() as broken:
        folder = letters.make_folder()
        fail_at_keys(broken)
        with time_machine.travel("2026-11-21T10:00:00Z"), pytest.raises(ZeroDivisionError):
            execute(plan(folder).pk)

    with time_machine.travel("2026-11-21T11:00:00Z"):
        chore_finish_disposals()

    with tenant_context(acme):
        assert is_erased(folder)


def test_the_log_is_asked_by_kind_record_owner_and_date(folder: IdempotencyKey) -> None:
    stranger = letters.make_letter(letters.make_folder(), owner="customer 1")
    with time_machine.travel("2026-11-21T10:00:00Z"):
        first = execute(plan(folder).pk)
    with time_machine.travel("2026-11-22T10:00:00Z"):
        second = execute(plan(stranger, "letter").pk)
    letter = first.records.filter(kind="letter").first()
    log = Disposal.objects

    assert list(log.matching()) == [second, first]
    assert list(log.matching(kind="folder")) == [first]
    assert list(log.matching(kind="letter")) == [second, first]
    assert list(log.matching(record_id=letter.record_id)) == [first]
    assert list(log.matching(kind="folder", record_id=letter.record_id)) == []
    owner = disposal.owner_digest_of("customer 4711")
    assert list(log.matching(owner_digest=owner)) == [first]
    assert list(log.matching(owner_digest=disposal.owner_digest_of("nobody"))) == []
    assert list(log.matching(since=second.started_at)) == [second]
    assert list(log.matching(until=second.started_at)) == [first]


def test_nobody_is_guessed_from_the_log(in_acme: Tenant) -> None:
    folder = letters.make_folder()
    letters.make_letter(folder, owner="078-05-1120")
    execute(plan(folder).pk)
    kept = {
        bytes.fromhex(digest)
        for digest in chain(*DisposedRecord.objects.values_list("digest", "owner_digest"))
    }
    told = (  # as it stands, and as the keyed digest frames it
        said
        for number in range(1_000_000)
        for ssn in (f"078-{number // 10_000:02}-{number % 10_000:04}",)
        for said in (ssn, f'["owner","{ssn}"]')
    )
    found = [said for said in told if hashlib.sha256(said.encode()).digest() in kept]

    assert not found
    assert (
        bytes.fromhex(disposal.owner_digest_of("078-05-1120")) in kept
    )  # who has the key finds it
    for row in (*Disposal.objects.values(), *DisposalPlan.objects.values()):
        assert "078-05-1120" not in repr(row)
    assert "078-05-1120" not in repr(list(LedgerEntry.objects.values()))


@pytest.mark.parametrize("model", [DisposalPlan, Disposal, DisposedRecord, DisposalConfirmation])
@pytest.mark.parametrize(
    "verb", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_the_log_cannot_be_changed(folder: IdempotencyKey, model: Any, verb: str) -> None:
    execute(plan(folder).pk)

    cursor = connections["default"].cursor()
    with pytest.raises(ProgrammingError), transaction.atomic(), cursor:
        cursor.execute(verb.format(model._meta.db_table))


def test_the_database_refuses_a_disposal_without_a_reason(folder: IdempotencyKey) -> None:
    done = execute(plan(folder).pk)
    values = {f.attname: getattr(done, f.attname) for f in Disposal._meta.concrete_fields}

    for broken in ({"reason": ""}, {"legal_basis": "because"}):
        row = {**values, "id": uuid4(), "plan_id": plan(letters.make_folder()).pk, **broken}
        with pytest.raises(IntegrityError), transaction.atomic():
            Disposal.objects.create(**row)


def test_mallory_sees_and_disposes_of_nothing(acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        folder = letters.make_folder()
        planned = plan(folder)
        execute(planned.pk)
        other = letters.make_folder()

    with tenant_context(beta):
        assert not Disposal.objects.exists()
        with pytest.raises(DisposalTargetNotFound):
            plan(other)
        with pytest.raises(DisposalPlanNotFound):
            execute(planned.pk)


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_of_many_who_execute_one_plan_one_wins() -> None:
    tenant = factories.make_tenant()
    with tenant_context(tenant):
        folder = letters.make_folder()
        letters.make_letter(folder)
        planned = plan(folder)

    def attempt(_: int) -> str:
        try:
            with tenant_context(tenant):
                execute(planned.pk)
        except DisposalPlanUsed:
            return "too late"
        else:
            return "won"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))

    assert outcomes == ["too late"] * 7 + ["won"]
    with tenant_context(tenant):
        assert DisposalConfirmation.objects.count() == 1
        assert is_erased(folder)
