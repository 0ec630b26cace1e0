"""What people may send about members, tokens, hosts and quotas. Forms check and shape; the verbs decide."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Self

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.timezone import now

from tenancy.models import Membership, MoneyPeriod, WhenFull
from tenancy.money import MILLION, to_amount
from tenancy.permissions import Permission, Role
from tenancy.quotas import LONGEST_REASON, MOST_RUNS, Limits

FIELD = {"class": "field"}


class EndOfDay(forms.DateField):
    """A last day; what is valid until that day is valid until its end, in UTC."""

    widget = forms.DateInput(attrs={**FIELD, "type": "date"})

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        return None if day is None else datetime.combine(day, time(23, 59, 59), tzinfo=UTC)


class RoleForm(forms.Form):
    role = forms.ChoiceField(
        choices=Role.choices,
        widget=forms.Select(attrs=FIELD),
        help_text="What each may do stands on the page of members.",
    )
    expires_at = EndOfDay(
        label="Last day", required=False, help_text="An auditor's membership always ends."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        ends = cleaned.get("expires_at")
        if cleaned.get("role") == Role.AUDITOR and not ends and "expires_at" not in self.errors:
            self.add_error("expires_at", "Give the last day of this auditor's membership.")
        if ends and ends <= now():
            self.add_error("expires_at", "The last day must not be over.")
        return cleaned


class InviteForm(RoleForm):
    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs=FIELD))
    name = forms.CharField(
        max_length=200, required=False, widget=forms.TextInput(attrs=FIELD), help_text="As shown."
    )
    field_order = ("email", "name", "role", "expires_at")


class TokenForm(forms.Form):
    """Offers only the scopes that the person holds."""

    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs=FIELD),
        help_text="What it is for, so that somebody dares to revoke it one day.",
    )
    expires_at = EndOfDay(label="Last day", help_text="Within a year.")
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="What a program may do with it, of what your role may. Give no more than it needs.",
    )

    def __init__(self, *args: Any, permissions: frozenset[Permission], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = sorted(permission.value for permission in permissions)
        self.fields["scopes"].choices = [(value, value) for value in values]  # type: ignore[attr-defined]
        self.fields["expires_at"].initial = (now() + timedelta(days=90)).date()


HOST = forms.RegexField(
    r"^[a-z0-9.-]{3,253}$",
    label="Host name",
    widget=forms.TextInput(attrs=FIELD),
    help_text="Such as acme.example.org. It has to lead to this installation.",
)


class HostForm(forms.Form):
    domain = HOST


class TenantForm(forms.Form):
    """A tenant to be, with the first person in it."""

    name = forms.CharField(max_length=200, widget=forms.TextInput(attrs=FIELD))
    slug = forms.RegexField(
        r"^[a-z][a-z0-9-]{0,48}[a-z0-9]$",
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits and hyphens. It stays for ever.",
    )
    domain = HOST
    admin = forms.EmailField(
        label="E-mail address of the first admin", widget=forms.EmailInput(attrs=FIELD)
    )


class QuotaForm(forms.Form):
    """Limits, all at once. An empty field is no limit."""

    concurrent_runs = forms.IntegerField(
        label="Runs under way at once",
        help_text="Queued or running. A run that waits for a person or a time takes no place.",
        required=False,
        min_value=0,
        max_value=MOST_RUNS,
        widget=forms.NumberInput(attrs=FIELD),
    )
    when_full = forms.ChoiceField(
        label="A start when all places are taken",
        choices=WhenFull.choices,
        widget=forms.Select(attrs=FIELD),
    )
    runs_per_hour = forms.IntegerField(
        label="Starts in an hour",
        help_text="From the full hour, UTC, without child runs.",
        required=False,
        min_value=0,
        max_value=MOST_RUNS,
        widget=forms.NumberInput(attrs=FIELD),
    )
    money = forms.DecimalField(
        label="Money",
        required=False,
        min_value=0,
        max_digits=15,
        decimal_places=6,
        widget=forms.NumberInput(attrs={**FIELD, "step": "any"}),
        help_text="Reserved and spent by all runs, tests and probes in the period.",
    )
    money_currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label="Currency",
        initial="EUR",
        required=False,
        widget=forms.TextInput(attrs={**FIELD, "maxlength": 3}),
    )
    money_period = forms.ChoiceField(
        label="Period",
        choices=MoneyPeriod.choices,
        initial=MoneyPeriod.MONTH,
        required=False,
        widget=forms.Select(attrs=FIELD),
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Kept with this revision: name no person here.",
    )

    @classmethod
    def showing(cls, limits: Limits) -> Self:
        """The form as it is before anybody typed: what is in force, and no reason yet."""
        return cls(
            initial={
                "concurrent_runs": limits.concurrent_runs,
                "when_full": limits.when_full,
                "runs_per_hour": limits.runs_per_hour,
                "money": None if limits.money_micros is None else to_amount(limits.money_micros),
                "money_currency": limits.money_currency or "EUR",
                "money_period": limits.money_period or MoneyPeriod.MONTH,
            }
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("money") is not None:
            for name in ("money_currency", "money_period"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "An amount of money needs this.")
        return cleaned

    def limits(self) -> Limits:
        told = self.cleaned_data
        money = told["money"]
        return Limits(
            concurrent_runs=told["concurrent_runs"],
            when_full=told["when_full"],
            runs_per_hour=told["runs_per_hour"],
            money_micros=None if money is None else int(money * MILLION),
            money_currency="" if money is None else told["money_currency"],
            money_period="" if money is None else told["money_period"],
        )


class JoinForm(forms.Form):
    """Somebody new chooses a password; somebody known on this installation proves theirs."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={**FIELD, "autocomplete": "new-password"}),
    )

    def __init__(
        self, *args: Any, membership: Membership, request: HttpRequest, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.request = membership.user, request
        self.is_known = self.user.has_usable_password()
        if self.is_known:
            self.fields["password"].help_text = "The password you already have here."
            self.fields["password"].widget.attrs["autocomplete"] = "current-password"
        else:
            self.fields["password"].help_text = "Choose a password of at least 12 characters."

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.is_known:
            validate_password(password, self.user)
            return password
        get_adapter(self.request).pre_authenticate(self.request, email=self.user.email)
        if not self.user.check_password(password):
            message = "This is not your password."
            raise ValidationError(message)
        return password
