"""HTTP to providers: one pooled client per deployment and process, an answer of bounded size within bounded time."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError

ANSWER_LIMIT_BYTES = 10_000_000
CONNECT_SECONDS = 5.0

_clients: dict[tuple[int, UUID, str], httpx.Client] = {}
_clients_change = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def post_json(
    target: Target,
    path: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str],
    seconds: float,
) -> Answer:
    """Post and read the whole answer. Raises ProviderError for whatever kept the answer from coming."""
    address = target.base_url.rstrip("/") + path
    deadline = time.monotonic() + seconds
    timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    try:
        with _client_for(target).stream(
            "POST", address, json=body, headers=dict(headers), timeout=timeout
        ) as response:
            content = _read(response, target, deadline, seconds)
            return Answer(response.status_code, response.headers, content)
    except httpx.TimeoutException as error:
        raise _too_late(target, seconds) from error
    except httpx.DecodingError as error:
        raise ProviderError(
            FailureKind.MALFORMED, f"“{target.name}” sent an answer that cannot be unpacked."
        ) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ProviderError(
            FailureKind.CONNECTION,
            f"“{target.name}” cannot be reached at {_host(target)}. Is it running?",
        ) from error


def close_all() -> None:
    """Close the clients of this process."""
    with _clients_change:
        for client in _clients.values():
            client.close()
        _clients.clear()


def _read(response: httpx.Response, target: Target, deadline: float, seconds: float) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) > ANSWER_LIMIT_BYTES:
            raise ProviderError(
                FailureKind.MALFORMED,
                f"“{target.name}” answered with more than {ANSWER_LIMIT_BYTES:,} bytes.",
            )
        if time.monotonic() > deadline:
            raise _too_late(target, seconds)
    return bytes(received)


def _client_for(target: Target) -> httpx.Client:
    # The process is part of the key: a client must not be shared across a fork.
    key = (os.getpid(), target.deployment_id, target.base_url)
    with _clients_change:
        if key not in _clients:
            _clients[key] = httpx.Client(
                limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
                trust_env=False,  # no proxy and no credentials that nobody declared
                follow_redirects=False,
            )
        return _clients[key]


def _too_late(target: Target, seconds: float) -> ProviderError:
    return ProviderError(
        FailureKind.TIMEOUT, f"“{target.name}” did not answer within {seconds:g} seconds."
    )


def _host(target: Target) -> str:
    return httpx.URL(target.base_url).netloc.decode()
