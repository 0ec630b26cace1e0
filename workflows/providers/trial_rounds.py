"""“Test all”: every deployment is tried once, each by whoever comes first, and what came of it is kept to be looked at.

A round is rows that wait. A message hints at each of them, the chore finds what no message told of, and a claim keeps
two from making the same call. So nothing is called twice, however often somebody presses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from workflows.errors import ProviderInvalid
from workflows.models import Deployment, TrialCall, TrialPurpose, TrialRound, TrialStatus
from workflows.providers import trials

HINTED_FOR = timedelta(seconds=10)  # a message is that young that somebody may still be on the way
OPEN = (TrialStatus.WAITING, TrialStatus.RUNNING)
NO_KEY = "It is called with the key of whoever starts a run, and nobody gives one for a test."


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A round, its calls by name of provider and deployment, and how far it is."""

    round: TrialRound
    calls: Sequence[TrialCall]

    @property
    def done(self) -> int:
        return sum(call.status not in OPEN for call in self.calls)

    @property
    def passed(self) -> int:
        return sum(call.status == TrialStatus.PASSED for call in self.calls)

    @property
    def is_open(self) -> bool:
        return self.round.ended_at is None


@transaction.atomic
def begin(*, by: Actor, looked: bool = False, newest: UUID | None = None) -> TrialRound:
    """Try every enabled deployment once. Where a round is under way, it is that one.

    Whoever `looked` says which round was the `newest` then, or that there was none: where another one has come since,
    it is that one. So a form that is sent twice begins one round. Raises ProviderInvalid where there is nothing to try.
    """
    last = find_last()
    if last is not None and (last.ended_at is None or (looked and last.pk != newest)):
        return last
    found = Deployment.objects.filter(enabled=True, provider__enabled=True)
    deployments = list(found.select_related("provider").order_by("provider__name", "name"))
    if not deployments:
        raise ProviderInvalid("There is no deployment in use to test. Add or enable one first.")
    try:
        with transaction.atomic():
            begun: TrialRound = TrialRound.objects.create(
                actor_kind=by.kind, actor_id=by.id, actor_name=by.name[:200]
            )
    except IntegrityError:  # somebody else was first
        return TrialRound.objects.get(ended_at=None)
    TrialCall.objects.bulk_create([_to_call(begun, each) for each in deployments])
    ledger.append(
        EventType.PROVIDER_TESTS_BEGUN, subject=begun, by=by, deployments=len(deployments)
    )
    _close(begun)
    return begun


def carry_out(call_id: UUID) -> None:
    """Make one call of a round. Twice is once."""
    call = TrialCall.objects.select_related("round", "deployment__provider").get(pk=call_id)
    if call.status != TrialStatus.WAITING or call.round is None:
        return
    trials.make(call=call, by=actor_of(call.round))
    close(call.round)


def carry_out_rest() -> None:
    """What no message told of, and what a lost worker left."""
    trials.settle_lost()
    rounds = TrialRound.objects.filter(ended_at=None, begun_at__lt=now() - HINTED_FOR)
    for each in rounds:
        for call_id in waiting(each):
            carry_out(call_id)
        close(each)


@transaction.atomic
def close(round_: TrialRound) -> None:
    """Note the end of a round of which no call is left."""
    _close(TrialRound.objects.select_for_update().get(pk=round_.pk))


def waiting(round_: TrialRound) -> list[UUID]:
    """The calls that nobody has made yet."""
    calls = TrialCall.objects.filter(round=round_, status=TrialStatus.WAITING)
    return list(calls.order_by("id").values_list("pk", flat=True))


def progress_of(round_: TrialRound) -> Progress:
    """How far it is, in one query."""
    calls = TrialCall.objects.filter(round=round_).select_related("deployment__provider")
    ordered = calls.order_by("deployment__provider__name", "deployment__name")
    return Progress(round=round_, calls=list(ordered))


def find_last() -> TrialRound | None:
    """The newest round."""
    newest: TrialRound | None = TrialRound.objects.first()
    return newest


def actor_of(round_: TrialRound) -> Actor:
    return Actor.of_row(kind=round_.actor_kind, id=round_.actor_id, name=round_.actor_name)


def _close(round_: TrialRound) -> None:
    if round_.ended_at is None and not round_.calls.filter(status__in=OPEN).exists():
        round_.ended_at = now()
        round_.save(update_fields=["ended_at"])


def _to_call(round_: TrialRound, deployment: Deployment) -> TrialCall:
    call = TrialCall(round=round_, deployment=deployment, purpose=TrialPurpose.TEST)
    call.status = TrialStatus.WAITING
    if deployment.provider.auth == "caller_key":
        call.status, call.finished_at, call.sentence = TrialStatus.NOT_MADE, now(), NO_KEY
    return call
