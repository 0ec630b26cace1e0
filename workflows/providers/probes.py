"""Probes: one minimal call to a deployment that nobody called for a while: its health is known before it is needed.

A probe is a test that nobody pressed: the same fixed words, on the ledger before it leaves, and told as what left the
house. It counts for the breaker as a call does, so a provider that is back is found without a run's risk.
"""

from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from workflows.models import Deployment, DeploymentStanding, TrialPurpose
from workflows.providers import breakers, health, prices, trials
from workflows.providers.standing import Breaker

MOST_SECONDS: Final = 25.0  # of one round; who was not reached is due again in the next


def probe_all() -> int:
    """Probe what is due in this tenant, one after the other; how many. Two rounds at once probe none twice."""
    if not settings.PROBE_SECONDS:
        return 0
    at, began, made = now(), monotonic(), 0
    for deployment in due(at):
        if monotonic() - began > MOST_SECONDS:
            break
        if _take(deployment, at):
            made += _probe(deployment)
    return made


def due(at: datetime) -> list[Deployment]:
    """Members of groups that were not heard of for a while, and those whose breaker waits for a trial.

    Left alone are: what is disabled, what asked to be left alone, what is called with the caller's own key, what has no
    known price. A budget without room for its few tokens stops a probe when it is made.
    """
    before = at - timedelta(seconds=settings.PROBE_SECONDS)
    members = (
        Deployment.objects.select_related("provider")
        .filter(enabled=True, provider__enabled=True, memberships__isnull=False)
        .exclude(provider__auth="caller_key")
        .filter(created_at__lt=before)
        .distinct()
        .order_by("pk")
    )
    found = list(members)
    rows = {
        row.deployment_id: row for row in DeploymentStanding.objects.filter(deployment__in=found)
    }
    quiet = [each for each in found if _is_due(rows.get(each.pk), before, at)]
    heard = health.heard_since([each.pk for each in quiet], before)
    quiet = [each for each in quiet if each.pk not in heard or _is_on_trial(rows.get(each.pk), at)]
    priced = prices.in_force(quiet, at)
    return [each for each in quiet if each.pk in priced]


def _is_due(row: DeploymentStanding | None, before: datetime, at: datetime) -> bool:
    if row is None:
        return True
    if health.standing_of(row).breaker(at) is Breaker.OPEN:
        return False
    return _is_on_trial(row, at) or row.probed_at is None or row.probed_at < before


def _is_on_trial(row: DeploymentStanding | None, at: datetime) -> bool:
    return row is not None and health.standing_of(row).breaker(at) is Breaker.HALF_OPEN


def _take(deployment: Deployment, at: datetime) -> bool:
    """Be the one who probes it now: the trial where its breaker waits for one, or else the turn."""
    row, _made = DeploymentStanding.objects.get_or_create(deployment=deployment)
    if _is_on_trial(row, at):
        return breakers.take_trial(deployment.pk)
    before = at - timedelta(seconds=settings.PROBE_SECONDS)
    free = Q(probed_at=None) | Q(probed_at__lt=before)
    mine = DeploymentStanding.objects.filter(free, deployment=deployment)
    return bool(mine.update(probed_at=at) == 1)


def _probe(deployment: Deployment) -> bool:
    """Whether it was made; where a budget has no room for it, that is what is noted."""
    trial = trials.run(deployment=deployment, by=SYSTEM, purpose=TrialPurpose.PROBE)
    breakers.note_probe(deployment.pk, error_kind=trial.kind, seconds=trial.seconds)
    return trial.was_made
