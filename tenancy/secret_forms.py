"""What people may send about secrets. What was typed as a value is never shown again, not even with errors."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from django import forms

from tenancy.forms import FIELD
from tenancy.models import BackendKind, VaultAuth
from tenancy.secret_facts import SecretFacts
from tenancy.secret_uses import Bindings

BOUND: Final = {  # field, and what a check mark in it means
    "workflows": "Workflows",
    "providers": "Providers",
    "destinations": "Destinations",
    "classes": "Data classes",
}


def _value() -> forms.CharField:
    return forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={**FIELD, "autocomplete": "off"}),
        help_text="Goes in here, and is shown nowhere again.",
    )


class SecretForm(forms.Form):
    """A new secret, or another value under a name that exists."""

    name = forms.RegexField(
        r"^[a-z0-9][a-z0-9._-]{0,63}$",
        widget=forms.TextInput(attrs=FIELD),
        help_text="As a provider names it: small letters, digits, dots, hyphens, underscores.",
    )
    value = _value()


class ReplaceForm(forms.Form):
    """Another value for one secret."""

    value = _value()
    waits = forms.BooleanField(
        label="Keep using the old value until this one has been tested",
        required=False,
        initial=True,
    )


class VersionForm(forms.Form):
    """Which version somebody looked at when deciding."""

    number = forms.IntegerField(min_value=1)


class UseForm(forms.Form):
    """Last day, rotation and bindings of one secret, all at once."""

    expires_on = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={**FIELD, "type": "date"}),
        help_text="It serves through this day, UTC. Alerts come 30 and 7 days before, and on the day.",
    )

    rotate_days = forms.IntegerField(
        label="Replace after days",
        required=False,
        min_value=1,
        max_value=3_660,
        widget=forms.NumberInput(attrs=FIELD),
        help_text="An older value is shown as overdue, and an alert asks for a new one. It serves all the same.",
    )

    def __init__(
        self, *args: Any, secret: SecretFacts, names: Mapping[str, Sequence[str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expires_on"].initial = secret.expires_on
        self.fields["rotate_days"].initial = secret.rotate_days
        for kind, label in BOUND.items():
            bound = getattr(secret.bindings, kind)
            gone = [name for name in bound if name not in names[kind]]
            self.fields[kind] = forms.MultipleChoiceField(
                label=label,
                required=False,
                initial=list(bound),
                choices=[(name, name) for name in names[kind]]
                + [(name, f"{name} (nothing is called so now)") for name in gone],
                widget=forms.CheckboxSelectMultiple,
            )

    @property
    def groups(self) -> Sequence[forms.BoundField]:
        """The bindings that there is something to choose for."""
        return [self[kind] for kind in BOUND if self.fields[kind].choices]  # type: ignore[attr-defined]

    def bindings(self) -> Bindings:
        return Bindings(**{kind: tuple(self.cleaned_data[kind]) for kind in BOUND})


class RevokeForm(forms.Form):
    """The secret's name, typed, where something names it."""

    confirmation = forms.CharField(label="Name of the secret", widget=forms.TextInput(attrs=FIELD))

    def __init__(self, *args: Any, name: str, is_used: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        if not is_used:
            del self.fields["confirmation"]
            return
        typed = self.fields["confirmation"]
        typed.help_text = f"Type {name} to confirm what stops."
        typed.error_messages["required"] = f"Type “{name}”, as it is written above."

    def clean_confirmation(self) -> str:
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self._name:
            raise forms.ValidationError(f"Type “{self._name}”, as it is written above.")
        return typed


def _text(label: str, longest: int, hint: str = "", **attributes: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=longest,
        required=False,
        help_text=hint,
        widget=forms.TextInput(attrs={**FIELD, **attributes}),
    )


class BackendForm(forms.Form):
    """Where new values go. What is about Vault counts only where Vault is chosen."""

    kind = forms.ChoiceField(
        label="New values are kept", choices=BackendKind.choices, widget=forms.Select(attrs=FIELD)
    )
    address = _text("Address of Vault", 300, "Such as https://vault.example.org:8200.")
    namespace = _text("Namespace", 200, "Only where Vault has namespaces.")
    mount = _text("Mount", 100, "Of a KV version 2. Empty: secret.")
    path = _text(
        "Path below the mount", 200, "{tenant} stands for this tenant. Empty: grove/{tenant}."
    )
    auth = forms.ChoiceField(
        label="Grove signs in with", choices=VaultAuth.choices, widget=forms.Select(attrs=FIELD)
    )
    role_id = _text("Role id", 200, "Only for AppRole.")
    credential = forms.CharField(
        label="Token or secret id",
        required=False,
        strip=True,
        max_length=4000,
        widget=forms.PasswordInput(attrs={**FIELD, "autocomplete": "off"}),
        help_text="Kept sealed and never shown. Empty keeps the one from before, for the same address.",
    )
    ca_pem = forms.CharField(
        label="Certificates that Vault is trusted by",
        required=False,
        max_length=64_000,
        widget=forms.Textarea(attrs={**FIELD, "rows": 4}),
        help_text="In PEM form. Empty: those of this machine.",
    )

    @classmethod
    def showing(cls, told: Mapping[str, str]) -> Self:
        """The form as it is before anybody typed: what is in force, without the credential."""
        return cls(initial={**told, "path": told["prefix"]})

    def chosen(self) -> dict[str, Any]:
        """What `secret_backends.choose` takes."""
        told = dict(self.cleaned_data)
        told["prefix"] = told.pop("path")
        return told | {"kind": BackendKind(told["kind"]), "auth": VaultAuth(told["auth"])}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == BackendKind.VAULT:
            if not cleaned.get("address") and "address" not in self.errors:
                self.add_error("address", "Vault needs an address.")
            if cleaned.get("auth") == VaultAuth.APPROLE and not cleaned.get("role_id"):
                self.add_error("role_id", "AppRole needs a role id.")
        pem = cleaned.get("ca_pem", "")
        if pem and "-----BEGIN CERTIFICATE-----" not in pem:
            self.add_error("ca_pem", "This holds no certificate in PEM form.")
        return cleaned
