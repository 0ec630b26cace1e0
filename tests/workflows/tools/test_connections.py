"""Addresses: a URL is read one way, a name is resolved once and judged, and exactly that address is called."""

import gzip
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.runs.scripted_host import Reply, ScriptedHost
from workflows.tools import connections
from workflows.tools.connections import Sent, Url
from workflows.tools.errors import ToolError


@pytest.fixture(autouse=True)
def _no_client_is_left() -> Iterator[None]:
    yield
    connections.close_all()


def resolving_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """The resolver gives these addresses, one for each time it is asked; what it was asked for."""
    asked: list[str] = []
    really = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *given: Any, **options: Any) -> list[Any]:
        if connections.is_literal(host):  # the library asks what a written address means
            return really(host, port, *given, **options)
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def request(url: str, *, inside: bool = True, seconds: float = 5, **more: Any) -> Sent:
    known: dict[str, Any] = {"method": "GET", "headers": {}, "body": b""}
    return Sent(url=connections.read_url(url), seconds=seconds, inside=inside, **(known | more))


# -- URLs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Api.Example.org", Url(scheme="https", host="api.example.org", port=443, target="/")),
        ("http://a.b:8080/x?y=1#z", Url(scheme="http", host="a.b", port=8080, target="/x?y=1")),
        ("https://example.org./", Url(scheme="https", host="example.org", port=443, target="/")),
        ("https://bücher.example/", Url(scheme="https", host="xn--bcher-kva.example", port=443, target="/")),
        ("http://[::1]:80/", Url(scheme="http", host="::1", port=80, target="/")),
    ],
)  # fmt: skip
def test_a_url_is_read_in_its_parts(text: str, url: Url) -> None:
    assert connections.read_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org/x",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https://user:word@example.org/",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "https://example.org/\r\nHost: other",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(ToolError):
        connections.read_url(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "127.1", "0x7f000001", "017700000001", "2130706433", "10.0.0.5"]
)
def test_addresses_are_known_however_they_are_written(host: str) -> None:
    assert connections.is_literal(host)


@pytest.mark.parametrize("host", ["example.org", "a1.example", "localhost", "4chan.example"])
def test_names_are_no_addresses(host: str) -> None:
    assert not connections.is_literal(host)


# -- addresses ----------------------------------------------------------------------------------------------------

INSIDE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "::1", "fd00::1"]
NOWHERE = ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::", "ff02::1"]  # noqa: S104
WRAPPED = ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", INSIDE + NOWHERE + WRAPPED)
def test_a_destination_outside_is_not_found_inside(address: str) -> None:
    with pytest.raises(ToolError) as refused:
        connections.check_addresses([ipaddress.ip_address(address)], host="h", inside=False)

    assert refused.value.kind == "address"


@pytest.mark.parametrize(
    "address", [*INSIDE, "93.184.216.34", "2606:4700::1111", "::ffff:10.0.0.1"]
)
def test_a_destination_inside_may_be_anywhere(address: str) -> None:
    connections.check_addresses([ipaddress.ip_address(address)], host="h", inside=True)


@pytest.mark.parametrize("address", [*NOWHERE, "::ffff:169.254.169.254"])
def test_some_addresses_are_never_called(address: str) -> None:
    with pytest.raises(ToolError):
        connections.check_addresses([ipaddress.ip_address(address)], host="h", inside=True)


def test_one_bad_address_among_good_ones_is_enough() -> None:
    mixed = [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.1")]

    with pytest.raises(ToolError):
        connections.check_addresses(mixed, host="h", inside=False)


# -- sending ------------------------------------------------------------------------------------------------------


def test_a_name_is_resolved_once_and_that_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rebinding: a second answer of the resolver would lead to an address where nobody listens."""
    with ScriptedHost() as host:
        asked = resolving_to(monkeypatch, "127.0.0.1", "127.0.0.2")
        received = connections.send(request(f"http://crm.example:{host.port}/x"))

    assert received.status == 200
    assert asked == ["crm.example"]
    assert host.asked[0].headers["host"] == f"crm.example:{host.port}"


def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ScriptedHost() as host:
        resolving_to(monkeypatch, "127.0.0.1")
        with pytest.raises(ToolError) as refused:
            connections.send(request(f"http://crm.example:{host.port}/", inside=False))

    assert refused.value.kind == "address"
    assert host.asked == []


def test_nobody_at_that_address_is_said_as_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ToolError) as refused:
            connections.send(request(f"http://127.0.0.1:{port}/"))

    assert (refused.value.kind, refused.value.was_sent) == ("connection", False)


def test_a_name_that_cannot_be_resolved_is_said() -> None:
    with pytest.raises(ToolError, match="cannot be resolved"):
        connections.send(request("http://no-such-name.invalid/"))


def test_a_slow_answer_is_given_up() -> None:
    with ScriptedHost(seconds=2) as host, pytest.raises(ToolError) as late:
        connections.send(request(host.url, seconds=0.2))

    assert (late.value.kind, late.value.was_sent) == ("timeout", True)


def test_a_large_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ANSWER_LIMIT_BYTES", 1000)
    packed = Reply(body=gzip.compress(b"a" * 100_000), headers={"Content-Encoding": "gzip"})
    for reply in (Reply(body="a" * 2000), packed):
        host = ScriptedHost(lambda asked, reply=reply: reply)
        with host, pytest.raises(ToolError) as large:
            connections.send(request(host.url))
        assert large.value.kind == "too_large"


def test_cookies_are_not_kept() -> None:
    reply = Reply(headers={"Set-Cookie": "who=acme", "Content-Type": "text/plain"})
    with ScriptedHost(lambda asked: reply) as host:
        connections.send(request(host.url))
        connections.send(request(host.url))

    assert "cookie" not in host.asked[1].headers


def test_nothing_of_the_surroundings_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ScriptedHost() as host:
        assert connections.send(request(host.url)).status == 200


# -- certificates -------------------------------------------------------------------------------------------------


def make_certificate(name: str, folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for this name, signed by itself; `folder` keeps it for the client."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "server.pem").write_bytes(made.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


@pytest.mark.parametrize(
    ("certified", "reached"), [("crm.example", True), ("other.example", False)]
)
def test_a_certificate_is_checked_for_the_name_though_an_address_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, certified: str, reached: bool
) -> None:
    with ScriptedHost() as host:
        host.wrap(make_certificate(certified, tmp_path))
        resolving_to(monkeypatch, "127.0.0.1")
        asked = request(f"https://crm.example:{host.port}/")
        trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        connections._clients[os.getpid(), asked.url.origin] = httpx.Client(verify=trusting)
        if reached:
            assert connections.send(asked).status == 200
        else:
            with pytest.raises(ToolError) as refused:
                connections.send(asked)
            assert refused.value.was_sent is False

    assert len(host.asked) == reached


def test_a_certificate_that_nobody_vouches_for_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedHost() as host:
        host.wrap(make_certificate("crm.example", tmp_path))
        resolving_to(monkeypatch, "127.0.0.1")
        with pytest.raises(ToolError):
            connections.send(request(f"https://crm.example:{host.port}/"))

    assert host.asked == []
