"""What people send about providers and deployments. The fields follow from the kind and the way to sign in.

What is wrong is what the register would refuse (workflows/providers/faults.py), shown beside its field.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms

from compliance.labels import DataClass
from workflows.forms import FIELD
from workflows.models import Auth, Deployment, Egress, Provider, ProviderKind
from workflows.providers import connection, faults, register
from workflows.providers.connection_settings import (
    ADDRESSES,
    AUTHS_OF_KIND,
    SECRETS_OF_AUTH,
    SecretRole,
    Setting,
)

CLASSES = [(int(level), level.word.capitalize()) for level in DataClass]
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
HINTS = {
    "openai": "OpenAI itself, vLLM, Ollama, llama.cpp, Mistral and others that speak its chat completions.",
    "azure_openai": "Deployments of OpenAI's models in your own Azure resource.",
    "anthropic": "Claude, by Anthropic's Messages API.",
    "gemini": "Google's Gemini API.",
    "vertex": "Google's models in your own Google Cloud project.",
    "bedrock": "Models in your own AWS account, by the Converse API.",
}
PAPERS = ("dpa", "baa", "zero_retention", "trains_on_data", "papers_expire_on")
SECRETS_LIST = "secret-names"  # the id of the datalist on the page


def ways() -> list[dict[str, Any]]:
    """Every kind with its ways to sign in, for the page where both are chosen."""
    return [
        {
            "kind": kind.value,
            "label": kind.label,
            "hint": HINTS[kind],
            "auths": [(auth, Auth(auth).label) for auth in AUTHS_OF_KIND[kind]],
        }
        for kind in ProviderKind
    ]


def is_way(kind: str, auth: str) -> bool:
    """Whether providers of this kind can be signed in to like this."""
    return auth in AUTHS_OF_KIND.get(kind, ())


class ProviderForm(forms.Form):
    """A provider of one kind with one way to sign in; `provider` is the one to change, or None for a new one."""

    name = forms.RegexField(
        NAME,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits, hyphens. It stays.",
        error_messages={
            "invalid": "Begin with a small letter; then small letters, digits, - or _."
        },
    )
    title = forms.CharField(
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=FIELD),
        help_text="What people call it.",
    )
    base_url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={**FIELD, "spellcheck": "false"}),
    )
    egress = forms.ChoiceField(
        label="Where it is",
        choices=Egress.choices,
        initial=Egress.EXTERNAL,
        widget=forms.Select(attrs=FIELD),
        help_text="Inside: within your walls, plain HTTP allowed. Outside: encrypted only.",
    )
    region = forms.CharField(
        max_length=31,
        required=False,
        widget=forms.TextInput(attrs=FIELD),
        help_text="A word such as eu, as residency names it. Unknown where empty.",
    )
    dpa = forms.BooleanField(label="Data processing agreement", required=False)
    baa = forms.BooleanField(label="Business associate agreement", required=False)
    zero_retention = forms.BooleanField(label="Keeps nothing of what it is sent", required=False)
    trains_on_data = forms.BooleanField(
        label="Trains on what it is sent", required=False, initial=True
    )
    papers_expire_on = forms.DateField(
        label="Papers expire on",
        required=False,
        widget=forms.DateInput(attrs={**FIELD, "type": "date"}, format="%Y-%m-%d"),
        help_text="From the day after they count for nothing. Empty: they do not expire.",
    )

    def __init__(
        self, data: Any = None, *, kind: str, auth: str, provider: Provider | None = None
    ) -> None:
        initial = _initial(provider, kind, auth) if provider else {"base_url": _address(kind)}
        super().__init__(data, initial=initial)
        self.kind, self.auth, self.provider = kind, auth, provider
        if provider is not None:
            del self.fields["name"]
        for setting in connection.settings_of(kind, auth):
            self.fields[f"setting_{setting.name}"] = _setting_field(setting)
        for field, role in _secret_fields(auth):
            self.fields[field] = _secret_field(role)

    @property
    def sections(self) -> list[tuple[str, Sequence[forms.BoundField]]]:
        """The fields under headings, in the order of the page."""
        own = [name for name in ("name", "title", "base_url") if name in self.fields]
        secrets = [field for field, _ in _secret_fields(self.auth)]
        settings = [name for name in self.fields if name.startswith("setting_")]
        parts = (
            ("Connection", [*own, *secrets]),
            ("Settings of this kind and way to sign in", settings),
            ("Place", ["egress", "region"]),
            ("Papers", list(PAPERS)),
        )
        return [(heading, [self[name] for name in names]) for heading, names in parts]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = cleaned.get("name")
        if name and Provider.objects.filter(name=name).exists():
            self.add_error("name", f"There is already a provider “{name}”. Choose another name.")
        described = Provider(**{"name": "unnamed", **self.facts()})
        for fault in faults.find_in_provider(described):
            field = _field_of(fault.field)
            if field not in self.errors:
                self.add_error(field if field in self.fields else None, fault.sentence)
        return cleaned

    def facts(self) -> dict[str, Any]:
        """What was said, as the register takes it."""
        cleaned = self.cleaned_data
        plain = ("name", "title", "egress", "region", *PAPERS)
        more = {role.name: cleaned.get(field, "") for field, role in _secret_fields(self.auth)[1:]}
        return {
            **{name: cleaned[name] for name in plain if name in cleaned},
            "base_url": register.trimmed(cleaned.get("base_url", "")),
            "kind": self.kind,
            "auth": self.auth,
            "secret_name": cleaned.get("secret_name", ""),
            "more_secrets": connection.without_blanks(more),
            "settings": connection.without_blanks(dict(self._settings())),
        }

    def _settings(self) -> Iterator[tuple[str, Any]]:
        """Of switches and choices only those that are not as they are by default."""
        for setting in connection.settings_of(self.kind, self.auth):
            value = self.cleaned_data.get(f"setting_{setting.name}", "")
            if setting.is_switch:
                if value != bool(setting.default):
                    yield setting.name, value
            elif not (setting.choices and value == setting.default):
                yield setting.name, value.replace("\r\n", "\n")


class DeploymentForm(forms.Form):
    """A model at a provider; `deployment` is the one to change, or None for a new one."""

    name = forms.RegexField(
        NAME,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits, hyphens. Model groups name it; it stays.",
        error_messages={
            "invalid": "Begin with a small letter; then small letters, digits, - or _."
        },
    )
    model = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={**FIELD, "spellcheck": "false"}),
        help_text="As the provider calls it; for Azure the name of the deployment there.",
    )
    clearance = forms.TypedChoiceField(
        label="May see up to",
        choices=CLASSES,
        coerce=int,
        widget=forms.Select(attrs=FIELD),
        help_text="The highest data class that may be sent to it.",
    )
    timeout_seconds = forms.IntegerField(
        label="Seconds until it is given up",
        min_value=1,
        max_value=3600,
        initial=120,
        widget=forms.NumberInput(attrs=FIELD),
    )

    def __init__(self, data: Any = None, *, deployment: Deployment | None = None) -> None:
        names = ("model", "clearance", "timeout_seconds")
        initial = {name: getattr(deployment, name) for name in names} if deployment else None
        super().__init__(data, initial=initial)
        if deployment is not None:
            del self.fields["name"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Deployment.objects.filter(name=name).exists():
            raise forms.ValidationError(
                f"There is already a deployment “{name}”. Choose another name."
            )
        return name


def _initial(provider: Provider, kind: str, auth: str) -> dict[str, Any]:
    """How the provider stands, in the words of the form."""
    names = ("title", "base_url", "egress", "region", *PAPERS)
    settings = {
        f"setting_{setting.name}": provider.settings[setting.name]
        for setting in connection.settings_of(kind, auth)
        if setting.name in provider.settings
    }
    secrets: dict[str, str] = {}
    if auth == provider.auth:
        more = {
            role.name: provider.more_secrets.get(role.name, "") for role in SECRETS_OF_AUTH[auth]
        }
        secrets = {field: more[role.name] for field, role in _secret_fields(auth)}
        secrets |= {"secret_name": provider.secret_name}
    return {name: getattr(provider, name) for name in names} | settings | secrets


def _address(kind: str) -> str:
    """The vendor's own address, where it is whole."""
    address = ADDRESSES.get(kind, "")
    return "" if "RESOURCE" in address else address


