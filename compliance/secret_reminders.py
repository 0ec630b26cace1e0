"""Reminders of secrets: of a last day that comes near (30 and 7 days before, on the day), and of values too old."""

from datetime import date

from django.utils.timezone import now

from compliance import alerts
from compliance.models import Alert, AlertKind
from tenancy import secret_facts
from tenancy.secret_facts import SecretFacts

DAYS = (0, 7, 30)


def remind() -> int:
    """Raise what is due in the current tenant. Each is raised once, also where somebody has acknowledged it since."""
    secrets = secret_facts.list_secrets()
    return sum(_remind_of(secret) + _remind_to_rotate(secret) for secret in secrets)


def _remind_of(secret: SecretFacts) -> bool:
    left = secret.days_left
    due = next((days for days in DAYS if left is not None and left <= days), None)
    if due is None or secret.expires_on is None or secret.revoked_at is not None:
        return False
    key = f"secret_expiry:{secret.name}:{secret.expires_on}:{due}"
    if Alert.objects.filter(key=key).exists():
        return False
    raised = alerts.raise_alert(
        kind=AlertKind.SECRET_EXPIRY,
        subject_kind="secret",
        subject_id=secret.name,
        name=secret.name,
        sentence=_sentence(secret, secret.expires_on),
        key=key,
        severity="critical" if due == 0 else "warning",
    )
    return raised is not None


def _sentence(secret: SecretFacts, last_day: date) -> str:
    used = f" {len(secret.used_by)} providers and destinations name it." if secret.used_by else ""
    if last_day < now().date():
        return f"The secret “{secret.name}” served until {last_day} and is refused now.{used} Replace it."
    return f"The last day of the secret “{secret.name}” is {last_day}.{used} Replace it before."


def _remind_to_rotate(secret: SecretFacts) -> bool:
    """Once for each version that has become older than its rotation allows."""
    if secret.age.urgency < 2 or secret.revoked_at is not None:
        return False
    key = f"secret_rotation:{secret.name}:{secret.in_use}:{secret.rotate_days}"
    if Alert.objects.filter(key=key).exists():
        return False
    used = f" {len(secret.used_by)} providers and destinations name it." if secret.used_by else ""
    raised = alerts.raise_alert(
        kind=AlertKind.SECRET_EXPIRY,
        subject_kind="secret",
        subject_id=secret.name,
        name=secret.name,
        sentence=f"The secret “{secret.name}” is {secret.age.days} days old and is to be replaced every "
        f"{secret.rotate_days} days.{used} Replace it: it serves until then.",
        key=key,
        severity="warning",
    )
    return raised is not None
