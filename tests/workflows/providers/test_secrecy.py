"""A provider that says back what signed us in: nothing of it goes on."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.workflows.providers.targets import make_request, make_target
from tests.workflows.providers.wire_server import Reply, Seen, WireServer, as_events, as_json
from workflows.providers import adapters, clients
from workflows.providers.auth import tokens
from workflows.providers.contract import ModelResponse, Target
from workflows.providers.errors import ProviderError
from workflows.providers.secrecy import MASK, Secrecy

KEY = "sk-canary_of-a.key-0b7d41"  # signs that a code of an error may have, too
TOKEN = "token-canary-9e6f2210"
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
Ask = Callable[..., ModelResponse]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Ask a server that answers by this script, signed in with KEY."""
    monkeypatch.setattr(adapters, "_reveal", lambda name, target: KEY)
    tokens.purse.clear()
    servers: list[WireServer] = []

    def call(script: Callable[[Seen], Reply], **facts: Any) -> ModelResponse:
        server = WireServer(script).__enter__()
        servers.append(server)
        told = {"auth": "api_key", "secret_name": "key", **facts}
        credentials = told.pop("credentials", None)
        settings = told.pop("settings", {})
        if told["auth"] == "oauth2":
            settings |= {"token_url": f"{server.base_url}/token", "client_id": "grove"}
        target: Target = make_target(base_url=server.base_url, settings=settings, **told)
        return adapters.call(target, make_request(), credentials=credentials)

    yield call
    for server in servers:
        server.__exit__()
    tokens.purse.clear()
    clients.close_all()


def key_of(seen: Seen) -> str:
    headers = {name.lower(): value for name, value in seen.headers.items()}
    return headers["authorization"].removeprefix("Bearer ")


def echo(seen: Seen) -> Reply:
    said = key_of(seen)
    call = {"id": said, "type": "function"}
    call["function"] = {"name": said, "arguments": json.dumps({said: [said, 1], "to": said})}
    message = {"role": "assistant", "content": f"Your key is {said}.", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return as_json({"id": said, "model": said, "choices": [choice], "usage": USAGE})


def echo_in_stream(seen: Seen) -> Reply:
    said = key_of(seen)
    half = len(said) // 2
    chunks = [
        {"id": said, "model": said, "choices": [{"index": 0, "delta": {"content": part}}]}
        for part in (said[:half], said[half:])
    ]
    end = {"id": said, "model": said, "usage": USAGE}
    end["choices"] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    return as_events(*chunks, end, done=True)


@pytest.mark.parametrize("script", [echo, echo_in_stream])
def test_an_answer_is_masked(ask: Ask, script: Callable[[Seen], Reply]) -> None:
    answer = ask(script)

    assert KEY not in repr(answer)
    assert MASK in answer.text
    assert (answer.model, answer.request_id) == (MASK, MASK)


@pytest.mark.parametrize("auth", ["bearer", "caller_key"])
def test_so_is_the_callers_own_key_and_a_token(ask: Ask, auth: str) -> None:
    answer = ask(echo, auth=auth, credentials=KEY if auth == "caller_key" else None)

    assert KEY not in repr(answer)
    assert MASK in answer.text


def test_a_token_of_a_sign_in_service_is_masked(ask: Ask) -> None:
    def script(seen: Seen) -> Reply:
        if seen.path.endswith("/token"):
            return as_json({"access_token": TOKEN, "expires_in": 60})
        return echo(seen)

    answer = ask(script, auth="oauth2")

    assert TOKEN not in repr(answer)
    assert MASK in answer.text


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refusal_that_quotes_the_key_does_not(ask: Ask, status: int) -> None:
    def script(seen: Seen) -> Reply:
        said = key_of(seen)
        told = {"message": f"No: {said}", "code": said, "type": said, "param": said}
        return as_json({"error": told}, status=status, x_request_id=said, retry_after=said)

    with pytest.raises(ProviderError) as refusal:
        ask(script)

    error = refusal.value
    assert KEY not in f"{error} {error!r} {error.sentence} {error.extra} {error.args}"
    assert f"HTTP {status}" in error.sentence


def test_a_sign_in_service_that_quotes_the_clients_secret_does_not(ask: Ask) -> None:
    def script(seen: Seen) -> Reply:
        return as_json({"error": seen.form["client_secret"]}, status=401)

    with pytest.raises(ProviderError) as refusal:
        ask(script, auth="oauth2")

    assert KEY not in f"{refusal.value!r} {refusal.value.sentence}"


def test_what_holds_nothing_stays_the_same() -> None:
    answer = ModelResponse(text="Hello.", model="m", tokens_in=1, tokens_out=1)

    assert Secrecy(KEY).mask_answer(answer) is answer


def test_what_is_short_masks_no_words() -> None:
    assert Secrecy("key").mask("The key of it.") == "The key of it."


def test_what_json_writes_otherwise_is_masked_there_too() -> None:
    odd = 'odd "quoted" \\ key'

    assert odd[:6] not in Secrecy(odd).mask(json.dumps({"said": odd}))


def test_it_does_not_show_itself() -> None:
    assert KEY not in repr(Secrecy(KEY))
