"""HTTP below the adapters: bounded time and size, one client a deployment, failures in kinds. Real sockets."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.workflows.providers.formats import FORMATS, only
from tests.workflows.providers.targets import make_request, make_target
from tests.workflows.providers.wire_server import Reply, Seen, WireServer, as_json
from workflows.providers import adapters, clients, failures, tls
from workflows.providers.errors import FailureKind, ProviderError

OPENAI = FORMATS[0]


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    yield
    clients.close_all()


def test_server_that_is_down_is_a_connection_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    with pytest.raises(ProviderError, match="cannot be reached") as raised:
        adapters.call(make_target(base_url=address), make_request())

    assert raised.value.kind is FailureKind.CONNECTION
    assert raised.value.retryable
    assert (raised.value.was_sent, raised.value.recorded_kind) == (False, "not_sent")


@pytest.mark.parametrize("address", ["http://no-such-host.invalid/v1", "http://127.0.0.1:1/v1"])
def test_wrong_address_says_which(address: str) -> None:
    with pytest.raises(ProviderError, match=r"invalid|127\.0\.0\.1:1") as raised:
        adapters.call(make_target(base_url=address), make_request())

    assert raised.value.kind is FailureKind.CONNECTION
    assert not raised.value.was_sent


@pytest.mark.parametrize("address", ["ftp://models.example/v1", "models.example/v1", "http:///v1"])
def test_address_that_is_none_of_the_web_is_a_connection_failure(address: str) -> None:
    with pytest.raises(ProviderError, match="cannot be reached") as raised:
        adapters.call(make_target(base_url=address), make_request())

    assert (raised.value.kind, raised.value.was_sent) == (FailureKind.CONNECTION, False)


@pytest.mark.parametrize(
    ("address", "origin", "host", "target"),
    [
        ("https://models.example/v1?a=b%20c", ("https", "models.example", 443), "", "/v1?a=b%20c"),
        ("http://Models.Example:80", ("http", "models.example", 80), "", "/"),
        ("http://models.example:443", ("http", "models.example", 443), "models.example:443", "/"),
        ("https://[::1]:8443/v1", ("https", "::1", 8443), "[::1]:8443", "/v1"),
        ("http://[::1]/v1#part", ("http", "::1", 80), "[::1]", "/v1"),
        ("https://bücher.example", ("https", "xn--bcher-kva.example", 443), "", "/"),
        ("https://me:word@models.example", ("https", "models.example", 443), "", "/"),
    ],
)
def test_address_leads_to_an_origin(
    address: str, origin: tuple[str, str, int], host: str, target: str
) -> None:
    place = clients._place_of(address)

    assert place == (origin, host or origin[1], target)


def test_redirect_is_not_followed() -> None:
    moved = Reply(302, {"Location": "https://else.example/"})
    with (
        WireServer(only(lambda: moved)) as server,
        pytest.raises(ProviderError) as raised,
    ):
        adapters.call(make_target(base_url=server.base_url), make_request())

    assert raised.value.kind is FailureKind.BAD_REQUEST
    assert len(server.seen) == 1


def test_server_that_drips_is_a_timeout() -> None:
    """Bytes that keep coming one by one must not keep a node longer than it was given."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        target = make_target(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")

        began = time.monotonic()
        with pytest.raises(ProviderError, match=r"within 0\.5 seconds") as raised:
            adapters.call(target, make_request(timeout_seconds=0.5))

    assert raised.value.kind is FailureKind.TIMEOUT
    assert raised.value.was_sent
    assert time.monotonic() - began < 30  # it drips for a minute


def test_time_of_a_call_counts_from_its_departure() -> None:
    deadline = clients.Deadline(30, leave=lambda: None)
    deadline.began_at -= 100  # it waited for that long

    assert deadline.left() == 0
    deadline.leave()

    assert deadline.left() > 0


def test_nothing_of_a_call_that_may_not_leave_does() -> None:
    def refuse() -> None:
        raise RuntimeError("It did not get on record.")

    with WireServer(only(lambda: OPENAI.text("Hello."))) as server:
        target = make_target(base_url=server.base_url)
        with pytest.raises(RuntimeError, match="on record"):
            adapters.call(target, make_request(), leave=refuse)

        assert server.seen == []
        assert adapters.call(target, make_request()).text == "Hello."


def test_what_fails_while_it_is_made_ready_is_told_when_the_call_might_have_left() -> None:
    told: list[str] = []

    with pytest.raises(ProviderError):
        adapters.call(make_target(kind="unheard_of"), make_request(), leave=lambda: told.append(""))

    assert told == [""]


