"""HTTP to providers: a pool of connections per deployment and process, an answer of bounded size within bounded time.

Connections are our own (`transport.py`); of httpx there are addresses, answers with their decoding, and errors. What
its client adds is not wanted here: cookies, redirects, proxies, credentials out of an address.
"""

import os
import ssl
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

import httpx

from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.tls import PUBLIC, Tls, context_for, context_for_plain_http
from workflows.providers.transport import Transport
from workflows.providers.wire import Answer, Asking, Origin

ANSWER_LIMIT_BYTES = 10_000_000
POOLS = 512  # kept in a process; beyond it the oldest goes
ADDRESSES = 4096
NOT_CONNECTED: Final = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    httpx.UnsupportedProtocol,
)
PORTS: Final = {"http": 80, "https": 443}

STANDING: Final = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "grove"}

_pools: dict[tuple[int, Hashable, str, Origin, Tls], Transport] = {}
_pools_change = threading.Lock()


class Deadline:
    """The moment at which a call has taken all its time. In seconds of the monotonic clock.

    `leave` is called before anything of the call leaves, and may wait: the time counts from then.
    """

    def __init__(self, seconds: float, leave: Callable[[], None] | None = None) -> None:
        self.seconds = seconds
        self.began_at = time.monotonic()
        self._leave = leave

    def leave(self) -> None:
        """Whatever has to be before the call leaves has been, once this returns."""
        if self._leave is not None:
            self._leave()
            self._leave, self.began_at = None, time.monotonic()

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

    def __init__(self, answer: Answer, who: str, deadline: Deadline) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = httpx.Headers(answer.fields)
        self.began = False
        self._answer, self._who, self._deadline = answer, who, deadline

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._deadline.passed()

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises ProviderError when it is too large or too late."""
        received = 0
        for chunk in self._unpacked():
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

    def _unpacked(self) -> Iterator[bytes]:
        if "content-encoding" not in self.headers:
            return self._answer.pieces()
        packed = _Packed(self._answer)
        return httpx.Response(self.status, headers=self.headers, stream=packed).iter_bytes()


class _Packed(httpx.SyncByteStream):
    """A body as httpx wants it to unpack it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.pieces()


@contextmanager
def exchange(outgoing: Outgoing, deadline: Deadline) -> Iterator[Incoming]:
    """Send, and read the answer inside the block. Raises ProviderError for whatever kept it from coming."""
    incoming: Incoming | None = None
    try:
        place = _place_of(outgoing.address)
        headers = STANDING | dict(outgoing.headers)
        asking = Asking(outgoing.method, place.target, place.host, headers.items(), outgoing.body)
        deadline.leave()
        with _pool_for(outgoing, place.origin).ask(asking, deadline.left) as answer:
            incoming = Incoming(answer, outgoing.who, deadline)
            yield incoming
    except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
        began = incoming is not None and incoming.began
        raise _translated(error, outgoing, deadline.seconds, began=began) from error


def close_all() -> None:
    """Close the connections of this process."""
    with _pools_change:
        for pool in _pools.values():
            pool.close()
        _pools.clear()


class _Place(NamedTuple):
    """An address in the parts that go separate ways."""

    origin: Origin
    host: str  # as a header says it
    target: str


@lru_cache(maxsize=ADDRESSES)
def _place_of(address: str) -> _Place:
    """Raises InvalidURL and UnsupportedProtocol."""
    url = httpx.URL(address)
    if url.scheme not in PORTS or not url.host:
        raise httpx.UnsupportedProtocol("An address begins with http:// or https:// and a host.")
    origin = Origin(url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme])
    return _Place(origin, url.netloc.decode("ascii"), url.raw_path.decode("ascii"))


def _pool_for(outgoing: Outgoing, origin: Origin) -> Transport:
    # The process is part of the key: connections must not be shared across a fork. So is what the address leads to:
    # it begins as the base does, and a host could go on behind it.
    key = (os.getpid(), outgoing.owner, outgoing.base, origin, outgoing.tls)
    found = _pools.get(key)
    if found is not None:
        return found
    encrypted = outgoing.base.startswith("https:")
    trusted = context_for(outgoing.tls) if encrypted else context_for_plain_http()
    with _pools_change:
        if key not in _pools:
            while len(_pools) >= POOLS:
                _pools.pop(next(iter(_pools))).close()
            _pools[key] = Transport(origin, trusted)
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
    """What TLS said, below what was made of it."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _too_late(who: str, seconds: float, *, began: bool) -> ProviderError:
    told = " the whole of it" if began else ""
    return ProviderError(
        FailureKind.TIMEOUT, f"{who} did not answer{told} within {seconds:g} seconds.", began=began
    )
