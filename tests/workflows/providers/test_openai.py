"""The OpenAI-compatible adapter, against recorded answers. No network."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
import pytest
import respx

from tests.workflows.providers.targets import make_request, make_target
from workflows.providers import clients, openai
from workflows.providers.errors import FailureKind, ProviderError

URL = "https://models.example/v1/chat/completions"
SECRET_TEXT = "the customer's words"


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    yield
    clients.close_all()


def completion(text: str | None = "Hello.", **members: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **members.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "small-1-2026-10",
        "choices": [
            {"index": 0, "message": message, "finish_reason": members.pop("finish", "stop")}
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
        **members,
    }


@respx.mock
def test_answer_comes_with_model_and_usage() -> None:
    respx.post(URL).respond(json=completion())

    response = openai.complete(make_target(), make_request(), api_key=None)

    assert (response.text, response.model) == ("Hello.", "small-1-2026-10")
    assert (response.tokens_in, response.tokens_out, response.cut_off) == (11, 4, False)


@respx.mock
def test_name_of_the_model_holds_nothing_that_cannot_be_recorded() -> None:
    respx.post(URL).respond(json=completion(model="small\0-1"))

    assert openai.complete(make_target(), make_request(), api_key=None).model == "small-1"


@respx.mock
def test_request_carries_model_messages_schema_and_key() -> None:
    asked = respx.post(URL).respond(json=completion("{}"))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}

    openai.complete(make_target(), make_request(schema=schema), api_key="sk-example")

    request = asked.calls.last.request
    body = orjson.loads(request.content)
    assert request.headers["authorization"] == "Bearer sk-example"
    assert body["model"] == "small-1"
    assert body["messages"] == [{"role": "user", "content": "Say hello."}]
    assert body["max_tokens"] == 20
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema},
    }


@respx.mock
def test_without_key_and_schema_neither_is_sent() -> None:
    asked = respx.post(URL).respond(json=completion())

    openai.complete(make_target(), make_request(), api_key=None)

    request = asked.calls.last.request
    assert "authorization" not in request.headers
    assert "response_format" not in orjson.loads(request.content)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, FailureKind.BAD_REQUEST, False),  # the request itself is wrong: nobody else takes it
        (401, FailureKind.AUTH, False),
        (403, FailureKind.AUTH, False),
        (404, FailureKind.BAD_REQUEST, False),  # no such model
        (408, FailureKind.TIMEOUT, True),
        (409, FailureKind.SERVER, True),
        (422, FailureKind.BAD_REQUEST, False),
        (429, FailureKind.RATE_LIMITED, True),
        (500, FailureKind.SERVER, True),
        (503, FailureKind.SERVER, True),
        (302, FailureKind.BAD_REQUEST, False),  # redirects are not followed
    ],
)
@respx.mock
def test_status_becomes_a_kind(status: int, kind: FailureKind, *, retryable: bool) -> None:
    error = {"error": {"message": SECRET_TEXT, "code": "some_code", "type": "x"}}
    respx.post(URL).respond(status, json=error, headers={"location": "https://else.example/"})

    with pytest.raises(ProviderError) as raised:
        openai.complete(make_target(), make_request(), api_key=None)

    assert raised.value.kind is kind
    assert raised.value.retryable is retryable
    assert "some_code" in raised.value.sentence
    assert SECRET_TEXT not in raised.value.sentence


@respx.mock
def test_retry_after_in_seconds_and_as_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    respx.post(URL).mock(
        side_effect=[
            httpx.Response(429, headers={"retry-after": "17"}),
            httpx.Response(429, headers={"retry-after": at}),
            httpx.Response(429, headers={"retry-after": "soon"}),
            httpx.Response(429),
        ]
    )

    told = []
    for _ in range(4):
        with pytest.raises(ProviderError) as raised:
            openai.complete(make_target(), make_request(), api_key=None)
        told.append(raised.value.retry_after_seconds)

    assert told[0] == 17
    assert told[1] == pytest.approx(40, abs=3)
    assert told[2:] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "chatcmpl-1", "choices": [{"message": {"content": "Hel',  # cut off
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": "x"}}]}',  # no usage: nothing to bill by
        b'{"choices": [{"message": null}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}',
        b'{"choices": [{"message": {"content": 7}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1, "completion_tokens": 1}}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1e30, "completion_tokens": 1}}',
    ],
)
@respx.mock
def test_answer_that_breaks_the_promise_is_malformed(body: bytes) -> None:
    respx.post(URL).respond(200, content=body)

    with pytest.raises(ProviderError) as raised:
        openai.complete(make_target(), make_request(), api_key=None)

    assert raised.value.kind is FailureKind.MALFORMED
    assert not raised.value.retryable  # tokens may have been made and billed


@pytest.mark.parametrize(
    "answer",
    [
        completion(None, message={"refusal": "I cannot help with that."}),
        completion("", finish="content_filter"),
    ],
)
@respx.mock
def test_refusal_is_a_kind_of_its_own(answer: dict[str, Any]) -> None:
    respx.post(URL).respond(json=answer)

    with pytest.raises(ProviderError) as raised:
        openai.complete(make_target(), make_request(), api_key=None)

    assert raised.value.kind is FailureKind.REFUSED
    assert not raised.value.retryable


@respx.mock
def test_answer_that_ran_into_max_tokens_says_so() -> None:
    respx.post(URL).respond(json=completion("Hel", finish="length"))

    assert openai.complete(make_target(), make_request(), api_key=None).cut_off


@respx.mock
def test_more_than_ten_megabytes_are_not_read() -> None:
    respx.post(URL).respond(200, content=b"x" * (clients.ANSWER_LIMIT_BYTES + 1))

    with pytest.raises(ProviderError, match="more than 10,000,000 bytes"):
        openai.complete(make_target(), make_request(), api_key=None)


def test_server_that_is_down_is_a_connection_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    with pytest.raises(ProviderError, match="cannot be reached") as raised:
        openai.complete(make_target(base_url=address), make_request(), api_key=None)

    assert raised.value.kind is FailureKind.CONNECTION
    assert raised.value.retryable


def test_server_that_drips_is_a_timeout() -> None:
    """Bytes that keep coming one by one must not keep a node longer than it was given."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        target = make_target(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")

        began = time.monotonic()
        with pytest.raises(ProviderError, match=r"within 0\.5 seconds") as raised:
            openai.complete(target, make_request(timeout_seconds=0.5), api_key=None)

    assert raised.value.kind is FailureKind.TIMEOUT
    assert time.monotonic() - began < 3


def test_one_client_per_deployment() -> None:
    one, other = make_target(), make_target()

    assert clients._client_for(one) is clients._client_for(one)
    assert clients._client_for(one) is not clients._client_for(other)


def _drip(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.1)
        except OSError:
            return
