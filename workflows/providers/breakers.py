"""The breakers that all workers share: one row a deployment, written when it changes and not before.

These notes are taken beside a call. One that cannot be written is logged and forgotten: it breaks no call.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils.timezone import now

from compliance import alerts
from compliance.models import AlertKind
from tenancy import ledger
from tenancy.actors import SYSTEM
from tenancy.errors import GroveError
from tenancy.events import EventType
from workflows.models import Deployment, DeploymentStanding, RegisterKind
from workflows.providers import register
from workflows.providers.contract import ModelResponse, Target
from workflows.providers.errors import RETRYABLE, FailureKind, ProviderError
from workflows.providers.routing import open_sentence
from workflows.providers.standing import (
    OPENS_AFTER,
    TRIAL,
    Breaker,
    Standing,
    after_answer,
    after_failure,
    after_rejection,
)

logger = logging.getLogger(__name__)
_mine = threading.local()

COLUMNS = (
    "failures",
    "failure_kind",
    "must_wait",
    "open_until",
    "model_asked",
    "model_answered",
)


def read() -> Mapping[UUID, Standing]:
    """How the deployments of this tenant stand; one that never failed or answered is not named. One query."""
    rows = DeploymentStanding.objects.values("deployment_id", *COLUMNS)
    return {row.pop("deployment_id"): Standing(**row) for row in rows}


def note_failure(target: Target, error: ProviderError) -> None:
    """Count a failure that another deployment might not have had. A rejected key counts for nothing, but is told."""
    if error.kind is FailureKind.AUTH and target.auth != "caller_key":
        _tell(_note_rejection, target, error)
    if error.kind not in RETRYABLE:
        return
    at = now()
    _note(target, lambda before: after_failure(before, error.kind, error.retry_after_seconds, at))


def note_answer(target: Target, response: ModelResponse) -> None:
    """Close its breaker, and remember which version answered. Writes nothing where both are known already."""
    asked, answered = target.model, response.model[:200]
    if after_answer(target.standing, asked=asked, answered=answered) == target.standing:
        return
    _note(target, lambda before: after_answer(before, asked=asked, answered=answered))


def take_trial(deployment_id: UUID) -> bool:
    """Be the one who tries a deployment again whose breaker is half-open. One wins; what it holds ends by itself.

    Whoever holds it holds it also when it asks again: a call may be planned anew before it leaves.
    """
    at = now()
    if _held().get(deployment_id, at) > at:
        return True
    free = Q(probe_until=None) | Q(probe_until__lte=at)
    rows = DeploymentStanding.objects.filter(free, deployment_id=deployment_id, open_until__lte=at)
    try:
        with transaction.atomic():
            won = rows.update(probe_until=at + TRIAL) == 1
    except DatabaseError:
        logger.exception("A trial could not be taken", extra={"action": "trial_not_taken"})
        return False
    if won:
        _held()[deployment_id] = at + TRIAL
    return won


def note_probe(deployment_id: UUID, *, error_kind: str, seconds: float) -> None:
    """Keep what the last probe of an idle deployment found; an empty kind is a good answer."""
    DeploymentStanding.objects.update_or_create(
        deployment_id=deployment_id,
        defaults={"probed_at": now(), "probe_error": error_kind, "probe_seconds": seconds},
    )


def _held() -> dict[UUID, datetime]:
    """The trials of this thread, each until when."""
    held: dict[UUID, datetime] = _mine.__dict__.setdefault("held", {})
    return held


def _note(target: Target, change: Callable[[Standing], Standing]) -> None:
    _held().pop(target.deployment_id, None)
    try:
        with transaction.atomic():
            _write(target, change, now())
    except (DatabaseError, GroveError):
        logger.exception(
            "How a deployment stands could not be noted",
            extra={"action": "standing_not_noted", "deployment": target.name},
        )


def _tell(tell: Callable[..., object], target: Target, *about: object) -> None:
    try:
        with transaction.atomic():
            tell(target, *about)
    except (DatabaseError, GroveError):
        logger.exception(
            "Nobody could be told of a deployment",
            extra={"action": "deployment_not_told", "deployment": target.name},
        )


def _write(target: Target, change: Callable[[Standing], Standing], at: datetime) -> None:
    """Change the row under its lock, so that failures of several workers add up; tell people of what is new."""
    rows = DeploymentStanding.objects.select_for_update()
    row, _made = rows.get_or_create(deployment_id=target.deployment_id)
    before = Standing(**{name: getattr(row, name) for name in COLUMNS})
    after = change(before)
    if after == before:
        return
    for name in COLUMNS:
        setattr(row, name, getattr(after, name))
    row.probe_until, row.changed_at = None, at
    row.save(update_fields=[*COLUMNS, "probe_until", "changed_at"])
    if after.breaker(at) is Breaker.OPEN and before.breaker(at) is not Breaker.OPEN:
        _tell_of_illness(target, after)
    if before.failures >= OPENS_AFTER and not after.failures:
        _tell(_tell_of_recovery, target)
    if before.failure_kind and not after.failure_kind:
        _tell(_tell_of_acceptance, target)
    if before.has_drifted(asked=after.model_asked, answered=after.model_answered):
        _tell_of_drift(target, before, after)


def _tell_of_illness(target: Target, after: Standing) -> None:
    if after.must_wait:
        return  # to be asked for a pause is no illness
    alerts.raise_alert(
        kind=AlertKind.DEPLOYMENT_ILL,
        subject_kind="deployment",
        subject_id=target.deployment_id,
        name=target.name,
        sentence=f"{open_sentence(target.name, after)} Last failure: {after.failure_kind}.",
        key=f"deployment_ill:{target.deployment_id}",
    )


def _tell_of_recovery(target: Target) -> None:
    alerts.end(key=f"deployment_ill:{target.deployment_id}")


def _note_rejection(target: Target, error: ProviderError) -> None:
    """Remember it and tell of it under one hold of the row: an answer at the same time comes before both or after."""
    _held().pop(target.deployment_id, None)
    _write(target, after_rejection, now())
    alerts.raise_alert(
        kind=AlertKind.DEPLOYMENT_ILL,
        subject_kind="deployment",
        subject_id=target.deployment_id,
        name=target.name,
        sentence=error.sentence,
        key=f"deployment_ill:{target.deployment_id}:auth",
    )


def _tell_of_acceptance(target: Target) -> None:
    """A rejected key is told as over by whatever answer comes next, also where it failed otherwise in between."""
    alerts.end(key=f"deployment_ill:{target.deployment_id}:auth")


def _tell_of_drift(target: Target, before: Standing, after: Standing) -> None:
    """An alert, a ledger entry and a register entry: from now on another version answers for the pinned model."""
    deployment = Deployment.objects.get(pk=target.deployment_id)
    known = register.find_facts(RegisterKind.DEPLOYMENT, deployment.name, now()) or {}
    register.write_entry(
        RegisterKind.DEPLOYMENT,
        subject_id=deployment.pk,
        name=deployment.name,
        facts=known | {"model_answered": after.model_answered},
        by=SYSTEM,
    )
    ledger.append(
        EventType.MODEL_DRIFTED,
        subject=deployment,
        by=SYSTEM,
        name=deployment.name,
        model=after.model_asked,
        answered_before=before.model_answered,
        answers_now=after.model_answered,
    )
    alerts.raise_alert(
        kind=AlertKind.MODEL_DRIFT,
        subject_kind="deployment",
        subject_id=deployment.pk,
        name=deployment.name,
        sentence=(
            f"“{deployment.name}” asks for {after.model_asked}; it answered as {before.model_answered} before and "
            f"answers as {after.model_answered} now."
        ),
        key=f"model_drift:{deployment.pk}:{after.model_answered}",
    )
