"""What stories share."""

import base64
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tenancy import rotation
from tenancy.actors import SYSTEM


@pytest.fixture
def new_root_key(settings: Any) -> Iterator[str]:
    """Another root key. Afterwards everything is wrapped with the one before, for the tests that follow."""
    old, new = settings.ROOT_KEY, base64.b64encode(os.urandom(32)).decode()
    yield new
    settings.ROOT_KEY, settings.ROOT_KEYS_OLD = old, [new]
    list(rotation.rotate_root(by=SYSTEM))
