"""Hosts are remembered for seconds, rate limits for minutes: neither outlives a test."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tenancy import hosts


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    hosts.forget()
    yield
    hosts.forget()
    cache.clear()
