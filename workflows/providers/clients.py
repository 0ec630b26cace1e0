"""HTTP to providers: a pool of connections per deployment and process, an answer of bounded size within bounded time.

Requests are handed to httpx's transport itself. What its client adds is not wanted here: cookies, redirects,
credentials out of an address. It would be a third of the time of a call to a model that answers at once.
"""

import os
import ssl
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import httpx

from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.tls import PUBLIC, Tls, context_for, context_for_plain_http

ANSWER_LIMIT_BYTES = 10_000_000
CONNECT_SECONDS = 5.0
POOLS = 512  # kept in a process; beyond it the oldest goes
ADDRESSES = 4096
NOT_CONNECTED: Final = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    httpx.UnsupportedProtocol,
)
LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16)

STANDING: Final = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "grove"}

_pools: dict[tuple[int, Hashable, str, Tls], httpx.HTTPTransport] = {}
_pools_change = threading.Lock()


class Deadline:
    """The moment at which a call has taken all its time. In seconds of the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began_at = time.monotonic()

    def left(self) -> float:
        return max(0.0, self.began_at + self.seconds - time.monotonic())

    def passed(self) -> float:
        return time.monotonic() - self.began_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One request. `owner` shares its connections with nobody; `who` stands in sentences, quoted or described."""

    owner: Hashable
    who: str
    method: str
    base: str  # the address that the connections lead to; `address` begins with it
    address: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    tls: Tls = PUBLIC


class Incoming:
    """An answer that is on its way. `began` once a part of it came that may have been paid for."""

    def __init__(self, response: httpx.Response, who: str, deadline: Deadline) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.began = False
        self._response, self._who, self._deadline = response, who, deadline

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._deadline.passed()

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises ProviderError when it is too large or too late."""
        received = 0
        timeouts = self._response.request.extensions.get("timeout", {})
        timeouts["read"] = max(0.001, self._deadline.left())  # of what was left when it began
        for chunk in self._response.iter_bytes():
            received += len(chunk)
            if received > ANSWER_LIMIT_BYTES:
                raise ProviderError(
                    FailureKind.MALFORMED,
                    f"{self._who} answered with more than {ANSWER_LIMIT_BYTES:,} bytes.",
                    began=True,
                )
            if not self._deadline.left():
                raise _too_late(self._who, self._deadline.seconds, began=self.began)
            yield chunk

    def whole(self) -> bytes:
        """All of the body. With its first byte a good answer has begun."""
        received = bytearray()
        for chunk in self.chunks():
            self.began = self.began or self.status == httpx.codes.OK
            received += chunk
        return bytes(received)


@contextmanager
def exchange(outgoing: Outgoing, deadline: Deadline) -> Iterator[Incoming]:
    """Send, and read the answer inside the block. Raises ProviderError for whatever kept it from coming."""
    incoming: Incoming | None = None
    seconds = deadline.left()
    try:
        request = httpx.Request(
            outgoing.method,
            _parsed(outgoing.address),
            headers=STANDING | dict(outgoing.headers),
            content=outgoing.body,
            extensions={"timeout": _timeouts(seconds)},
        )
        response = _pool_for(outgoing).handle_request(request)
        response.request = request
        try:
            incoming = Incoming(response, outgoing.who, deadline)
            yield incoming
        finally:
            response.close()
    except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
        began = incoming is not None and incoming.began
        raise _translated(error, outgoing, deadline.seconds, began=began) from error


def close_all() -> None:
    """Close the connections of this process."""
    with _pools_change:
        for pool in _pools.values():
            pool.close()
        _pools.clear()


def _timeouts(seconds: float) -> dict[str, float | None]:
    return httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)).as_dict()


@lru_cache(maxsize=ADDRESSES)
def _parsed(address: str) -> httpx.URL:
    return httpx.URL(address)


def _pool_for(outgoing: Outgoing) -> httpx.HTTPTransport:
    # The process is part of the key: connections must not be shared across a fork.
    key = (os.getpid(), outgoing.owner, outgoing.base, outgoing.tls)
    found = _pools.get(key)
    if found is not None:
        return found
    encrypted = outgoing.base.startswith("https:")
    trusted = context_for(outgoing.tls) if encrypted else context_for_plain_http()
    with _pools_change:
        if key not in _pools:
            while len(_pools) >= POOLS:
                _pools.pop(next(iter(_pools))).close()
            # no proxy and no credentials that nobody declared
            _pools[key] = httpx.HTTPTransport(verify=trusted, limits=LIMITS, trust_env=False)
        return _pools[key]


def _translated(
    error: Exception, outgoing: Outgoing, seconds: float, *, began: bool
) -> ProviderError:
    # Nothing is written before there is a connection, and before the other side has shown its certificate.
    was_sent = not isinstance(error, (*NOT_CONNECTED, httpx.InvalidURL))
    if was_sent and isinstance(error, httpx.TimeoutException):
        return _too_late(outgoing.who, seconds, began=began)
    if isinstance(error, httpx.DecodingError):
        sentence = f"{outgoing.who} sent an answer that cannot be unpacked."
        return ProviderError(FailureKind.MALFORMED, sentence, began=began)
    host = httpx.URL(outgoing.base).netloc.decode()
    refused = _tls_error(error)
    if isinstance(refused, ssl.SSLCertVerificationError):
        return ProviderError(
            FailureKind.CONNECTION,
            f"{outgoing.who} shows a certificate at {host} that does not hold: "
            f"{refused.verify_message.rstrip('.')}. Check the address and our own authorities.",
            was_sent=was_sent,
        )
    if refused is not None and "ALERT" in str(refused.reason):
        return ProviderError(
            FailureKind.AUTH,
            f"{outgoing.who} does not accept our client certificate at {host} "
            f"({refused.reason.lower().replace('_', ' ')}).",
        )
    if began:
        sentence = f"{outgoing.who} broke off in the middle of its answer."
        return ProviderError(FailureKind.CONNECTION, sentence, began=True)
    return ProviderError(
        FailureKind.CONNECTION,
        f"{outgoing.who} cannot be reached at {host}. Is it running, and is the address right?",
        was_sent=was_sent,
    )


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """What TLS said, below what httpx and httpcore made of it."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _too_late(who: str, seconds: float, *, began: bool) -> ProviderError:
    told = " the whole of it" if began else ""
    return ProviderError(
        FailureKind.TIMEOUT, f"{who} did not answer{told} within {seconds:g} seconds.", began=began
    )
