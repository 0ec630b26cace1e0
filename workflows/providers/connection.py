"""Is a provider's connection complete? Its settings and secrets against what its kind and way to sign in need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.providers.connection_settings import (
    AUTHS_OF_KIND,
    OF_ALL,
    OF_AUTH,
    OF_KIND,
    SECRETS_OF_AUTH,
    Setting,
)

LONGEST = 50_000


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field. `field` is its path in the API's words, such as settings/region."""

    field: str
    sentence: str


def settings_of(kind: str, auth: str) -> tuple[Setting, ...]:
    """All that may be set, in the order of the form."""
    return (*OF_KIND.get(kind, ()), *OF_AUTH.get(auth, ()), *OF_ALL)


def find_faults(
    kind: str,
    auth: str,
    *,
    base_url: str,
    settings: Mapping[str, Any],
    more_secrets: Mapping[str, Any],
) -> list[FieldFault]:
    """What keeps a provider from being used like this, field by field."""
    if kind not in AUTHS_OF_KIND or auth not in OF_AUTH:
        return []  # the columns say so themselves
    faults = []
    if auth not in AUTHS_OF_KIND[kind]:
        ways = ", ".join(AUTHS_OF_KIND[kind])
        told = f"A provider of the kind {kind} is signed in to by one of {ways}; not by {auth}."
        faults.append(FieldFault("auth", told))
    if auth == "mtls" and not base_url.startswith("https://"):
        faults.append(FieldFault("base_url", "A client certificate is shown over https:// only."))
    known = {setting.name: setting for setting in settings_of(kind, auth)}
    for name in sorted(set(map(str, settings)).difference(known)):
        told = f"There is no setting “{name}” for {kind} with {auth}. There are {', '.join(known)}."
        faults.append(FieldFault(f"settings/{name}", told))
    for name, setting in known.items():
        if told := _fault_of(setting, settings):
            faults.append(FieldFault(f"settings/{name}", told))
    return faults + _faults_of_secrets(auth, more_secrets)


def without_blanks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was really set: an empty text is as good as none."""
    trimmed = {
        name: value.strip() if isinstance(value, str) else value for name, value in settings.items()
    }
    return {name: value for name, value in trimmed.items() if value not in ("", None)}


def _fault_of(setting: Setting, settings: Mapping[str, Any]) -> str:
    value = settings.get(setting.name)
    named = f"The setting “{setting.name}” ({setting.label.lower()})"
    if value is None:
        return f"{named} is missing." if setting.required else ""
    if setting.is_switch:
        return "" if isinstance(value, bool) else f"{named} is true or false."
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        return f"{named} must be a text of at most {LONGEST:,} characters."
    if setting.choices and value not in setting.choices:
        return f"{named} is one of {', '.join(setting.choices)}."
    if fault := setting.fault(value):
        return f"{named} {fault}."
    return ""


def _faults_of_secrets(auth: str, more_secrets: Mapping[str, Any]) -> list[FieldFault]:
    """Of those beside the first, whose absence the columns tell of."""
    known = [role.name for role in SECRETS_OF_AUTH[auth][1:]]
    faults = []
    for name, secret in more_secrets.items():
        if name not in known:
            told = f"There are {', '.join(known)}." if known else "There is none."
            sentence = f"With {auth} no secret is called “{name}” besides the first. {told}"
        elif not isinstance(secret, str) or not 0 < len(secret) <= 100:
            sentence = f"Name the secret for “{name}” with 1 to 100 characters."
        else:
            continue
        faults.append(FieldFault(f"more_secrets/{name}", sentence))
    return faults
