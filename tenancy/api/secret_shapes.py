"""How secrets look to programs, and what programs may send. Values are sent only, never shown."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from tenancy.api.shapes import to_time
from tenancy.models import BackendKind, VaultAuth
from tenancy.secret_facts import SecretFacts, VersionState
from tenancy.secret_uses import Tried

STATES = ["active", "waits", "expires_soon", "expired", "revoked"]


def _names(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, help_text=help_text
    )


class SecretBindingsShape(serializers.Serializer[Any]):
    """What may use it. An empty list binds nothing; providers and destinations together are the places."""

    workflows = _names("Slugs.")
    providers = _names("Names of providers.")
    destinations = _names("Names of destinations.")
    classes = _names("Data classes: public, internal, confidential, restricted.")


class SecretUsageShape(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="`provider` or `destination`.")
    name = serializers.CharField()
    title = serializers.CharField()
    workflows = serializers.ListField(
        child=serializers.CharField(), help_text="Published workflows that reach it through this."
    )


class SecretVersionShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[each.value for each in VersionState])
    fingerprint = serializers.CharField()
    backend = serializers.ChoiceField(choices=BackendKind.choices)
    created_at = serializers.CharField()
    created_by_kind = serializers.CharField()
    created_by_id = serializers.CharField()
    is_left_outside = serializers.BooleanField(
        help_text="Emptied here, and not yet removed from Vault."
    )


class SecretShape(serializers.Serializer[Any]):
    """`version`, `fingerprint`, `backend` and `changed_at` are those of the newest version."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    version = serializers.IntegerField()
    in_use = serializers.IntegerField(allow_null=True, help_text="The version that is used now.")
    fingerprint = serializers.CharField()
    backend = serializers.ChoiceField(choices=BackendKind.choices)
    created_at = serializers.CharField()
    changed_at = serializers.CharField()
    last_used_at = serializers.CharField(allow_null=True)
    revoked_at = serializers.CharField(allow_null=True)
    expires_on = serializers.DateField(allow_null=True, help_text="It serves through this day.")
    rotate_days = serializers.IntegerField(
        allow_null=True, help_text="A value is to be replaced after so many days."
    )
    age_days = serializers.IntegerField(help_text="Of the version in use.")
    bindings = SecretBindingsShape()
    used_by = SecretUsageShape(many=True)
    versions = SecretVersionShape(many=True)


class SecretInput(serializers.Serializer[Any]):
    value = serializers.CharField(trim_whitespace=False, write_only=True)
    waits = serializers.BooleanField(
        default=False, help_text="Whether the version before is used until this one is confirmed."
    )


class SecretChange(serializers.Serializer[Any]):
    expires_on = serializers.DateField(required=False, allow_null=True)
    rotate_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=3_660
    )
    bindings = SecretBindingsShape(required=False)


class SecretVersionInput(serializers.Serializer[Any]):
    number = serializers.IntegerField(
        min_value=1, help_text="The newest version, as it was looked at; 409 where it is another."
    )


class SecretImpactShape(serializers.Serializer[Any]):
    providers = serializers.ListField(child=serializers.CharField())
    destinations = serializers.ListField(child=serializers.CharField())
    workflows = serializers.ListField(child=serializers.CharField())
    confirmation_needed = serializers.BooleanField()


class SecretTriedShape(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField()
    passed = serializers.BooleanField()
    sentence = serializers.CharField()


class SecretTestShape(serializers.Serializer[Any]):
    tried = SecretTriedShape(many=True)
    secret = SecretShape()


class SecretsKeptShape(serializers.Serializer[Any]):
    """How many values are where."""

    local = serializers.IntegerField(required=False)
    vault = serializers.IntegerField(required=False)


class SecretPlaceInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=BackendKind.choices)
    address = serializers.CharField(max_length=300, default="", allow_blank=True)
    namespace = serializers.CharField(max_length=200, default="", allow_blank=True)
    mount = serializers.CharField(max_length=100, default="", allow_blank=True)
    prefix = serializers.CharField(max_length=200, default="", allow_blank=True)
    auth = serializers.ChoiceField(choices=VaultAuth.choices, default=VaultAuth.TOKEN)
    role_id = serializers.CharField(max_length=200, default="", allow_blank=True)
    ca_pem = serializers.CharField(
        max_length=64_000,
        default="",
        allow_blank=True,
        help_text="Certificates that Vault is trusted by; empty: those of the machine.",
    )


class SecretBackendInput(SecretPlaceInput):
    """Of Vault: address, mount of a KV version 2, path below it, and how Grove signs in there."""

    credential = serializers.CharField(
        max_length=4000,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="Token, or AppRole's secret id. Empty keeps the one from before, for the same address.",
    )


class SecretBackendShape(SecretPlaceInput):
    chosen_by = serializers.ChoiceField(choices=["tenant", "settings"])
    kept = SecretsKeptShape()


def secret_to_json(secret: SecretFacts) -> dict[str, Any]:
    return {
        "name": secret.name,
        "state": secret.state,
        "version": secret.version,
        "in_use": secret.in_use,
        "fingerprint": secret.fingerprint,
        "backend": secret.backend,
        "created_at": to_time(secret.created_at),
        "changed_at": to_time(secret.changed_at),
        "last_used_at": to_time(secret.last_used_at),
        "revoked_at": to_time(secret.revoked_at),
        "expires_on": secret.expires_on.isoformat() if secret.expires_on else None,
        "rotate_days": secret.rotate_days,
        "age_days": secret.age.days,
        "bindings": secret.bindings.to_json(),
        "used_by": [
            {
                "kind": usage.kind,
                "name": usage.name,
                "title": usage.title,
                "workflows": list(usage.workflows),
            }
            for usage in secret.used_by
        ],
        "versions": [
            asdict(version) | {"created_at": to_time(version.created_at)}
            for version in secret.versions
        ],
    }


def tried_to_json(tried: Tried) -> dict[str, Any]:
    return asdict(tried)
