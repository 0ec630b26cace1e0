"""Connections are kept, shared and bounded, and no request is sent twice. Real sockets; the peer follows a script."""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.runs.making import PATIENCE_SECONDS
from tests.workflows.providers.peer import Peer, Script, heard, is_silent, says, says_once
from tests.workflows.providers.test_tls import ELSEWHERE, HOUSE, SERVER, context_of
from workflows.providers import tls, transport
from workflows.providers.clients import Deadline
from workflows.providers.transport import Transport
from workflows.providers.wire import Asking, Origin, Wire

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def asking(body: bytes = b"{}") -> Asking:
    return Asking("POST", "/v1", "models.example", [("X-Key", "1")], body)


@contextmanager
def connected(peer: Peer, authorities: str = "") -> Iterator[Transport]:
    trusted = tls.context_for(tls.Tls(authorities=authorities))
    ours = Transport(peer.origin, trusted)
    try:
        yield ours
    finally:
        ours.close()


def call(ours: Transport, seconds: float = 10.0, body: bytes = b"{}") -> str:
    with ours.ask(asking(body), Deadline(seconds).left) as answer:
        return b"".join(answer.pieces()).decode()


def test_connection_is_kept_for_the_next_request() -> None:
    with Peer(says(HELLO)) as peer, connected(peer) as ours:
        assert [call(ours) for _ in range(5)] == ["Hello"] * 5

    assert peer.connections == 1


def test_encrypted_connection_is_kept_too(tmp_path: Path) -> None:
    context = context_of(tmp_path, SERVER)
    with Peer(says(HELLO), context=context) as peer, connected(peer, HOUSE.pem) as ours:
        assert [call(ours) for _ in range(5)] == ["Hello"] * 5

    assert peer.connections == 1


@pytest.mark.parametrize("authorities", ["ours", ""])
def test_certificate_for_another_name_or_of_nobody_is_refused(
    tmp_path: Path, authorities: str
) -> None:
    context = context_of(tmp_path, ELSEWHERE if authorities else SERVER)
    with (
        Peer(says(HELLO), context=context) as peer,
        connected(peer, HOUSE.pem if authorities else "") as ours,
        pytest.raises(httpx.ConnectError) as raised,
    ):
        call(ours)

    assert isinstance(raised.value.__cause__, ssl.SSLCertVerificationError)


def test_encrypted_connection_without_an_end_breaks_off(tmp_path: Path) -> None:
    cut = says_once(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nHello")
    with (
        Peer(cut, context=context_of(tmp_path, SERVER)) as peer,
        connected(peer, HOUSE.pem) as ours,
        pytest.raises(httpx.TransportError),
    ):
        call(ours)


def test_encrypted_connection_that_says_more_than_asked_is_closed(tmp_path: Path) -> None:
    head, size = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", io.DEFAULT_BUFFER_SIZE
    length = size - len(head % size)
    more = says(head % length + b"x" * length + b"more")  # beyond the one read, within one record
    with (
        Peer(more, context=context_of(tmp_path, SERVER)) as peer,
        connected(peer, HOUSE.pem) as ours,
    ):
        assert [len(call(ours)) for _ in range(3)] == [length] * 3

    assert peer.connections == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHello",
        HELLO + b"and more",
    ],
)
def test_connection_is_not_kept_after_an_answer_that_was_the_last(answer: bytes) -> None:
    with Peer(says(answer)) as peer, connected(peer) as ours:
        assert [call(ours) for _ in range(2)] == ["Hello"] * 2

    assert peer.connections == 2


def test_answer_without_a_length_ends_with_its_connection() -> None:
    with Peer(says_once(b"HTTP/1.1 200 OK\r\n\r\nHel", b"lo")) as peer, connected(peer) as ours:
        assert [call(ours) for _ in range(2)] == ["Hello"] * 2


def test_connection_that_was_closed_meanwhile_is_not_used() -> None:
    with Peer(says_once(HELLO)) as peer, connected(peer) as ours:
        for _ in range(3):
            assert call(ours) == "Hello"
            time.sleep(0.1)

    assert peer.connections == 3


