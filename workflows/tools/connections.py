"""HTTP to destinations: a name is resolved once, what it stands for is judged, and exactly that address is called.

So a name that answers differently a moment later (DNS rebinding) leads nowhere else. Certificates are checked
against the name all the same.
"""

import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from workflows.tools.errors import ToolError, ToolFailure

ANSWER_LIMIT_BYTES = 10_000_000
CONNECT_SECONDS = 5.0
MOST_ADDRESSES = 3
PORTS: Final = {"http": 80, "https": 443}

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_HOST: Final = re.compile(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]{2,45}")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address at its end

_clients: dict[tuple[int, str], httpx.Client] = {}
_clients_change = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL in its parts, read by the same reader that writes the request."""

    scheme: str
    host: str  # in its ASCII form, small letters, without a dot at the end or brackets
    port: int
    target: str  # path and query

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def shown_host(self) -> str:
        """As the Host header says it (RFC 9110, 7.2)."""
        host = _bracketed(self.host)
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request, ready to go. Headers may hold a secret: they are not shown."""

    method: str
    url: Url
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float
    inside: bool  # the destination is inside the walls, so its address may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    status: int
    headers: Mapping[str, str]
    body: bytes


def read_url(text: str) -> Url:
    """The parts of a URL. Raises ToolError for what is not a plain http or https address."""
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii").lower().removesuffix(".")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ToolError(ToolFailure.BAD_REQUEST, "This is not an address of the web.") from error
    port = url.port or PORTS.get(url.scheme, 0)
    if url.scheme not in PORTS or not _HOST.fullmatch(host) or port > 65_535:
        sentence = "An address begins with https:// or http:// and names a host."
        raise ToolError(ToolFailure.BAD_REQUEST, sentence)
    if url.userinfo:
        sentence = "An address holds no password: its destination names a secret."
        raise ToolError(ToolFailure.BAD_REQUEST, sentence)
    return Url(
        scheme=url.scheme,
        host=host,
        port=port,
        target=url.raw_path.decode("ascii") or "/",
    )


def join_url(base: Url, location: str) -> Url:
    """Where a redirect leads."""
    return read_url(str(httpx.URL(base.origin + base.target).join(location)))


def is_literal(host: str) -> bool:
    """Is this host an address written out, in whatever way?"""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1, 0x7f000001 and 017700000001 are addresses to many resolvers, too.
        return host.rpartition(".")[2][:1].isdigit()
    return True


def send(sent: Sent) -> Received:
    """Send once and read the whole answer, of bounded size within bounded time. Raises ToolError."""
    deadline = time.monotonic() + sent.seconds
    refused: httpx.ConnectError | None = None
    for address in resolve(sent.url, inside=sent.inside)[:MOST_ADDRESSES]:
        try:
            return _send_to(address, sent, deadline)
        except httpx.ConnectError as error:  # nothing was sent: the next address may be tried
            refused = error
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _unreachable(sent) from error
        except httpx.TimeoutException as error:
            raise _too_late(sent) from error
        except httpx.DecodingError as error:
            sentence = f"{sent.url.host} sent an answer that cannot be unpacked."
            raise ToolError(ToolFailure.MALFORMED, sentence) from error
        except httpx.TransportError as error:
            sentence = f"The connection to {sent.url.host} broke."
            raise ToolError(ToolFailure.CONNECTION, sentence, was_sent=True) from error
    raise _unreachable(sent) from refused


def resolve(url: Url, *, inside: bool) -> list[IPAddress]:
    """The addresses that a host stands for now. Raises ToolError where any of them may not be called."""
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        sentence = f"The name {url.host} cannot be resolved."
        raise ToolError(ToolFailure.CONNECTION, sentence) from error
    addresses = list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
    check_addresses(addresses, host=url.host, inside=inside)
    return addresses


def check_addresses(addresses: Iterable[IPAddress], *, host: str, inside: bool) -> None:
    """Outside, only addresses of the public internet; inside, whatever belongs to a machine. Raises ToolError."""
    for address in addresses:
        for each in _meant_by(address):
            never = each.is_multicast or each.is_unspecified or each.is_link_local
            if never or not (inside or each.is_global):
                sentence = (
                    f"{host} leads to an address inside the walls, and its destination is outside."
                    if not never
                    else f"{host} leads to an address that no request may go to."
                )
                raise ToolError(ToolFailure.ADDRESS, sentence)


def close_all() -> None:
    """Close the clients of this process."""
    with _clients_change:
        for client in _clients.values():
            client.close()
        _clients.clear()


def _meant_by(address: IPAddress) -> list[IPAddress]:
    """An address, and those that it wraps: mapped, translated and tunnelled ones reach an IPv4 address in the end."""
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    found: list[IPAddress] = [each for each in wrapped if each is not None]
    return found if address.ipv4_mapped else [address, *found]


def _send_to(address: IPAddress, sent: Sent, deadline: float) -> Received:
    left = max(0.001, deadline - time.monotonic())
    with _client_for(sent.url).stream(
        sent.method,
        f"{sent.url.scheme}://{_bracketed(str(address))}:{sent.url.port}{sent.url.target}",
        headers={**sent.headers, "Host": sent.url.shown_host, "Accept-Encoding": "gzip, deflate"},
        content=sent.body,
        timeout=httpx.Timeout(left, connect=min(CONNECT_SECONDS, left)),
        extensions={"sni_hostname": sent.url.host},
    ) as response:
        body = _read(response, sent, deadline)
        return Received(status=response.status_code, headers=response.headers, body=body)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _read(response: httpx.Response, sent: Sent, deadline: float) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) > ANSWER_LIMIT_BYTES:
            sentence = f"{sent.url.host} answered with more than {ANSWER_LIMIT_BYTES:,} bytes."
            raise ToolError(ToolFailure.TOO_LARGE, sentence)
        if time.monotonic() > deadline:
            raise _too_late(sent)
    return bytes(received)


def _client_for(url: Url) -> httpx.Client:
    """One client per name: a connection whose certificate was checked for one name serves no other."""
    key = (os.getpid(), url.origin)
    with _clients_change:
        if key not in _clients:
            _clients[key] = httpx.Client(
                limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
                trust_env=False,  # no proxy and no credentials that nobody declared
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none are kept
            )
        return _clients[key]


def _unreachable(sent: Sent) -> ToolError:
    return ToolError(ToolFailure.CONNECTION, f"{sent.url.host} cannot be reached.")


def _too_late(sent: Sent) -> ToolError:
    sentence = f"{sent.url.host} did not answer within {sent.seconds:g} seconds."
    return ToolError(ToolFailure.TIMEOUT, sentence, was_sent=True)
