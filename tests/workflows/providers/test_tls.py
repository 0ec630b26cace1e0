"""Encrypted connections: our own authorities, client certificates, and what does not match. Certificates made here."""

import ipaddress
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.workflows.providers.formats import FORMATS
from tests.workflows.providers.targets import make_request, make_target
from tests.workflows.providers.wire_server import WireServer
from workflows.providers import adapters, clients, tls
from workflows.providers.errors import FailureKind, ProviderError

OPENAI = FORMATS[0]


class Made(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, password: bytes = b"") -> str:
        locked: Any = (
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption()
        )
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, locked).decode()


def make(name: str, by: Made | None = None, *, address: str = "127.0.0.1") -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = by.certificate.subject if by else subject
    today = datetime.now(UTC)
    signing = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(hours=1))
        .not_valid_after(today + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
    )
    if by is None:
        usage = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True
        )
    return Made(builder.sign(signing, hashes.SHA256()), key)


HOUSE = make("House authority")
OTHERS = make("Another authority")
SERVER = make("models.bank.example", HOUSE)
ELSEWHERE = make("elsewhere", HOUSE, address="192.0.2.1")
CLIENT = make("grove", HOUSE)
STRANGER = make("stranger", OTHERS)
SECRETS = {
    "client": CLIENT.pem + CLIENT.key_pem(),
    "client-key": CLIENT.key_pem(),
    "client-certificate": CLIENT.pem,
    "stranger": STRANGER.pem + STRANGER.key_pem(),
    "mixed": STRANGER.pem + CLIENT.key_pem(),
    "locked": CLIENT.pem + CLIENT.key_pem(b"a password"),
    "no-pem": "sk-1234",
    "the-key": "sk-very-secret",
}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(adapters, "_reveal", lambda name, _target: SECRETS[name])
    yield
    clients.close_all()
    tls.context_for.cache_clear()


def context_of(folder: Path, shown: Made) -> ssl.SSLContext:
    path = folder / "server.pem"
    path.write_text(shown.pem + shown.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def serve(folder: Path, shown: Made, *, asks: bool) -> WireServer:
    context = context_of(folder, shown)
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=HOUSE.pem)
    return WireServer(lambda _seen: OPENAI.text("Hello."), context=context)


def call(server: WireServer, **facts: Any) -> str:
    facts["settings"] = {"authorities": HOUSE.pem, **facts.get("settings", {})}
    return adapters.call(make_target(base_url=server.base_url, **facts), make_request()).text


def test_server_of_our_own_authority_is_trusted(tmp_path: Path) -> None:
    with serve(tmp_path, SERVER, asks=False) as server:
        assert call(server) == "Hello."


@pytest.mark.parametrize(
    ("shown", "authorities"),
    [
        (SERVER, ""),  # only the public authorities are trusted
        (SERVER, OTHERS.pem),
        (ELSEWHERE, HOUSE.pem),  # the certificate is for another host
    ],
)
def test_certificate_that_does_not_match_is_told(
    tmp_path: Path, shown: Made, authorities: str
) -> None:
    with (
        serve(tmp_path, shown, asks=False) as server,
        pytest.raises(ProviderError, match=r"shows a certificate .* that does not hold") as raised,
    ):
        call(server, settings={"authorities": authorities})

    assert raised.value.kind is FailureKind.CONNECTION
    assert not server.seen


@pytest.mark.parametrize(
    "facts",
    [
        {"secret_name": "client"},
        {"secret_name": "client-key", "more_secrets": {"certificate": "client-certificate"}},
    ],
)
def test_client_certificate_from_one_secret_or_two(tmp_path: Path, facts: dict[str, Any]) -> None:
    with serve(tmp_path, SERVER, asks=True) as server:
        assert call(server, auth="mtls", **facts) == "Hello."

    assert "authorization" not in server.last.headers


def test_client_certificate_and_key_together(tmp_path: Path) -> None:
    with serve(tmp_path, SERVER, asks=True) as server:
        call(server, auth="mtls", secret_name="client", more_secrets={"api_key": "the-key"})

    assert server.last.headers["authorization"] == "Bearer sk-very-secret"


@pytest.mark.parametrize("facts", [{}, {"auth": "mtls", "secret_name": "stranger"}])
def test_client_that_the_server_does_not_know_is_refused(
    tmp_path: Path, facts: dict[str, Any]
) -> None:
    with (
        serve(tmp_path, SERVER, asks=True) as server,
        pytest.raises(ProviderError, match="does not accept our client certificate") as raised,
    ):
        call(server, **facts)

    assert raised.value.kind is FailureKind.AUTH
    assert not server.seen


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("mixed", "do not belong together"),
        ("locked", "without a password"),  # and nobody is asked for one
        ("no-pem", "must be PEM"),
    ],
)
def test_identity_that_cannot_be_used_is_told(tmp_path: Path, secret: str, sentence: str) -> None:
    with (
        serve(tmp_path, SERVER, asks=True) as server,
        pytest.raises(ProviderError, match=sentence) as raised,
    ):
        call(server, auth="mtls", secret_name=secret)

    assert raised.value.kind is FailureKind.AUTH


def test_where_memory_has_no_files_a_private_one_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")

    with serve(tmp_path, SERVER, asks=True) as server:
        assert call(server, auth="mtls", secret_name="client") == "Hello."


def test_replaced_certificate_gets_a_connection_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tmp_path, SERVER, asks=True) as server:
        target = make_target(
            base_url=server.base_url,
            auth="mtls",
            secret_name="client",
            settings={"authorities": HOUSE.pem},
        )
        adapters.call(target, make_request())
        monkeypatch.setitem(SECRETS, "client", SECRETS["stranger"])

        with pytest.raises(ProviderError):
            adapters.call(target, make_request())


def test_private_key_is_not_shown() -> None:
    assert "PRIVATE" not in repr(tls.Tls(identity=CLIENT.key_pem()))
