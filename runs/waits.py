"""Questions that runs ask people and systems outside: asked once, answered once, before they expire.

A callback is answered at an address that holds a signed token, which is kept as a digest only and is good for one
use. An approval is decided by somebody who holds the role that the node names, and did not start the run.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

import orjson
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils.timezone import now

from runs import children, claims, interrupted, payloads, start, wake
from runs.errors import AnswerInvalid, AnswerRefused, CallbackUnknown, ClaimLost
from runs.live_run import LiveRun
from runs.models import Run, RunClaim, Wait, WaitKind
from tenancy import keys, ledger, persons
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.models import Domain, new_id
from tenancy.permissions import Role
from workflows import json_schemas
from workflows.nodes import Answer, Json, Pause
from workflows.nodes.contract import Verdict

SIGNER = signing.Signer(salt="grove.callback")
OUTSIDE = Actor(kind="service", id="callback", name="Whoever holds the callback's address")
APPROVED, REFUSED = "approved", "refused"


# -- asking: on a node's thread ---------------------------------------------------------------------------------------


@transaction.atomic
def ask(
    live: LiveRun,
    *,
    path: str,
    attempt: int,
    kind: Literal["callback", "approval"],
    question: Json,
    schema: Mapping[str, Any] | None,
    expires_at: datetime,
    approver: str,
    action_digest: str = "",
) -> tuple[Pause, str]:
    """Put a question on record. Returns the pause, and for a callback its token. Raises ClaimLost.

    `action_digest` names the one action that a policy wants to have approved; without one the node itself asks.

    Without a token the callback has been answered already: to an attempt that was lost before it could wait. An
    attempt that was parked for an approval of its own request is run again, and has the address that it had.
    """
    held = RunClaim.objects.select_for_update().filter(
        run_id=live.run_id, token=live.token, worker_id__isnull=False
    )
    if not held.exists():
        raise ClaimLost
    if parked := _find_parked(live.run_id, path, attempt) if kind == "callback" else None:
        return _pause(parked), "" if parked.answered_at else _token_of(live, parked.pk)
    if earlier := _find_cut_off(live.run_id, path, attempt, action_digest, approver):
        is_answered = earlier.answered_at is not None  # whoever answers locks the claim, too
        if kind == "approval" or is_answered:
            Wait.objects.filter(pk=earlier.pk).update(attempt=attempt)
            if is_answered:  # the lost worker may have been told, and nobody else
                claims.signal(live.run_id)
            return _pause(earlier), ""
        withdraw([earlier.pk])  # whoever was told its token is told of another
    wait_id = new_id()
    token = _token_of(live, wait_id) if kind == "callback" else ""
    sealed = None
    if question is not None:
        sealed = _seal(live.key, question, live.tenant.pk, wait_id, "question_sealed")
    wait = Wait.objects.create(
        id=wait_id,
        run_id=live.run_id,
        node_id=path,
        attempt=attempt,
        kind=kind,
        approver=approver,
        action_digest=action_digest,
        token_digest=digest_of(token) if token else None,
        answer_schema=dict(schema) if schema else None,
        question_sealed=sealed,
        asked_at=now(),
        expires_at=expires_at,
    )
    return _pause(wait), token


def _token_of(live: LiveRun, wait_id: UUID) -> str:
    """Nobody finds it without the run's data key, which leaves no database."""
    secret = hashlib.blake2b(wait_id.bytes, key=live.key.secret, digest_size=24, person=b"callback")
    return SIGNER.sign(f"{wait_id.hex}.{base64.urlsafe_b64encode(secret.digest()).decode()}")


def _find_parked(run_id: UUID, path: str, attempt: int) -> Wait | None:
    """The callback that this very attempt opened before it was parked."""
    mine = Wait.objects.filter(
        run_id=run_id,
        node_id=path,
        attempt=attempt,
        kind=WaitKind.CALLBACK,
        withdrawn_at=None,
    )
    return mine.first()


def _find_cut_off(
    run_id: UUID, path: str, attempt: int, action_digest: str, approver: str
) -> Wait | None:
    """What an attempt had asked that was lost, interrupted or called off: nobody is asked the same twice."""
    asked = Wait.objects.filter(
        run_id=run_id, node_id=path, withdrawn_at=None, action_digest=action_digest
    )
    if action_digest:
        asked = asked.filter(approver=approver, answered_at=None)
    wait = asked.order_by("attempt").last()
    if wait is None:
        return None
    cut_off = children.were_cut_off(run_id, path, wait.attempt, attempt, also=interrupted.CODE)
    return wait if cut_off else None


def _pause(wait: Wait) -> Pause:
    about: dict[str, Json] = {"wait": str(wait.pk)}
    if wait.approver:
        about["approver"] = wait.approver
    return Pause(kind=cast(Any, wait.kind), until=wait.expires_at, about=about)


def address_of(token: str) -> str:
    """Where this callback is answered."""
    if settings.PUBLIC_ADDRESS:
        base = settings.PUBLIC_ADDRESS
    else:
        host = Domain.objects.filter(is_primary=True).values_list("domain", flat=True).first()
        base = f"http://{host or 'localhost'}:{settings.PORT}"
    return f"{base}/api/v1/callbacks/{token}"


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# -- answering: from the page and the API -----------------------------------------------------------------------------


