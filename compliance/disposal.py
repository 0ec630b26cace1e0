"""Erase for good, and be able to prove it. First a dry run, then exactly what it listed.

Two databases take part, so the order is: intent (committed), data keys destroyed, rows turned into
tombstones together with the confirmation. A sweep completes what stopped half-way.
"""

import hashlib
import hmac
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import rfc8785
from django.db import connection, transaction
from django.utils.timezone import now

from compliance import disposables
from compliance.disposables import PlanLine
from compliance.errors import (
    DisposalPlanDrifted,
    DisposalPlanExpired,
    DisposalPlanNotFound,
    DisposalPlanUsed,
    DisposalReasonMissing,
    DisposalTargetNotFound,
)
from compliance.models import (
    Disposal,
    DisposalConfirmation,
    DisposalPlan,
    DisposedRecord,
    LegalBasis,
)
from tenancy import keys, ledger
from tenancy.actors import SYSTEM, Actor
from tenancy.events import EventType

logger = logging.getLogger(__name__)

PLAN_LIVES = timedelta(minutes=30)
GRACE = timedelta(seconds=30)
BATCH = 500
REASON_LENGTH = 500


@transaction.atomic
def plan(*, kind: str, target_id: UUID, by: Actor) -> DisposalPlan:
    """The dry run: what would be disposed of together with this record, frozen for 30 minutes.

    Raises DisposableUnknown, DisposalTargetNotFound, and DisposalRefused for what may not go now.
    """
    lines = _find_lines(kind, target_id)
    created_at = now()
    frozen: DisposalPlan = DisposalPlan.objects.create(
        kind=kind,
        target_id=target_id,
        lines=[[line.kind, str(line.id)] for line in lines],
        counts=count(lines),
        digest=digest_of(lines),
        actor_kind=by.kind,
        actor_id=by.id,
        created_at=created_at,
        expires_at=created_at + PLAN_LIVES,
    )
    ledger.append(
        EventType.DISPOSAL_PLANNED,
        subject=frozen,
        by=by,
        kind=kind,
        target=str(target_id),
        counts=frozen.counts,
        digest=frozen.digest,
    )
    return frozen


def copies_beside(planned: DisposalPlan) -> list[PlanLine]:
    """What took content of these records over and stays, as of now: dispose of it, too, or know why not."""
    return disposables.find_copies((kind, UUID(record_id)) for kind, record_id in planned.lines)


def execute(*, plan_id: UUID, by: Actor, legal_basis: str, reason: str) -> Disposal:
    """Dispose of exactly what the plan lists. Data keys go first: without them the rest is noise.

    Raises DisposalPlanExpired, DisposalPlanDrifted or DisposalPlanUsed; all of them ask for a new
    dry run. When it stops after the intent, finish_interrupted completes it.
    """
    disposal = _intend(plan_id=plan_id, by=by, legal_basis=legal_basis, reason=reason)
    finish(disposal=disposal, by=by)
    return disposal


def finish(*, disposal: Disposal, by: Actor) -> None:
    """Destroy the keys, then erase and confirm. Twice, or by two at once, changes nothing."""
    keys.destroy_data_keys([UUID(key_id) for key_id in disposal.key_ids], by=by)
    _erase(disposal=disposal, by=by)


def finish_interrupted(*, by: Actor = SYSTEM, grace: timedelta = GRACE) -> int:
    """Complete the disposals of the current tenant that stopped half-way. Gives how many."""
    begun = Disposal.objects.unfinished().filter(started_at__lte=now() - grace)
    finished = 0
    for disposal in begun.order_by("id"):
        try:
            finish(disposal=disposal, by=by)
        except Exception:  # one that cannot be finished must not hold up the others
            logger.exception(
                "A disposal could not be finished",
                extra={"action": "disposal_unfinished", "disposal": str(disposal.pk)},
            )
        else:
            finished += 1
    return finished


def get_plan(plan_id: UUID) -> DisposalPlan:
    frozen: DisposalPlan | None = DisposalPlan.objects.filter(pk=plan_id).first()
    if frozen is None:
        raise DisposalPlanNotFound
    return frozen


def owner_digest_of(owner_label: str) -> str:
    """How an owner appears in the log: keyed, so that a list of guesses finds nobody."""
    return _keyed_digest(_log_key(), "owner", owner_label) if owner_label else ""


