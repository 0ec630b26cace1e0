"""Runs a coroutine on an event loop of its own: the thread of the tests may have one already, Playwright's."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections

Answer = TypeVar("Answer")


def run(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    """What it returns or raises."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, coroutine).result()


def _run(coroutine: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return asyncio.run(coroutine)
    finally:
        connections.close_all()
