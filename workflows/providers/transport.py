"""Connections to one origin, kept between calls and shared by threads. None of them ever carries a request twice."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from workflows.providers.wire import MOMENT, Answer, Asking, Left, Origin, Wire

CONNECT_SECONDS = 5.0
MOST_CONNECTIONS: Final = 64  # at once; who comes later waits
MOST_KEPT: Final = 16
KEPT_SECONDS = 5.0  # unused; afterwards the other side may be about to close


class Transport:
    """`context` says who is trusted, where the scheme is https. No proxy, no redirect, no cookie, no second try."""

    def __init__(self, origin: Origin, context: ssl.SSLContext) -> None:
        self._origin, self._context = origin, context
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._change = threading.Lock()
        self._kept: list[tuple[float, Wire]] = []  # until when; the last used one is the last
        self._is_closed = False
        if origin.scheme == "https":
            context.set_alpn_protocols(["http/1.1"])

    @contextmanager
    def ask(self, asking: Asking, left: Left) -> Iterator[Answer]:
        """An answer whose body comes when it is read, inside the block. `left` bounds what is waited for.

        Raises httpx.TransportError.
        """
        if not self._places.acquire(timeout=max(MOMENT, left())):
            raise httpx.PoolTimeout(f"All {MOST_CONNECTIONS} connections are in use.")
        wire: Wire | None = None
        answer: Answer | None = None
        try:
            wire = self._take() or Wire(self._origin, self._context)
            if wire.sock is None:
                wire.open(max(MOMENT, min(CONNECT_SECONDS, left())))
            answer = wire.ask(asking, left)
            yield answer
        finally:
            try:
                if wire is not None:
                    self._give_back(wire, answer)
            finally:
                self._places.release()

    def close(self) -> None:
        """Connections in use are closed when their answers are."""
        with self._change:
            self._is_closed = True
            idle, self._kept = self._kept, []
        for _, wire in idle:
            wire.close()

    def _take(self) -> Wire | None:
        """The connection that was used last, if the other side still holds it."""
        while True:
            with self._change:
                if not self._kept:
                    return None
                until, wire = self._kept.pop()
            if until > time.monotonic() and wire.is_quiet():
                return wire
            wire.close()

    def _give_back(self, wire: Wire, answer: Answer | None) -> None:
        surplus = [wire]
        now = time.monotonic()
        with self._change:
            if answer is not None and wire.finish(answer) and not self._is_closed:
                self._kept.append((now + KEPT_SECONDS, surplus.pop()))
            while self._kept and (len(self._kept) > MOST_KEPT or self._kept[0][0] <= now):
                surplus.append(self._kept.pop(0)[1])
        for each in surplus:
            each.close()