def _secret_fields(auth: str) -> list[tuple[str, SecretRole]]:
    """The first secret has a column of its own."""
    roles = SECRETS_OF_AUTH[auth]
    return [
        (f"secret_{role.name}" if position else "secret_name", role)
        for position, role in enumerate(roles)
    ]


def _secret_field(role: SecretRole) -> forms.Field:
    hint = f"{role.hint} Its name among the secrets of this tenant, never the value.".strip()
    return forms.CharField(
        label=role.label,
        required=role.required,
        max_length=100,
        help_text=hint,
        widget=forms.TextInput(
            attrs={**FIELD, "list": SECRETS_LIST, "autocomplete": "off", "spellcheck": "false"}
        ),
    )


def _setting_field(setting: Setting) -> forms.Field:
    told: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.hint,
        "required": setting.required,
    }
    if setting.is_switch:
        return forms.BooleanField(**{**told, "required": False}, initial=bool(setting.default))
    if setting.choices:
        return forms.ChoiceField(
            **told,
            choices=[(choice, choice) for choice in setting.choices],
            initial=setting.default,
            widget=forms.Select(attrs=FIELD),
        )
    if setting.is_long:
        return forms.CharField(
            **told,
            max_length=connection.LONGEST,
            widget=forms.Textarea(
                attrs={"class": "field mono", "rows": 4, "spellcheck": "false", "wrap": "off"}
            ),
        )
    return forms.CharField(
        **told,
        max_length=2000,
        widget=forms.TextInput(
            attrs={**FIELD, "placeholder": setting.default, "spellcheck": "false"}
        ),
    )


def _field_of(path: str) -> str:
    """`settings/region` as the form calls it."""
    return path.replace("more_secrets/", "secret_").replace("settings/", "setting_")
