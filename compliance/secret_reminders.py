"""Reminders of secrets whose last day comes near: an alert 30 days before, 7 days before, and on the day itself."""

from datetime import date

from django.utils.timezone import now

from compliance import alerts
from compliance.models import Alert, AlertKind
from tenancy import secret_facts
from tenancy.secret_facts import SecretFacts

DAYS = (0, 7, 30)


def remind() -> int:
    """Raise what is due in the current tenant. Each is raised once, also where somebody has acknowledged it since."""
    return sum(1 for secret in secret_facts.list_secrets() if _remind_of(secret))


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
