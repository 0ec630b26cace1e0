"""Every way to sign in against servers that check it as the vendor's documentation says. No database."""

import base64
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.workflows.providers.formats import BEDROCK, FORMATS
from tests.workflows.providers.targets import make_request, make_target
from tests.workflows.providers.wire_server import Reply, Seen, WireServer, as_json
from workflows.providers import adapters, auth, clients
from workflows.providers.auth import sigv4, tokens
from workflows.providers.auth.sigv4 import Signer
from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError

OPENAI = FORMATS[0]
SECRETS = {"the-key": "sk-very-secret", "session": "session-token-1", "broken": "käse\n"}
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


ACCOUNT = {
    "type": "service_account",
    "client_email": "grove@bank-1.iam.gserviceaccount.com",
    "private_key_id": "k-1",
    "private_key": pem_of(RSA_KEY),
    "token_uri": "https://attacker.example/token",  # never asked: the setting or Google's own is
}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held = {**SECRETS, "account": orjson.dumps(ACCOUNT).decode()}
    monkeypatch.setattr(adapters, "_reveal", lambda name, _target: held[name])
    monkeypatch.setattr(adapters, "_may_use_machine", lambda: True)
    tokens.purse.clear()
    yield
    tokens.purse.clear()
    clients.close_all()


@pytest.fixture
def provider() -> Iterator[WireServer]:
    """A provider that answers whoever comes; a test may give it another script."""
    with WireServer(lambda _seen: OPENAI.text("Hello.")) as server:
        yield server


class TokenServer(WireServer):
    """Hands out token-1, token-2, … for `life` seconds."""

    def __init__(self, life: int = 3600) -> None:
        self.life, self.count = life, 0
        self.pause = 0.0
        self.refusal: Reply | None = None
        super().__init__(self.hand_out)

    def hand_out(self, _seen: Seen) -> Reply:
        if self.refusal:
            return self.refusal
        time.sleep(self.pause)
        self.count += 1
        told = {"access_token": f"token-{self.count}", "token_type": "Bearer"}
        return as_json({**told, "expires_in": self.life})


@pytest.fixture
def token_server() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


def target_of(server: WireServer, **facts: Any) -> Target:
    return make_target(base_url=server.base_url, **facts)


def oauth2(server: WireServer, token_server: WireServer, **settings: Any) -> Target:
    told = {"token_url": f"{token_server.base_url}/token", "client_id": "grove", "scope": "llm"}
    return target_of(server, auth="oauth2", secret_name="the-key", settings=told | settings)


# -- keys that go out as they are -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "header", "value"),
    [
        ("openai", "authorization", "Bearer sk-very-secret"),
        ("azure_openai", "api-key", "sk-very-secret"),
        ("anthropic", "x-api-key", "sk-very-secret"),
        ("gemini", "x-goog-api-key", "sk-very-secret"),
        ("vertex", "x-goog-api-key", "sk-very-secret"),
        ("bedrock", "authorization", "Bearer sk-very-secret"),
    ],
)
@pytest.mark.parametrize("way", ["api_key", "caller_key"])
def test_key_goes_where_its_kind_looks_for_it(way: str, kind: str, header: str, value: str) -> None:
    spoken = next(each for each in FORMATS if each.kind == kind)
    with WireServer(lambda _seen: spoken.text("Hello.")) as server:
        target = target_of(server, kind=kind, auth=way, secret_name="the-key", **spoken.facts)

        adapters.call(
            target,
            make_request(),
            credentials="sk-very-secret" if way == "caller_key" else None,
        )

    assert server.last.headers[header] == value


def test_key_in_a_header_of_ones_own(provider: WireServer) -> None:
    settings = {"key_header": "X-Gateway-Key"}
    target = target_of(provider, auth="api_key", secret_name="the-key", settings=settings)

    adapters.call(target, make_request())

    assert provider.last.headers["x-gateway-key"] == "sk-very-secret"
    assert "authorization" not in provider.last.headers


def test_none_and_bearer(provider: WireServer) -> None:
    adapters.call(target_of(provider), make_request())
    adapters.call(target_of(provider, auth="bearer", secret_name="the-key"), make_request())

    assert "authorization" not in provider.seen[0].headers
    assert provider.seen[1].headers["authorization"] == "Bearer sk-very-secret"