def answer_callback(token: str, body: bytes) -> Wait:
    """Take what somebody outside answers. Raises CallbackUnknown, AnswerRefused or AnswerInvalid."""
    try:
        SIGNER.unsign(token)
    except signing.BadSignature as forged:
        raise CallbackUnknown from forged
    start.check_size(len(body))
    wait = Wait.objects.filter(token_digest=digest_of(token)).first()
    if wait is None:
        raise CallbackUnknown
    try:
        value = orjson.loads(body) if body else None
    except orjson.JSONDecodeError as error:
        raise AnswerInvalid(f"The answer is not JSON: {error}.") from error
    faults = json_schemas.faults(wait.answer_schema, value) if wait.answer_schema else []
    if faults:
        raise AnswerInvalid(
            f"The answer does not match the schema of this callback: {faults[0]}.",
            errors=[{"detail": str(fault), "code": fault.rule} for fault in faults],
        )
    return _take(wait, by=OUTSIDE, verdict="", value=value)


def decide(*, wait: Wait, verdict: str, reason: str, by: Actor, role: str) -> Wait:
    """Approve or refuse. Raises AnswerRefused: wrong role, own run, too late, decided already."""
    if verdict not in (APPROVED, REFUSED):
        raise AnswerInvalid("The verdict is “approved” or “refused”.")
    if wait.kind != WaitKind.APPROVAL:
        raise AnswerRefused("A callback is answered at its address, not decided by a person.")
    if role != wait.approver:
        label = Role(wait.approver).label.lower()
        raise AnswerRefused(f"This is for somebody with the role {label} to decide.")
    run = wait.run.root_run or wait.run
    if persons.of(kind=run.started_by_kind, id=run.started_by_id) == persons.of_actor(by):
        raise AnswerRefused("Whoever started a run does not decide in it. Ask somebody else.")
    if verdict == REFUSED and not reason.strip():
        raise AnswerInvalid("Say why it is refused.")
    return _take(wait, by=by, verdict=verdict, value={"reason": reason.strip()})


@transaction.atomic
def _take(wait: Wait, *, by: Actor, verdict: str, value: Json) -> Wait:
    """One answer wins, and only before the question expired and while the run still asks."""
    at = now()
    claims.lock([wait.run_id])  # before the answer, as whoever ends the run does
    run = Run.objects.only("pk", "data_key_id", "status", "tenant_id").get(pk=wait.run_id)
    if run.is_terminal:
        ended = "The run has ended; it does not wait for this any more."
        raise AnswerRefused(_why_not(wait, at) if wait.answered_at else ended)
    key = keys.open_data_key(run.data_key_id)
    won = Wait.objects.filter(
        pk=wait.pk, answered_at=None, withdrawn_at=None, expires_at__gt=at
    ).update(
        answered_at=at,
        verdict=verdict,
        answer_sealed=_seal(key, value, run.tenant_id, wait.pk, "answer_sealed"),
        answered_by_kind=by.kind,
        answered_by_id=by.id,
    )
    if won != 1:
        wait.refresh_from_db()
        raise AnswerRefused(_why_not(wait, at))
    ledger.append(
        EventType.WAIT_ANSWERED,
        subject=wait,
        by=by,
        run=str(run.pk),
        node=wait.node_id,
        kind=str(wait.kind),
        verdict=verdict,
    )
    claims.signal(run.pk)
    wake.after_commit(run.pk)
    wait.refresh_from_db()
    return wait


def _why_not(wait: Wait, at: datetime) -> str:
    if wait.answered_at is not None:
        return "This was answered already; the first answer counts."
    if wait.withdrawn_at is not None:
        return "The run does not wait for this any more."
    if wait.expires_at <= at:
        return f"This expired at {wait.expires_at:%Y-%m-%d %H:%M} UTC."
    return "This cannot be answered now."


# -- going on: what the executor asks ---------------------------------------------------------------------------------


def find_answered(live: LiveRun) -> set[str]:
    """The paths of waiting nodes for which an answer is there, or whose child run has ended."""
    asked = live.asks()
    started = {
        each.pause.about["run"]: path
        for path, each in live.waiting_or_recorded()
        if each.pause and each.pause.kind == "child"
    }
    answered: set[str] = set()
    if asked:
        rows = Wait.objects.filter(pk__in=list(asked), answered_at__isnull=False)
        answered |= {asked[str(pk)] for pk in rows.values_list("pk", flat=True)}
    if started:
        answered |= {started[run_id] for run_id in children.find_ended(list(started))}
    return answered


def answer_of(live: LiveRun, pause: Pause, *, expired: bool) -> Answer:
    """What ended this pause. One that expired is withdrawn, unless an answer was quicker."""
    if pause.kind == "child":
        return children.answer_of(live, pause)
    if pause.kind == "delay":
        return Answer(kind="delay", about=pause.about)
    wait = Wait.objects.get(pk=pause.about["wait"])
    if expired:
        withdraw([wait.pk])
        wait.refresh_from_db()  # an answer may have been quicker
    if wait.answered_at is None:
        return Answer(kind=pause.kind, expired=True, about=pause.about)
    value = payloads.unseal(
        live.key,
        wait.answer_sealed,
        tenant_id=live.tenant.pk,
        table="runs_wait",
        row=wait.pk,
        column="answer_sealed",
    )
    decided = pause.kind == "approval"
    return Answer(
        kind=pause.kind,
        output=None if decided else value,
        verdict=cast(Verdict, wait.verdict),
        by=f"{wait.answered_by_kind}:{wait.answered_by_id}",
        sentence=value["reason"] if decided else "",
        about=pause.about,
    )


def withdraw(wait_ids: list[UUID]) -> int:
    """Close questions that nobody waits for any more. Returns how many were open."""
    return Wait.objects.filter(pk__in=wait_ids, answered_at=None, withdrawn_at=None).update(
        withdrawn_at=now()
    )


def _seal(key: keys.DataKeyRef, value: Json, tenant_id: UUID, row: UUID, column: str) -> bytes:
    return payloads.seal(
        key, value, tenant_id=tenant_id, table="runs_wait", row=row, column=column
    ).payload
