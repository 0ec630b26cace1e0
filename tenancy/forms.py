"""What people may send about members and tokens. Forms check and shape; the verbs decide."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.timezone import now

from tenancy.models import Membership
from tenancy.permissions import Permission, Role

FIELD = {"class": "field"}


class EndOfDay(forms.DateField):
    """A last day; what is valid until that day is valid until its end, in UTC."""

    widget = forms.DateInput(attrs={**FIELD, "type": "date"})

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        return None if day is None else datetime.combine(day, time(23, 59, 59), tzinfo=UTC)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, widget=forms.Select(attrs=FIELD))
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
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, permissions: frozenset[Permission], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = sorted(permission.value for permission in permissions)
        self.fields["scopes"].choices = [(value, value) for value in values]  # type: ignore[attr-defined]
        self.fields["expires_at"].initial = (now() + timedelta(days=90)).date()


class SecretForm(forms.Form):
    """What was typed is never shown again, not even when the form comes back with errors."""

    name = forms.RegexField(
        r"^[a-z0-9][a-z0-9._-]{0,63}$",
        widget=forms.TextInput(attrs=FIELD),
        help_text="As a provider names it: small letters, digits, dots and hyphens.",
    )
    value = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={**FIELD, "autocomplete": "off"}),
        help_text="Replaces the value kept under this name.",
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