@pytest.mark.parametrize("body", [b"{}", b"x" * 5_000_000])
def test_request_is_never_sent_twice(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """The other side hung up between our look at the connection and our request: nobody knows what it has read."""
    monkeypatch.setattr(Wire, "is_quiet", lambda _self: True)
    with Peer(says_once(HELLO)) as peer, connected(peer) as ours:
        call(ours)
        time.sleep(0.1)

        with pytest.raises(httpx.TransportError) as raised:
            call(ours, body=body)

        assert not isinstance(raised.value, (httpx.ConnectError, httpx.TimeoutException))
        assert peer.connections == 1
        assert call(ours) == "Hello"  # what broke is not kept


def test_connection_is_not_kept_beyond_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEPT_SECONDS", 0.05)
    with Peer(says(HELLO)) as peer, connected(peer) as ours:
        call(ours)
        time.sleep(0.1)
        call(ours)

        assert peer.connections == 2


def test_connections_that_outlived_their_time_are_closed_by_the_next_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "KEPT_SECONDS", 0.2)
    with Peer(says(HELLO)) as peer, connected(peer) as ours:
        together(ours, 4)
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:  # one of them stays in use
            call(ours)

        assert peer.connections == 4
        assert len(ours._kept) == 1


def test_no_more_are_kept_than_are_allowed() -> None:
    most = transport.MOST_KEPT
    with Peer(says(HELLO)) as peer, connected(peer) as ours:
        together(ours, most + 4)

        assert (peer.connections, len(ours._kept)) == (most + 4, most)


def test_threads_share_connections_without_mixing_answers() -> None:
    def echo(connection: socket.socket, _number: int) -> None:
        while said := heard(connection):
            body = said.partition(b"\r\n\r\n")[2]
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )

    words = [f"word {each}" for each in range(400)]
    with (
        Peer(echo) as peer,
        connected(peer) as ours,
        ThreadPoolExecutor(8) as threads,
    ):
        heard_back = list(threads.map(lambda word: call(ours, body=word.encode()), words))

    assert heard_back == words
    assert peer.connections <= 8


def test_who_comes_when_all_connections_are_in_use_waits_for_one() -> None:
    with Peer(says(HELLO)) as peer, connected(peer) as ours, ExitStack() as held:
        for _ in range(transport.MOST_CONNECTIONS - 1):
            held.enter_context(ours.ask(asking(), Deadline(10).left))
        last = held.enter_context(ExitStack())
        last.enter_context(ours.ask(asking(), Deadline(10).left))

        with pytest.raises(httpx.PoolTimeout):
            call(ours, seconds=0.1)
        threading.Timer(0.1, last.close).start()
        assert call(ours) == "Hello"

    assert peer.connections == transport.MOST_CONNECTIONS + 1


def test_place_is_free_again_after_every_failure() -> None:
    with Peer(says_once(b"garbage\r\n")) as peer, connected(peer) as ours:
        for _ in range(transport.MOST_CONNECTIONS + 2):
            with pytest.raises(httpx.RemoteProtocolError):
                call(ours, seconds=5)
    nowhere = Transport(Origin("http", "a b", 80), tls.context_for_plain_http())
    for _ in range(transport.MOST_CONNECTIONS + 2):
        with pytest.raises(http.client.InvalidURL):
            call(nowhere, seconds=5)


@pytest.mark.parametrize("script", [says_once(HELLO, pause=5), says_once(HELLO[:9], b"", pause=1)])
def test_slow_head_is_a_timeout(script: Script) -> None:
    with Peer(script) as peer, connected(peer) as ours, pytest.raises(httpx.ReadTimeout):
        call(ours, seconds=0.3)


@pytest.mark.parametrize("seconds", [0.1, 0.0])
def test_wait_for_the_body_is_what_is_left_by_then(seconds: float) -> None:
    """Time was plenty when the call began; every read asks anew."""
    left = [10.0]
    slow = says_once(CHUNKED + b"1\r\na\r\n", b"1\r\nb\r\n", pause=0.5)
    with (
        Peer(slow) as peer,
        connected(peer) as ours,
        ours.ask(asking(), lambda: left[0]) as answer,
    ):
        pieces = answer.pieces()

        assert next(pieces) == b"a"
        left[0] = seconds
        with pytest.raises(httpx.ReadTimeout):
            next(pieces)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nHello",
        CHUNKED + b"5\r\nHel",
        CHUNKED + b"5\r\nHello\r\n",
    ],
)
def test_answer_that_breaks_off_is_an_error_after_what_came(said: bytes) -> None:
    with (
        Peer(says_once(said)) as peer,
        connected(peer) as ours,
        ours.ask(asking(), Deadline(10).left) as answer,
    ):
        pieces = answer.pieces()

        assert next(pieces) in {b"Hello", b"Hel"}
        with pytest.raises(httpx.RemoteProtocolError):
            next(pieces)


