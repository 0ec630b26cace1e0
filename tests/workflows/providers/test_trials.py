"""“Test”: one call that is on record first, and a sentence for whatever the provider does, never an error of ours."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compliance.labels import DataClass
from tenancy import secret_store
from tenancy.actors import SYSTEM
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.providers.formats import FORMATS
from tests.workflows.providers.test_tls import HOUSE, SERVER
from tests.workflows.providers.wire_server import Reply, Seen, WireServer
from workflows.errors import ProviderInvalid
from workflows.models import Deployment, Provider
from workflows.providers import clients, register, trials

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
OPENAI = FORMATS[0]
KEY = "sk-canary-0123456789"
HANGING = Reply(200, {"Content-Type": "application/json"}, [b"{"], hang=10)


@pytest.fixture(autouse=True)
def _fresh(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(trials, "SECONDS", 0.7)
    secret_store.put(name="key", value=KEY, by=SYSTEM)
    yield
    clients.close_all()


def make(base_url: str, **facts: Any) -> Deployment:
    provider = register.create_provider(
        name="house", base_url=base_url, egress="internal", by=SYSTEM, **facts
    )
    return register.create_deployment(
        provider=provider,
        name="small",
        model="no-such-model",
        clearance=DataClass.PUBLIC,
        by=SYSTEM,
    )


def always(reply: Reply) -> Callable[[Seen], Reply]:
    return lambda _seen: reply


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (OPENAI.error(401), "auth", "refuses our credentials. Check the secret"),  # wrong key
        (OPENAI.error(404), "bad_request", "does not know the model “no-such-model”"),
        (Reply(404, {}, [b"<html>Not found</html>"]), "bad_request", "or its address is wrong"),
        (Reply(200, {}, [b'{"choices": [{"mess']), "malformed", "cut off"),
        (Reply(200, {}, [b" " * 1_000_000] * 11), "malformed", "more than 10,000,000 bytes"),
        (HANGING, "timeout", "did not answer the whole of it within"),
        (OPENAI.error(429), "rate_limited", "takes no more requests at the moment"),
        (OPENAI.error(503), "server", "has a problem of its own"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_whatever_the_provider_does_is_a_sentence(reply: Reply, kind: str, said: str) -> None:
    with WireServer(always(reply)) as server:
        trial = trials.run(
            deployment=make(server.base_url, auth="api_key", secret_name="key"), by=SYSTEM
        )

    assert (trial.passed, trial.kind) == (False, kind)
    assert said in trial.sentence
    assert trial.in_words == f"Test failed: {trial.sentence}"
    assert KEY not in repr(trial)


def test_wrong_address_is_told_with_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    trial = trials.run(deployment=make(f"http://127.0.0.1:{port}/v1"), by=SYSTEM)

    assert trial.kind == "connection"
    assert f"cannot be reached at 127.0.0.1:{port}" in trial.sentence


def test_certificate_that_does_not_match_is_told(tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    path.write_text(SERVER.pem + SERVER.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with WireServer(always(OPENAI.text("ok")), context=context) as server:
        refused = trials.run(deployment=make(server.base_url), by=SYSTEM)
        register.change_provider(
            provider=Provider.objects.get(), settings={"authorities": HOUSE.pem}, by=SYSTEM
        )
        passed = trials.of_provider(provider=Provider.objects.get(), by=SYSTEM)

    assert refused.kind == "connection"
    assert "shows a certificate" in refused.sentence
    assert "Check the address and our own authorities." in refused.sentence
    assert passed.passed


def test_secret_that_is_missing_is_named() -> None:
    deployment = make("http://127.0.0.1:9", auth="api_key", secret_name="forgotten")

    trial = trials.run(deployment=deployment, by=SYSTEM)

    assert trial.kind == "auth"
    assert "forgotten" in trial.sentence


def test_call_is_on_record_before_it_leaves() -> None:
    recorded: list[int] = []

    def script(_seen: Seen) -> Reply:
        return OPENAI.text("ok")

    with WireServer(script) as server:
        deployment = make(server.base_url)
        before = LedgerEntry.objects.filter(event="provider.tested").count()
        gateway_complete = trials.gateway.complete

        def complete(*args: Any, **facts: Any) -> Any:
            recorded.append(LedgerEntry.objects.filter(event="provider.tested").count() - before)
            return gateway_complete(*args, **facts)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trials.gateway, "complete", complete)
            trial = trials.run(deployment=deployment, by=SYSTEM)

    assert trial.passed
    assert recorded == [1]
    assert server.last.body["messages"] == [*trials.ASKED]
    assert server.last.body["max_tokens"] == trials.MOST_TOKENS


def test_cost_is_told_where_the_price_is_known() -> None:
    with WireServer(always(OPENAI.text("ok"))) as server:
        deployment = make(server.base_url)
        unknown = trials.run(deployment=deployment, by=SYSTEM)
        register.set_price(
            deployment=deployment,
            input_micros_per_million=1_000_000,
            output_micros_per_million=1_000_000,
            by=SYSTEM,
        )
        known = trials.run(deployment=deployment, by=SYSTEM)

    assert unknown.cost is None
    assert unknown.in_words.endswith("11 tokens went in and 4 came out; cost: unknown.")
    assert known.in_words.endswith("cost: 0.000015 EUR.")


def test_provider_tries_what_is_enabled_first() -> None:
    with WireServer(always(OPENAI.text("ok"))) as server:
        deployment = make(server.base_url)
        register.create_deployment(
            provider=deployment.provider,
            name="zulu",
            model="z",
            clearance=DataClass.PUBLIC,
            by=SYSTEM,
        )
        register.change_deployment(deployment=deployment, enabled=False, by=SYSTEM)
        trial = trials.of_provider(provider=deployment.provider, by=SYSTEM)

    assert trial.deployment == "zulu"


def test_provider_without_a_deployment_says_what_to_do() -> None:
    bare = register.create_provider(name="bare", base_url="https://models.example", by=SYSTEM)

    with pytest.raises(ProviderInvalid, match="Add one first"):
        trials.of_provider(provider=bare, by=SYSTEM)
