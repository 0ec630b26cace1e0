"""What a provider says is read as h11 reads it: the same of what is right, nothing of what is wrong. Real sockets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import h11
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.providers import tls, wire
from workflows.providers.wire import Answer, Asking, Origin, Wire

HERE = Origin("http", "127.0.0.1", 80)
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Type: application/json\r\ncontent-length: 5\r\n\r\nHello"
CHUNKED = (
    OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nHel\r\n2;x=1\r\nlo\r\n0\r\nX-Last: 1\r\n\r\n"
)
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nHello"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + SIZED

Read = tuple[int, list[tuple[bytes, bytes]], bytes]


@contextmanager
def asked(
    said: bytes, method: str = "POST", left: Callable[[], float] = lambda: 5.0
) -> Iterator[tuple[Wire, Answer]]:
    """A connection and the answer to a request on it, where the other side says this and no more."""
    ours, theirs = socket.socketpair()
    connection = Wire(HERE, tls.context_for_plain_http())
    connection.sock = ours
    asking = Asking(method, "/v1", "models.example", [], b"")
    with theirs, closing(connection):
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        yield connection, connection.ask(asking, left)


def read(said: bytes) -> Read:
    with asked(said) as (_, answer):
        body = b"".join(answer.pieces())
    return answer.status, [(name.lower(), value) for name, value in answer.fields], body


def read_by_h11(said: bytes) -> Read:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/v1", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(said)
    connection.receive_data(b"")
    body, head = b"", None
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return head.status_code, list(head.headers), body
        elif isinstance(event, h11.ConnectionClosed) or event is h11.NEED_DATA:
            raise h11.RemoteProtocolError("It ended.")


@pytest.mark.parametrize("said", [SIZED, CHUNKED, UNTIL_CLOSED, INTERIM])
def test_every_framing_is_read(said: bytes) -> None:
    status, fields, body = read(said)

    assert (status, body) == (200, b"Hello")
    assert (status, fields, body) == read_by_h11(said)


def test_folded_header_is_one_line() -> None:
    said = OK + b"X: a\r\n \t b\r\nContent-Length: 0\r\n\r\n"

    assert read(said) == read_by_h11(said)
    assert read(said)[1][0] == (b"x", b"a b")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n" + SIZED,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 +20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK",  # hung up in its first line
        OK + b"Content-Length: 5\r\n",  # hung up in its head
        OK + b" folded: first\r\n\r\n",
        OK + b"no colon\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length : 0\r\n\r\n",
        OK + b": 0\r\n\r\n",
        OK + b"X: a\x00b\r\n\r\n",
        OK + b"X: a\rContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: -5\r\n\r\nHello",
        OK + b"Content-Length: 0x5\r\n\r\nHello",
        OK + b"Content-Length: \r\n\r\nHello",
        OK + b"Content-Length: 5, 6\r\n\r\nHello",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nHello",
        OK + b"Content-Length: " + b"0" * 21 + b"\r\n\r\n",
        OK + b"Content-Length: 6\r\n\r\nHello",  # cut off
        OK + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",  # cut off before its first chunk
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nHello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nHello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nHello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\nHello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHel",  # cut off in a chunk
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n",  # and before its end
    ],
)
def test_what_is_no_answer_is_refused(said: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        read(said)
    with pytest.raises(h11.RemoteProtocolError):
        read_by_h11(said)


@pytest.mark.parametrize(
    "said",
    [
        OK + b"X: " + b"a" * wire.HEAD_LIMIT_BYTES + b"\r\n\r\n",  # one line
        OK + b"X: a\r\n" * 20_000 + b"\r\n",  # many lines
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000 + SIZED,  # many heads
    ],
)
def test_head_has_a_bound(said: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="longer than any"):
        read(said)


@settings(max_examples=300, deadline=None)
@given(
    said=st.sampled_from([SIZED, CHUNKED, UNTIL_CLOSED, INTERIM]),
    changes=st.lists(
        st.tuples(
            st.integers(0, 140),
            st.integers(0, 3),
            st.sampled_from(list("\r\n\t :;,.-059aeXz/H\0é")),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_whatever_is_said_is_read_as_h11_reads_it(
    said: bytes, changes: list[tuple[int, int, str]]
) -> None:
    for at, without, put in changes:
        said = said[:at] + put.encode("latin-1") + said[at + without :]

    try:
        expected: Read | None = read_by_h11(said)
    except h11.RemoteProtocolError:
        expected = None
    try:
        found: Read | None = read(said)
    except httpx.RemoteProtocolError:
        found = None

    assert found == expected


@pytest.mark.parametrize(
    ("said", "method", "good"),
    [
        (SIZED, "POST", True),
        (CHUNKED, "POST", True),
        (UNTIL_CLOSED, "POST", False),
        (SIZED + b"HTTP/1.1 200 OK\r\n", "POST", False),  # more than was asked for
        (OK + b"Content-Length: 0\r\nConnection: x, Close\r\n\r\n", "POST", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", "POST", False),
        (OK + b"Content-Length: 5\r\n\r\n", "HEAD", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "POST", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", True),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "GET", False),
    ],
)
def test_connection_is_good_for_more_after_an_answer_that_ended(
    said: bytes, method: str, good: bool
) -> None:
    with asked(said, method) as (connection, answer):
        body = b"".join(answer.pieces())

        assert connection.finish(answer) is good
        assert body in {b"", b"Hello"}


@pytest.mark.parametrize("said", [SIZED, CHUNKED])
def test_connection_is_no_good_when_nobody_read_the_answer(said: bytes) -> None:
    with asked(said) as (connection, answer):
        assert not connection.finish(answer)


def test_head_that_drips_gets_no_more_time_than_the_whole_call() -> None:
    began = time.monotonic()
    ours, theirs = socket.socketpair()
    connection = Wire(HERE, tls.context_for_plain_http())
    connection.sock = ours
    asking = Asking("POST", "/v1", "models.example", [], b"")
    threading.Thread(target=_drip, args=(theirs,), daemon=True).start()

    with closing(connection), pytest.raises(httpx.ReadTimeout):
        connection.ask(asking, lambda: began + 0.3 - time.monotonic())

    assert time.monotonic() - began < 5  # it drips for ten seconds


def test_request_leaves_in_one_piece() -> None:
    # This kind of socket keeps apart what was sent apart.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        theirs.sendall(SIZED)
        connection = Wire(HERE, tls.context_for_plain_http())
        connection.sock = ours
        asking = Asking("POST", "/v1?a=1", "[::1]:8080", [("X-Key", "schön")], b"body")
        connection.ask(asking, lambda: 5.0)
        connection.close()

        assert theirs.recv(65_536) == (
            b"POST /v1?a=1 HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 4\r\n"
            b"X-Key: sch\xf6n\r\n\r\nbody"
        )
        assert theirs.recv(65_536) == b""


@pytest.mark.parametrize(
    ("method", "length"),
    [
        ("GET", b""),
        ("POST", b"Content-Length: 0\r\n"),
        ("PUT", b"Content-Length: 0\r\n"),
        ("DELETE", b""),
    ],
)
def test_length_of_nothing_is_said_where_there_could_be_something(
    method: str, length: bytes
) -> None:
    head = Asking(method, "/", "models.example", [], b"").head()

    assert head == b"Host: models.example\r\n" + length + b"\r\n"


@pytest.mark.parametrize(
    "facts",
    [
        {"headers": [("X", "a\r\nY: b")]},
        {"headers": [("X", "a\r\n b")]},  # folded
        {"headers": [("X", "a\x00b")]},
        {"headers": [("X", " a")]},
        {"headers": [("X", "a\n")]},
        {"headers": [("X", "\u20ac")]},  # not in the set of characters that headers have
        {"headers": [("X: a\r\nY", "b")]},
        {"headers": [("X ", "b")]},
        {"headers": [("", "b")]},
        {"headers": [("ä", "b")]},
        {"headers": [("Content-length", "3")]},
        {"headers": [("Transfer-Encoding", "chunked")]},
        {"headers": [("HOST", "else.example")]},
        {"method": "POST /else"},
        {"method": ""},
        {"target": "/a b"},
        {"target": "/a\r\nX: b"},
        {"target": "/ä"},
        {"target": ""},
    ],
)
def test_nothing_else_can_be_put_into_a_request(facts: dict[str, Any]) -> None:
    plain: dict[str, Any] = {
        "method": "POST",
        "target": "/",
        "host": "x",
        "headers": [],
        "body": b"",
    }

    with pytest.raises(httpx.LocalProtocolError):
        Asking(**plain | facts).head()


def test_secret_of_a_request_is_not_shown() -> None:
    assert "sk-1" not in repr(Asking("POST", "/", "models.example", [("X-Key", "sk-1")], b"sk-1"))


def _drip(peer: socket.socket) -> None:
    with peer, suppress(OSError):
        peer.sendall(OK + b"X: ")
        for _ in range(500):
            peer.sendall(b"a")
            time.sleep(0.02)