def test_body_that_is_reset_is_an_error_of_reading() -> None:
    def reset(connection: socket.socket, _number: int) -> None:
        connection.recv(10)  # closing before all of it was read resets the connection
        connection.sendall(CHUNKED)
        time.sleep(0.2)

    with Peer(reset) as peer, connected(peer) as ours, pytest.raises(httpx.ReadError):
        call(ours)


def test_chunks_come_one_by_one() -> None:
    go_on = threading.Event()

    def script(connection: socket.socket, _number: int) -> None:
        heard(connection)
        connection.sendall(CHUNKED)
        for each in range(3):
            connection.sendall(b"2\r\n%d;\r\n" % each)
            go_on.wait(5)
            go_on.clear()
        connection.sendall(b"0\r\n\r\n")

    with (
        Peer(script) as peer,
        connected(peer) as ours,
        ours.ask(asking(), Deadline(20).left) as answer,
    ):
        for number, piece in enumerate(answer.pieces()):
            assert piece == b"%d;" % number  # it came before the next one was sent
            go_on.set()
        assert number == 2


def test_answer_that_is_not_read_to_its_end_closes_its_connection() -> None:
    hung_up = threading.Event()

    def endless(connection: socket.socket, _number: int) -> None:
        heard(connection)
        connection.sendall(CHUNKED)
        try:
            while True:
                connection.sendall(b"1\r\nx\r\n")
                time.sleep(0.01)
        except OSError:
            hung_up.set()

    with Peer(endless) as peer, connected(peer) as ours:
        with ours.ask(asking(), Deadline(20).left) as answer:
            next(answer.pieces())

        assert hung_up.wait(PATIENCE_SECONDS)
        assert ours._kept == []


def test_answer_that_comes_before_the_request_was_read_is_heard() -> None:
    """Who refuses a body may answer and hang up before it has read it."""

    def refuse(connection: socket.socket, _number: int) -> None:
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    with Peer(refuse) as peer, connected(peer) as ours:
        with ours.ask(asking(b"x" * 30_000_000), Deadline(10).left) as answer:
            assert answer.status == 413
        assert ours._kept == []


def test_peer_that_does_not_read_is_a_timeout_of_writing() -> None:
    with Peer(is_silent) as peer, connected(peer) as ours, pytest.raises(httpx.WriteTimeout):
        call(ours, seconds=0.3, body=b"x" * 50_000_000)


def test_peer_that_is_not_there() -> None:
    with Peer(says(HELLO)) as peer:
        origin = peer.origin
    with pytest.raises(httpx.ConnectError):
        call(Transport(origin, tls.context_for_plain_http()))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".invalid"])
def test_name_that_nobody_knows(host: str) -> None:
    with pytest.raises(httpx.ConnectError):
        call(Transport(Origin("http", host, 80), tls.context_for_plain_http()))


def test_peer_that_does_not_shake_hands_is_a_timeout_of_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.2)
    with Peer(is_silent) as peer:
        ours = Transport(peer.origin._replace(scheme="https"), tls.context_for(tls.PUBLIC))
        with pytest.raises(httpx.ConnectTimeout):
            call(ours)


def test_address_of_the_newer_kind() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("This machine has no IPv6.")
    with Peer(says(HELLO), host="::1") as peer, connected(peer) as ours:
        assert call(ours) == "Hello"


def test_after_closing_nothing_is_kept() -> None:
    with Peer(says(HELLO)) as peer:
        ours = Transport(peer.origin, tls.context_for_plain_http())
        call(ours)
        with ours.ask(asking(), Deadline(10).left) as answer:
            ours.close()
            assert b"".join(answer.pieces()) == b"Hello"  # what is under way ends in peace
        assert ours._kept == []


def together(ours: Transport, number: int) -> None:
    """So many calls at the same time."""
    with ExitStack() as held:
        answers = [held.enter_context(ours.ask(asking(), Deadline(10).left)) for _ in range(number)]
        for answer in answers:
            assert b"".join(answer.pieces()) == b"Hello"