def test_caller_without_a_key_is_told_so(provider: WireServer) -> None:
    with pytest.raises(ProviderError, match="caller's own key, and none came") as raised:
        adapters.call(target_of(provider, auth="caller_key"), make_request())

    assert raised.value.kind is FailureKind.AUTH
    assert not provider.seen


def test_wrong_key_is_told_without_the_key(provider: WireServer) -> None:
    provider.script = lambda _seen: as_json({"error": {"message": "bad sk-very-secret"}}, 401)

    with pytest.raises(ProviderError, match="refuses our credentials") as raised:
        adapters.call(target_of(provider, auth="api_key", secret_name="the-key"), make_request())

    assert raised.value.kind is FailureKind.AUTH
    assert "sk-very" not in str(raised.value)


def test_key_that_no_header_can_carry(provider: WireServer) -> None:
    with pytest.raises(ProviderError, match="Put the secret “broken” again"):
        adapters.call(target_of(provider, auth="api_key", secret_name="broken"), make_request())

    assert not provider.seen


# -- OAuth 2, Azure, Google ------------------------------------------------------------------------------------------


def test_oauth2_asks_once_and_keeps_the_token(
    provider: WireServer, token_server: TokenServer
) -> None:
    target = oauth2(provider, token_server, audience="models")

    for _ in range(3):
        adapters.call(target, make_request())

    assert [seen.headers["authorization"] for seen in provider.seen] == ["Bearer token-1"] * 3
    assert token_server.count == 1
    assert token_server.last.form == {
        "grant_type": "client_credentials",
        "client_id": "grove",
        "client_secret": "sk-very-secret",
        "scope": "llm",
        "audience": "models",
    }


