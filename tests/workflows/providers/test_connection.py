"""What a connection needs by its kind and way to sign in: every setting and secret is asked for, checked and named."""

from typing import Any

import pytest

from workflows.models import Auth, ProviderKind
from workflows.providers import connection, connection_settings, setting_values
from workflows.providers.connection_settings import AUTHS_OF_KIND, SECRETS_OF_AUTH

GOOD = {
    "api_version": "2024-10-21",
    "project": "bank-1",
    "location": "europe-west4",
    "token_url": "https://login.example/token",
    "client_id": "grove",
    "directory": "contoso",
    "access_key_id": "AKIA1",
    "region": "eu-central-1",
}


def faults(kind: str, auth: str, *, base_url: str = "https://models.example", **facts: Any) -> Any:
    found = connection.find_faults(
        kind,
        auth,
        base_url=base_url,
        settings=facts.get("settings", {}),
        more_secrets=facts.get("more_secrets", {}),
    )
    return {fault.field: fault.sentence for fault in found}


def required_by(kind: str, auth: str) -> dict[str, str]:
    known = connection.settings_of(kind, auth)
    return {setting.name: GOOD[setting.name] for setting in known if setting.required}


WAYS = [(kind, auth) for kind in AUTHS_OF_KIND for auth in AUTHS_OF_KIND[kind]]


@pytest.mark.parametrize(("kind", "auth"), WAYS)
def test_every_way_is_complete_with_what_it_requires_and_not_without(kind: str, auth: str) -> None:
    needed = required_by(kind, auth)

    assert faults(kind, auth, settings=needed) == {}
    for name in needed:
        rest = {other: value for other, value in needed.items() if other != name}
        found = faults(kind, auth, settings=rest)
        assert set(found) == {f"settings/{name}"}
        assert "is missing" in found[f"settings/{name}"]


def test_tables_know_every_kind_and_way() -> None:
    assert set(AUTHS_OF_KIND) == set(connection_settings.OF_KIND) == set(ProviderKind.values)
    assert set(connection_settings.OF_AUTH) == set(SECRETS_OF_AUTH) == set(Auth.values)
    assert {auth for _, auth in WAYS} == set(Auth.values)


@pytest.mark.parametrize(
    ("kind", "auth", "facts", "field", "said"),
    [
        ("anthropic", "aws_sigv4", {}, "auth", "api_key, none"),  # what there is instead
        ("openai", "mtls", {"base_url": "http://inside.example"}, "base_url", "over https://"),
        ("openai", "none", {"settings": {"colour": "x"}}, "settings/colour", "There are token_"),
        ("openai", "none", {"settings": {"streaming": "yes"}}, "settings/streaming", "true or"),
        ("openai", "none", {"settings": {"token_limit": "all"}}, "settings/token_limit", "one of"),
        ("openai", "api_key", {"settings": {"key_header": "a b"}}, "settings/key_header", "X-Api"),
        ("openai", "none", {"settings": {"authorities": "x"}}, "settings/authorities", "PEM"),
        (
            "openai",
            "none",
            {"settings": {"authorities": "x" * 50_001}},
            "settings/authorities",
            "50,000",
        ),
        ("openai", "none", {"settings": {"authorities": "\0"}}, "settings/authorities", "a text"),
        ("openai", "api_key", {"more_secrets": {"more": "x"}}, "more_secrets/more", "is none"),
        ("openai", "mtls", {"more_secrets": {"key": "x"}}, "more_secrets/key", "certificate, api"),
        (
            "openai",
            "mtls",
            {"more_secrets": {"certificate": 7}},
            "more_secrets/certificate",
            "1 to 100",
        ),
    ],
)
def test_fault_names_its_field_and_the_remedy(
    kind: str, auth: str, facts: dict[str, Any], field: str, said: str
) -> None:
    found = faults(kind, auth, **facts)

    assert said in found[field]


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("https://models.example/v1", ""),
        ("http://10.0.0.7:8080", ""),
        ("https://[2001:db8::1]:8443/v1", ""),
        ("models.example", "must begin with"),
        ("ftp://models.example", "must begin with"),
        ("https://", "must begin with"),
        ("https://me@models.example", "password"),
        ("https://models.example?key=1", "query"),
        ("https://models.example/#x", "query"),
        ("https://[::1", "cannot be read"),
        ("https://models.example:99999", "cannot be read"),
        ("https://models.example:0", "cannot be read"),
        ("https://models.example/a b", "cannot be read"),
        ("https://models example", "cannot be read"),
        ("https://models.example/\u200b", "cannot be read"),
    ],
)
def test_address_that_no_call_can_be_made_to_is_told(address: str, fault: str) -> None:
    told = setting_values.address(address)

    assert told.startswith(fault) if fault.startswith("must") else fault in told
    assert bool(told) == bool(fault)


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://login.example/token", True),
        ("http://127.0.0.1:9000/token", True),
        ("http://login.example/token", False),
    ],
)
def test_secrets_are_sent_encrypted_or_nowhere(address: str, good: bool) -> None:
    assert (setting_values.secret_address(address) == "") is good


def test_blanks_are_as_good_as_nothing() -> None:
    assert connection.without_blanks({"a": " ", "b": None, "c": " x ", "d": False}) == {
        "c": "x",
        "d": False,
    }


def test_unknown_kinds_are_left_to_the_columns() -> None:
    assert faults("telepathy", "none") == faults("openai", "handshake") == {}
