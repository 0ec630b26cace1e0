"""Hosts are remembered for seconds, rate limits for minutes: neither outlives a test."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from tenancy import hosts, vault
from tenancy.models import new_id
from tests.tenancy.vault_server import VaultServer


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    hosts.forget()
    yield
    hosts.forget()
    cache.clear()


@pytest.fixture(scope="session")
def vault_server() -> Iterator[VaultServer]:
    with VaultServer() as server:
        yield server


@pytest.fixture(params=["local", "vault"])
def backend(request: pytest.FixtureRequest, settings: Any) -> str:
    """Where secrets are kept: a test that asks for it runs on each."""
    settings.SECRET_BACKEND = request.param
    if request.param == "vault":
        server = request.getfixturevalue("vault_server")
        settings.VAULT = server.settings(prefix="grove/{tenant}-" + new_id().hex)
    vault.forget()
    return str(request.param)