def count(lines: Iterable[PlanLine]) -> dict[str, int]:
    """Rows per kind, those that go along with a record included."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts[line.kind] += 1
        counts.update(line.parts)
    return dict(sorted(counts.items()))


def digest_of(lines: Sequence[PlanLine]) -> str:
    """SHA-256, in hex, of what a plan promises: each record, and what goes with it."""
    promised: list[Any] = [[line.kind, str(line.id), dict(line.parts)] for line in lines]
    return hashlib.sha256(rfc8785.dumps(promised)).hexdigest()


@transaction.atomic(durable=True)
def _intend(*, plan_id: UUID, by: Actor, legal_basis: str, reason: str) -> Disposal:
    """Write down what is about to be destroyed. Committed on its own, before anything happens."""
    reason = reason.strip()
    if legal_basis not in LegalBasis.values or not 0 < len(reason) <= REASON_LENGTH:
        raise DisposalReasonMissing
    frozen = get_plan(plan_id)
    _lock(frozen.pk)
    if Disposal.objects.filter(plan=frozen).exists():
        raise DisposalPlanUsed
    started_at = now()
    if frozen.is_expired(started_at):
        raise DisposalPlanExpired
    lines = _find_unchanged_lines(frozen)
    disposal: Disposal = Disposal.objects.create(
        plan=frozen,
        kind=frozen.kind,
        target_id=frozen.target_id,
        counts=frozen.counts,
        plan_digest=frozen.digest,
        key_ids=_key_ids(lines),
        legal_basis=legal_basis,
        reason=reason,
        actor_kind=by.kind,
        actor_id=by.id,
        started_at=started_at,
    )
    log_key = _log_key()
    DisposedRecord.objects.bulk_create(
        [_record(disposal, line, log_key) for line in lines], batch_size=BATCH
    )
    ledger.append(
        EventType.DISPOSAL_STARTED,
        subject=disposal,
        by=by,
        kind=disposal.kind,
        target=str(disposal.target_id),
        counts=disposal.counts,
        plan_digest=disposal.plan_digest,
        legal_basis=legal_basis,
        reason_digest=_keyed_digest(log_key, "reason", reason),
    )
    return disposal


@transaction.atomic
def _erase(*, disposal: Disposal, by: Actor) -> None:
    """Children before parents; the confirmation stands or falls with the tombstones."""
    _lock(disposal.pk)
    if disposal.find_confirmation():
        return
    finished_at = now()
    erased = sum(
        disposables.get_disposable(kind).erase(ids, at=finished_at)
        for kind, all_ids in _ids_by_kind(disposal)
        for ids in _batches(all_ids)
    )
    DisposalConfirmation.objects.create(
        disposal=disposal,
        keys_destroyed=len(disposal.key_ids),
        rows_erased=erased,
        actor_kind=by.kind,
        actor_id=by.id,
        finished_at=finished_at,
    )
    ledger.append(
        EventType.DISPOSAL_COMPLETED,
        subject=disposal,
        by=by,
        keys_destroyed=len(disposal.key_ids),
        rows_erased=erased,
    )


def _find_lines(kind: str, target_id: UUID) -> list[PlanLine]:
    lines = disposables.find_tree(kind, [target_id])
    if (kind, target_id) not in {(line.kind, line.id) for line in lines}:
        raise DisposalTargetNotFound(f"There is no {kind} {target_id} to dispose of.")
    for line_kind, ids in _group((line.kind, line.id) for line in lines):
        disposables.get_disposable(line_kind).check(ids)
    return lines


def _find_unchanged_lines(frozen: DisposalPlan) -> list[PlanLine]:
    """The lines of the plan, looked up again. Raises DisposalPlanDrifted unless still the same."""
    try:
        lines = _find_lines(frozen.kind, frozen.target_id)
    except DisposalTargetNotFound as error:
        raise DisposalPlanDrifted from error
    if digest_of(lines) != frozen.digest:
        raise DisposalPlanDrifted(planned=frozen.counts, found=count(lines))
    return lines


def _key_ids(lines: Iterable[PlanLine]) -> list[str]:
    found: set[str] = set()
    for kind, ids in _group((line.kind, line.id) for line in lines):
        found |= {str(key) for key in disposables.get_disposable(kind).data_keys(ids)}
    return sorted(found)


def _record(disposal: Disposal, line: PlanLine, log_key: bytes) -> DisposedRecord:
    content = (line.kind, str(line.id), line.owner_label, line.fingerprint)
    owner = line.owner_label
    return DisposedRecord(
        disposal=disposal,
        kind=line.kind,
        record_id=line.id,
        digest=_keyed_digest(log_key, "record", *content),
        owner_digest=_keyed_digest(log_key, "owner", owner) if owner else "",
    )


def _log_key() -> bytes:
    """The tenant's key for this log. Derived below the root key, so it is in no database."""
    return keys.derived_key("disposal log").secret


def _keyed_digest(key: bytes, *parts: str) -> str:
    """HMAC-SHA-256, in hex, of the RFC 8785 form of the parts: none can run into the next."""
    return hmac.digest(key, rfc8785.dumps(list(parts)), hashlib.sha256).hex()


def _ids_by_kind(disposal: Disposal) -> list[tuple[str, list[UUID]]]:
    """What the disposal lists, deepest kind first."""
    rows = DisposedRecord.objects.filter(disposal=disposal).values_list("kind", "record_id")
    return sorted(_group(rows), key=lambda group: -disposables.depth(group[0]))


def _group(pairs: Iterable[tuple[str, UUID]]) -> list[tuple[str, list[UUID]]]:
    groups: defaultdict[str, list[UUID]] = defaultdict(list)
    for kind, record_id in pairs:
        groups[kind].append(record_id)
    return list(groups.items())


def _batches(ids: list[UUID]) -> Iterable[list[UUID]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _lock(row_id: UUID) -> None:
    """Hold this id until the transaction ends. An advisory lock: the log's rows cannot be locked,
    since nobody may update them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(row_id)])
