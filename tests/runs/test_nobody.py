"""An address where nobody listens stays one: no server that is started meanwhile gets its port."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.runs.nobody import nobody_listens


def test_nobody_answers_and_no_server_can_be_put_there() -> None:
    with nobody_listens() as address:
        port = urlsplit(address).port

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        with pytest.raises(OSError, match="in use"):
            ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)  # type: ignore[arg-type]
