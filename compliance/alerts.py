"""Alerts: raised once while they wait, acknowledged by a person with a reason. Both leave a ledger entry."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from compliance.errors import AlertInvalid, AlertNotFound
from compliance.models import Alert, AlertKind
from compliance.models.alert import Severity
from tenancy import ledger
from tenancy.actors import SYSTEM, Actor
from tenancy.events import EventType
from tenancy.prepared import Prepared

LONGEST_REASON = 500
LONGEST_SENTENCE = 500
COUNTED_UP_TO = 99
# Those that wait for somebody, so far and no further: every page counts them.
WAITING: Prepared[Alert] = Prepared(
    lambda: Alert.objects.waiting().only("tenant").order_by()[:COUNTED_UP_TO]
)


def raise_alert(
    *,
    kind: AlertKind,
    subject_kind: str,
    subject_id: UUID | str,
    name: str,
    sentence: str,
    key: str,
    severity: str = Severity.WARNING,
) -> Alert | None:
    """Tell people of something. None where an alert with this key waits already: two at once make one.

    `key` says what it is that happened, such as "model_drift:<deployment>:<model>". Sentence and name are for pages
    and the API: no personal data. Too long a sentence is cut. What was over and begins anew is over no longer.
    """
    waiting = Alert.objects.waiting().filter(key=key).first()
    if waiting is not None:
        _begin_anew(waiting)
        return None
    try:
        with transaction.atomic():
            alert: Alert = Alert.objects.create(
                kind=AlertKind(kind),
                severity=Severity(severity),
                subject_kind=subject_kind,
                subject_id=str(subject_id),
                name=name[:200],
                sentence=sentence[:LONGEST_SENTENCE],
                key=key,
            )
            ledger.append(
                EventType.ALERT_RAISED,
                subject=alert,
                by=SYSTEM,
                kind=alert.kind,
                severity=alert.severity,
                about={"kind": subject_kind, "id": str(subject_id)},
                key=key,
            )
    except IntegrityError:  # the other one was first
        if Alert.objects.waiting().filter(key=key).exists():
            return None
        raise
    return alert


@transaction.atomic
def _begin_anew(alert: Alert) -> None:
    if Alert.objects.filter(pk=alert.pk).exclude(over_at=None).update(over_at=None):
        ledger.append(EventType.ALERT_RAISED, subject=alert, by=SYSTEM, key=alert.key, again=True)


@transaction.atomic
def end(*, key: str) -> None:
    """Note that what the newest alert with this key tells of is over. Without one, or once more, it changes nothing."""
    alert = Alert.objects.select_for_update().filter(key=key).first()
    if alert is None or alert.over_at is not None:
        return
    alert.over_at = now()
    alert.save(update_fields=["over_at"])
    ledger.append(EventType.ALERT_OVER, subject=alert, by=SYSTEM, key=key)


@transaction.atomic
def acknowledge(*, alert: Alert, reason: str, by: Actor) -> None:
    """Note that somebody has seen to it. The first one counts: once more changes nothing. Raises AlertInvalid."""
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise AlertInvalid("Say in up to 500 characters what was done about it.")
    won = (
        Alert.objects.waiting()
        .filter(pk=alert.pk)
        .update(
            acknowledged_at=now(),
            reason=reason,
            actor_kind=by.kind,
            actor_id=by.id,
            actor_name=by.name[:200],
        )
    )
    alert.refresh_from_db()
    if won:
        ledger.append(EventType.ALERT_ACKNOWLEDGED, subject=alert, by=by, key=alert.key)


def matching(*, state: str = "", kind: str = "") -> "QuerySet[Alert]":
    """Alerts of this state (waiting, acknowledged) and kind. What is not given is not asked."""
    found: QuerySet[Alert] = Alert.objects.all()
    if state:
        found = found.filter(acknowledged_at__isnull=state == "waiting")
    return found.filter(kind=kind) if kind else found


def get_alert(alert_id: UUID) -> Alert:
    """Raises AlertNotFound."""
    alert: Alert | None = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        raise AlertNotFound
    return alert