def test_token_is_renewed_before_it_ends(
    provider: WireServer, token_server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, now = oauth2(provider, token_server), [1000.0]
    monkeypatch.setattr(tokens, "clock", lambda: now[0])

    adapters.call(target, make_request())
    now[0] += 3600 - tokens.EARLY_SECONDS - 1
    adapters.call(target, make_request())
    now[0] += 2
    adapters.call(target, make_request())

    sent = [seen.headers["authorization"].split("-")[1] for seen in provider.seen]
    assert sent == ["1", "1", "2"]


def test_token_that_is_refused_is_renewed_once(
    provider: WireServer, token_server: TokenServer
) -> None:
    def script(seen: Seen) -> Reply:
        good = seen.headers["authorization"] == "Bearer token-2"
        return OPENAI.text("Hello.") if good else OPENAI.error(401)

    provider.script = script

    response = adapters.call(oauth2(provider, token_server), make_request())

    assert response.text == "Hello."
    assert len(provider.seen) == 2


def test_no_token_is_asked_for_before_the_call_may_leave(
    provider: WireServer, token_server: TokenServer
) -> None:
    def refuse() -> None:
        raise RuntimeError("It did not get on record.")

    with pytest.raises(RuntimeError, match="on record"):
        adapters.call(oauth2(provider, token_server), make_request(), leave=refuse)

    assert (provider.seen, token_server.count) == ([], 0)


def test_second_refusal_is_the_answer(provider: WireServer, token_server: TokenServer) -> None:
    provider.script = lambda _seen: OPENAI.error(401)

    with pytest.raises(ProviderError) as raised:
        adapters.call(oauth2(provider, token_server), make_request())

    assert raised.value.kind is FailureKind.AUTH
    assert (len(provider.seen), token_server.count) == (2, 2)


def test_many_threads_make_one_token(provider: WireServer, token_server: TokenServer) -> None:
    token_server.pause = 0.1
    target = oauth2(provider, token_server)
    threads = [
        threading.Thread(target=adapters.call, args=(target, make_request())) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(provider.seen) == 8
    assert token_server.count == 1


def test_another_secret_makes_another_token(
    provider: WireServer, token_server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = oauth2(provider, token_server)

    adapters.call(target, make_request())
    monkeypatch.setattr(adapters, "_reveal", lambda _name, _target: "sk-new")
    adapters.call(target, make_request())

    assert token_server.count == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (as_json({"error": "invalid_client", "error_description": "sk"}, 401), FailureKind.AUTH),
        (as_json({"error": "slow_down"}, 429, retry_after="9"), FailureKind.RATE_LIMITED),
        (as_json({}, 503), FailureKind.SERVER),
        (as_json({"token": "x"}), FailureKind.AUTH),
        (as_json([]), FailureKind.AUTH),
        (Reply(200, {}, [b"<html>"]), FailureKind.AUTH),
    ],
)
def test_sign_in_service_that_fails_is_told_apart(
    provider: WireServer, token_server: TokenServer, reply: Reply, kind: FailureKind
) -> None:
    token_server.refusal = reply

    with pytest.raises(ProviderError, match="sign-in service of “example”") as raised:
        adapters.call(oauth2(provider, token_server), make_request())

    assert raised.value.kind is kind
    assert raised.value.retry_after_seconds == (9 if kind is FailureKind.RATE_LIMITED else None)
    assert not provider.seen


def test_azure_client_credentials(provider: WireServer, token_server: TokenServer) -> None:
    settings = {
        "directory": "d-1",
        "client_id": "app-1",
        "token_url": f"{token_server.base_url}/d-1/oauth2/v2.0/token",
        "api_version": "2024-10-21",
    }
    target = target_of(
        provider,
        kind="azure_openai",
        auth="azure_client",
        secret_name="the-key",
        settings=settings,
    )

    adapters.call(target, make_request())

    assert provider.last.headers["authorization"] == "Bearer token-1"
    assert token_server.last.form["scope"] == "https://cognitiveservices.azure.com/.default"
    assert token_server.last.form["client_secret"] == "sk-very-secret"


def test_azure_managed_identity(provider: WireServer, token_server: TokenServer) -> None:
    settings = {"token_url": f"{token_server.base_url}/metadata", "client_id": "user-1"}
    target = target_of(provider, auth="azure_identity", settings=settings)

    adapters.call(target, make_request())

    asked = token_server.last
    assert provider.last.headers["authorization"] == "Bearer token-1"
    assert (asked.method, asked.headers["metadata"]) == ("GET", "true")
    assert asked.path == (
        "/metadata?api-version=2018-02-01&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=user-1"
    )


def test_google_service_account(provider: WireServer, token_server: TokenServer) -> None:
    address = f"{token_server.base_url}/token"
    target = target_of(
        provider, auth="google_account", secret_name="account", settings={"token_url": address}
    )

    adapters.call(target, make_request())

    form = token_server.last.form
    head, claims, signature = form["assertion"].split(".")
    RSA_KEY.public_key().verify(
        decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    said = orjson.loads(decoded(claims))
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert orjson.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k-1"}
    assert (said["iss"], said["aud"]) == (ACCOUNT["client_email"], address)
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert said["exp"] - said["iat"] == 3600
    assert abs(said["iat"] - time.time()) < 10
    assert provider.last.headers["authorization"] == "Bearer token-1"


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize(
    "account",
    [
        "not json",
        "{}",
        orjson.dumps({**ACCOUNT, "private_key": "no key"}).decode(),
        orjson.dumps(
            {**ACCOUNT, "private_key": pem_of(ec.generate_private_key(ec.SECP256R1()))}
        ).decode(),
    ],
)
def test_key_file_that_is_none(
    provider: WireServer, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "_reveal", lambda _name, _target: account)
    target = target_of(provider, auth="google_account", secret_name="account")

    with pytest.raises(ProviderError, match="“account” is not the key file"):
        adapters.call(target, make_request())


def test_google_metadata_server(provider: WireServer, token_server: TokenServer) -> None:
    settings = {"token_url": f"{token_server.base_url}/token"}

    adapters.call(target_of(provider, auth="google_metadata", settings=settings), make_request())

    assert token_server.last.headers["metadata-flavor"] == "Google"
    assert provider.last.headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize("way", ["azure_identity", "google_metadata"])
def test_machine_is_nobodys_identity_unless_the_installation_says_so(
    provider: WireServer, token_server: TokenServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "_may_use_machine", lambda: False)
    target = target_of(provider, auth=way, settings={"token_url": token_server.base_url})

    with pytest.raises(ProviderError, match="GROVE_MACHINE_IDENTITY_TENANTS"):
        adapters.call(target, make_request())

    assert not token_server.seen
    assert not provider.seen


# -- AWS -------------------------------------------------------------------------------------------------------------


class SigningServer(WireServer):
    """Bedrock as far as signatures go: its clock is `ahead`, and it takes five minutes as AWS does."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead
        super().__init__(self.check)

    def check(self, seen: Seen) -> Reply:
        here = datetime.now(UTC) + self.ahead
        told = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        expected = sigv4.sign(
            Signer(
                access_key_id="AKID1",
                secret_access_key="sk-very-secret",
                session_token=seen.headers.get("x-amz-security-token", ""),
                region="eu-central-1",
                service="bedrock",
            ),
            method="POST",
            address=f"{self.base_url}{seen.path}",
            headers={"Content-Type": seen.headers["content-type"]},
            body=seen.content,
            at=told,
        )
        date = {"Date": format_datetime(here, usegmt=True)}
        if seen.headers["authorization"] != expected["Authorization"]:
            return self._refused("InvalidSignatureException", date)
        if abs(told - here) > timedelta(minutes=5):
            return self._refused("RequestTimeTooSkewed", date)
        return BEDROCK.text("Hello.")

    def _refused(self, code: str, headers: dict[str, str]) -> Reply:
        return Reply(403, {"x-amzn-ErrorType": code, **headers}, [b'{"message": "no"}'])


def bedrock(server: WireServer, **facts: Any) -> Target:
    return target_of(
        server,
        kind="bedrock",
        auth="aws_sigv4",
        secret_name="the-key",
        model="anthropic.claude-v1:0",
        settings={"access_key_id": "AKID1", "region": "eu-central-1"},
        **facts,
    )


def test_signature_covers_what_really_went_out() -> None:
    with SigningServer() as server:
        target = bedrock(server, more_secrets={"session_token": "session"})

        response = adapters.call(target, make_request())

    assert response.text == "Hello."
    assert server.last.headers["x-amz-security-token"] == "session-token-1"
    assert server.last.path == "/model/anthropic.claude-v1%3A0/converse-stream"


@pytest.mark.parametrize("hours", [-3, 3])
def test_clock_that_is_wrong_learns_from_the_refusal_and_remembers(hours: int) -> None:
    with SigningServer(ahead=timedelta(hours=hours)) as server:
        first = adapters.call(bedrock(server), make_request())
        tries_of_the_first = len(server.seen)
        adapters.call(bedrock(server), make_request())

    assert first.text == "Hello."
    assert tries_of_the_first == 2
    assert len(server.seen) == 3


def test_wrong_key_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_reveal", lambda _name, _target: "another")

    with SigningServer() as server, pytest.raises(ProviderError) as raised:
        adapters.call(bedrock(server), make_request())

    assert raised.value.kind is FailureKind.AUTH
    assert "InvalidSignatureException" in raised.value.sentence
    assert len(server.seen) == 1


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_refusal_without_a_date_teaches_nothing(provider: WireServer, date: str) -> None:
    provider.script = lambda _seen: Reply(403, {"Date": date} if date else {}, [b"{}"])

    with pytest.raises(ProviderError):
        adapters.call(bedrock(provider), make_request())

    assert len(provider.seen) == 1


def test_every_way_is_known_to_the_register() -> None:
    from workflows.models import Auth, ProviderKind
    from workflows.providers import connection_settings as table

    assert set(auth.WAYS) == set(Auth.values) == set(table.OF_AUTH) == set(table.SECRETS_OF_AUTH)
    assert set(adapters.ADAPTERS) == set(ProviderKind.values) == set(table.OF_KIND)
    assert set(table.AUTHS_OF_KIND) == set(table.ADDRESSES) == set(ProviderKind.values)


def test_nothing_secret_is_shown_by_what_holds_it(provider: WireServer) -> None:
    target = target_of(provider, auth="caller_key")

    adapters.call(target, make_request(), credentials="sk-very-secret")

    assert "sk-very" not in str(clients._pools) + repr(tokens.purse) + repr(target)
