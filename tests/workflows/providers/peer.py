"""The other side of a connection, byte by byte: what wire_server.py is too well-behaved for."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from workflows.providers.wire import Origin

Script = Callable[
    [socket.socket, int], None
]  # what the peer does on a connection, and on its how many-th


class Peer:
    """Accepts connections and follows the script on each, in a thread of its own."""

    def __init__(
        self, script: Script, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> None:
        self.script, self.context = script, context
        self.connections = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.server = socket.create_server((host, 0), family=family)
        scheme = "https" if context else "http"
        self.origin = Origin(scheme, host, self.server.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
        self.server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            following = (connection, self.connections)
            threading.Thread(target=self._follow, args=following, daemon=True).start()

    def _follow(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.script(connection, number)


def heard(connection: socket.socket) -> bytes:
    """One request: what these tests send comes in one piece."""
    return connection.recv(65_536)


def says(*pieces: bytes, pause: float = 0.0) -> Script:
    """Answers every request like this, for as long as there are any."""

    def script(connection: socket.socket, _number: int) -> None:
        while heard(connection):
            for piece in pieces:
                time.sleep(pause)
                connection.sendall(piece)

    return script


def says_once(*pieces: bytes, pause: float = 0.0) -> Script:
    def script(connection: socket.socket, _number: int) -> None:
        heard(connection)
        for piece in pieces:
            time.sleep(pause)
            connection.sendall(piece)

    return script


def is_silent(_connection: socket.socket, _number: int) -> None:
    time.sleep(1)