def test_connection_that_breaks_in_the_middle_is_never_failed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_break_off, args=(server,), daemon=True).start()
        target = make_target(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")

        with pytest.raises(ProviderError, match="broke off") as raised:
            adapters.call(target, make_request())

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.CONNECTION, False)
    assert raised.value.recorded_kind == "connection"


def test_answer_that_cannot_be_unpacked_is_malformed() -> None:
    packed = Reply(200, {"Content-Encoding": "gzip"}, [b"not gzip at all"])
    with (
        WireServer(only(lambda: packed)) as server,
        pytest.raises(ProviderError, match="cannot be unpacked") as raised,
    ):
        adapters.call(make_target(base_url=server.base_url), make_request())

    assert raised.value.kind is FailureKind.MALFORMED


def test_packed_answer_is_unpacked() -> None:
    answer = OPENAI.text("Hello.")
    packed = gzip.compress(b"".join(answer.parts))
    reply = Reply(200, {**answer.headers, "Content-Encoding": "gzip"}, [packed[:9], packed[9:]])
    with WireServer(only(lambda: reply)) as server:
        response = adapters.call(make_target(base_url=server.base_url), make_request())

    assert response.text == "Hello."


def test_one_pool_and_one_connection_per_deployment() -> None:
    peers: set[str] = set()

    def script(seen: Seen) -> Reply:
        peers.add(seen.headers["host"])
        return OPENAI.text("Hello.")

    with WireServer(script) as server:
        target, other = (make_target(base_url=server.base_url) for _ in range(2))
        for _ in range(3):
            adapters.call(target, make_request())
        adapters.call(other, make_request())

    assert len(clients._pools) == 2


def test_pools_of_a_process_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "POOLS", 2)

    with WireServer(only(lambda: OPENAI.text("Hello."))) as server:
        for _ in range(4):
            adapters.call(make_target(base_url=server.base_url), make_request())

    assert len(clients._pools) == 2


def test_plain_http_loads_no_authorities_and_encrypted_shares_them() -> None:
    assert tls.context_for_plain_http().get_ca_certs() == []
    assert tls.context_for_plain_http().verify_mode is ssl.CERT_REQUIRED
    assert tls.context_for(tls.PUBLIC) is tls.context_for(tls.Tls())
    assert tls.context_for(tls.PUBLIC).verify_mode is ssl.CERT_REQUIRED


def test_retry_after_in_seconds_and_as_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    naive = (datetime.now(UTC) + timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S -0000")

    told = [
        failures.retry_after(httpx.Headers({"retry-after": each}))
        for each in ("17", at, naive, "soon", "")
    ]

    assert told[0] == 17
    assert told[1] == pytest.approx(40, abs=3)
    assert told[2] == pytest.approx(40, abs=3)
    assert told[3:] == [None, None]


def test_name_of_the_model_holds_nothing_that_cannot_be_recorded() -> None:
    answer = OPENAI.text("Hello.")
    (body,) = answer.parts
    changed = body.replace(b"resolved-1", rb"small\u0000-1")
    with WireServer(only(lambda: Reply(200, answer.headers, [changed]))) as server:
        response = adapters.call(make_target(base_url=server.base_url), make_request())

    assert response.model == "small-1"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1e30, "completion_tokens": 1},
        {"prompt_tokens": "many", "completion_tokens": 1},
    ],
)
def test_usage_that_nobody_can_bill_by_is_malformed(usage: object) -> None:
    message = {"message": {"content": "x"}, "finish_reason": "stop"}
    answer = {"choices": [message], "usage": usage}
    with (
        WireServer(only(lambda: as_json(answer))) as server,
        pytest.raises(ProviderError) as raised,
    ):
        adapters.call(make_target(base_url=server.base_url), make_request())

    assert raised.value.kind is FailureKind.MALFORMED


@pytest.mark.parametrize("arguments", ["[1]", "{broken"])
def test_arguments_of_a_tool_that_are_no_object_are_malformed(arguments: str) -> None:
    call = {"id": "1", "function": {"name": "weather", "arguments": arguments}}
    answer = {
        "choices": [{"message": {"content": None, "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    with (
        WireServer(only(lambda: as_json(answer))) as server,
        pytest.raises(ProviderError, match="arguments of a tool"),
    ):
        adapters.call(make_target(base_url=server.base_url), make_request())


def _accept(server: socket.socket) -> socket.socket:
    connection, _ = server.accept()
    connection.recv(65536)
    return connection


def _drip(server: socket.socket) -> None:
    with _accept(server) as connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(600):
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            return


def _break_off(server: socket.socket) -> None:
    with _accept(server) as connection:
        connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"choices"')
        time.sleep(0.1)
