"""Every adapter keeps the same promises over its own wire format, against a server with real sockets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.workflows.providers.formats import (
    ANTHROPIC,
    BEDROCK,
    FORMATS,
    SCHEMA,
    WEATHER,
    Format,
    as_frames,
    event,
    only,
)
from tests.workflows.providers.targets import make_request, make_target
from tests.workflows.providers.wire_server import Reply, Seen, WireServer
from workflows.providers import adapters, clients
from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError, ProviderKindUnknown

TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Say hello."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Again."},
)
Serve = Callable[..., tuple[WireServer, Target]]


@pytest.fixture(params=FORMATS, ids=lambda each: each.kind)
def spoken(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers in a format, and a target that leads to it."""
    open_servers: list[WireServer] = []

    def start(
        spoken: Format, script: Callable[[Seen], Reply], *, streaming: bool = True, **facts: Any
    ) -> tuple[WireServer, Target]:
        server = WireServer(script).__enter__()
        open_servers.append(server)
        settings = {**spoken.facts.get("settings", {}), **facts.pop("settings", {})}
        settings["streaming"] = streaming
        target = make_target(kind=spoken.kind, base_url=server.base_url, settings=settings, **facts)
        return server, target

    yield start
    for server in open_servers:
        server.__exit__()
    clients.close_all()


def test_answer_in_one_piece(spoken: Format, serve: Serve) -> None:
    server, target = serve(spoken, only(lambda: spoken.text("Hello.")), streaming=False)

    response = adapters.call(target, make_request(messages=TALK))

    assert server.last.path == spoken.path
    assert (response.text, response.tokens_in, response.tokens_out) == ("Hello.", 11, 4)
    assert response.model == ("small-1" if spoken.kind == "bedrock" else "resolved-1")
    assert response.request_id
    assert response.first_token_seconds is None
    assert not response.cut_off


def test_answer_piece_by_piece(spoken: Format, serve: Serve) -> None:
    parts = ["Grüße", " aus", " Hamburg."]
    slow = replace(spoken.stream(parts), pause=0.02)
    server, target = serve(spoken, only(lambda: slow))

    response = adapters.call(target, make_request(messages=TALK))

    assert server.last.path == spoken.stream_path
    assert (response.text, response.tokens_in, response.tokens_out) == ("".join(parts), 11, 4)
    assert response.model == ("small-1" if spoken.kind == "bedrock" else "resolved-1")
    assert response.first_token_seconds is not None
    assert 0.02 <= response.first_token_seconds < 2


def test_server_that_cannot_stream_is_read_all_the_same(spoken: Format, serve: Serve) -> None:
    _server, target = serve(spoken, only(lambda: spoken.text("Hello.")))

    assert adapters.call(target, make_request()).text == "Hello."


def test_schema_goes_out_and_comes_back_as_text(spoken: Format, serve: Serve) -> None:
    server, target = serve(spoken, only(spoken.answer_in_shape), streaming=False)

    response = adapters.call(target, make_request(schema=SCHEMA))

    assert spoken.schema_of(server.last.body) == SCHEMA
    assert response.text == '{"kind":"complaint"}'
    assert response.tool_calls == ()


@pytest.mark.parametrize("streaming", [False, True])
def test_tool_is_offered_and_asked_for(spoken: Format, serve: Serve, streaming: bool) -> None:
    reply = spoken.tool_stream if streaming else spoken.tool
    server, target = serve(spoken, only(reply), streaming=streaming)

    response = adapters.call(target, make_request(tools=(WEATHER,)))

    (asked,) = response.tool_calls
    assert spoken.tool_of(server.last.body) == WEATHER.schema
    assert (asked.name, asked.arguments) == ("weather", {"city": "Hamburg"})
    assert (response.tokens_in, response.tokens_out) == (11, 4)


def test_system_and_talk_go_where_the_format_wants_them(spoken: Format, serve: Serve) -> None:
    server, target = serve(spoken, only(lambda: spoken.text("Hi")), streaming=False)

    adapters.call(target, make_request(messages=TALK))

    body = server.last.body
    system = body.get("system") or body.get("systemInstruction") or body["messages"][0]
    talk = body.get("contents") or [each for each in body["messages"] if each["role"] != "system"]
    assert "Be brief." in str(system)
    assert [each["role"] for each in talk] in (
        ["user", "assistant", "user"],
        ["user", "model", "user"],
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_refusal_is_a_kind_of_its_own(spoken: Format, serve: Serve, streaming: bool) -> None:
    reply = spoken.refusal_stream if streaming else spoken.refusal
    _server, target = serve(spoken, only(reply), streaming=streaming)

    with pytest.raises(ProviderError, match="refused to answer") as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.REFUSED
    assert not raised.value.retryable


def test_answer_that_ran_into_max_tokens_says_so(spoken: Format, serve: Serve) -> None:
    _server, target = serve(spoken, only(spoken.cut_off), streaming=False)

    assert adapters.call(target, make_request()).cut_off


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, FailureKind.BAD_REQUEST, False),  # the request itself is wrong: nobody else takes it
        (401, FailureKind.AUTH, False),
        (403, FailureKind.AUTH, False),
        (404, FailureKind.BAD_REQUEST, False),  # no such model
        (408, FailureKind.TIMEOUT, True),
        (409, FailureKind.SERVER, True),
        (429, FailureKind.RATE_LIMITED, True),
        (500, FailureKind.SERVER, True),
        (529, FailureKind.SERVER, True),  # Anthropic: overloaded
    ],
)
def test_status_becomes_a_kind(
    spoken: Format, serve: Serve, status: int, kind: FailureKind, retryable: bool
) -> None:
    reply = spoken.error(status)
    _server, target = serve(
        spoken, only(lambda: replace(reply, headers={**reply.headers, "Retry-After": "17"}))
    )

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is kind
    assert raised.value.retryable is retryable
    assert raised.value.retry_after_seconds == 17
    assert "some_code" in raised.value.sentence
    assert "secret words" not in raised.value.sentence


def test_model_that_does_not_exist_is_named(spoken: Format, serve: Serve) -> None:
    _server, target = serve(spoken, only(lambda: spoken.error(404)))

    with pytest.raises(ProviderError, match="does not know the model “small-1”"):
        adapters.call(target, make_request())


def test_error_in_the_middle_of_a_stream_is_never_failed_over(spoken: Format, serve: Serve) -> None:
    _server, target = serve(spoken, only(spoken.error_in_stream))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.SERVER
    assert raised.value.began
    assert "secret words" not in raised.value.sentence


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_stream_that_is_cut_off_is_malformed(spoken: Format, serve: Serve, share: float) -> None:
    whole = b"".join(spoken.stream(["Hello", " you."]).parts)
    reply = replace(spoken.stream([""]), parts=[whole[: int(len(whole) * share)]])
    _server, target = serve(spoken, only(lambda: reply))

    with pytest.raises(ProviderError, match="cut off") as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.MALFORMED
    assert not raised.value.retryable


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"<html>Bad gateway</html>", b'{"choices": [{"message": {"content": "H'],
)
def test_answer_that_is_not_the_format_is_malformed(
    spoken: Format, serve: Serve, body: bytes
) -> None:
    _server, target = serve(spoken, only(lambda: Reply(200, {}, [body] if body else [])))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.MALFORMED


def test_hang_after_the_first_token_is_a_timeout_that_nobody_else_takes(
    spoken: Format, serve: Serve
) -> None:
    whole = spoken.stream(["Hello", " you."])
    parts = [*whole.parts][: -2 if spoken.kind != "bedrock" else -14]
    _server, target = serve(spoken, only(lambda: replace(whole, parts=parts, hang=10)))

    with pytest.raises(ProviderError, match=r"within 0\.5 seconds") as raised:
        adapters.call(target, make_request(timeout_seconds=0.5))

    assert raised.value.kind is FailureKind.TIMEOUT
    assert raised.value.began
    assert not raised.value.retryable


def test_hang_after_the_first_byte_of_one_piece(spoken: Format, serve: Serve) -> None:
    headers = {"Content-Type": "application/json"}
    _server, target = serve(spoken, only(lambda: Reply(200, headers, [b"{"], hang=10)))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request(timeout_seconds=0.5))

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.TIMEOUT, False)


def test_hang_before_the_first_token_leaves_the_way_to_the_next(
    spoken: Format, serve: Serve
) -> None:
    headers = {"Content-Type": "text/event-stream"}
    _server, target = serve(spoken, only(lambda: Reply(200, headers, [b": wait\n\n"], hang=10)))
    if spoken.kind == "bedrock":
        waiting = as_frames([event("messageStart", {"role": "assistant"})], hang=10)
        _server, target = serve(spoken, only(lambda: waiting))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request(timeout_seconds=0.5))

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.TIMEOUT, True)


def test_ten_megabytes_are_not_read(spoken: Format, serve: Serve) -> None:
    parts = [b" " * 1_000_000] * 11
    _server, target = serve(spoken, only(lambda: Reply(200, {}, parts)))

    with pytest.raises(ProviderError, match="more than 10,000,000 bytes"):
        adapters.call(target, make_request())


# -- what one format has and the others have not --------------------------------------------------------------------


def test_anthropic_takes_a_schema_as_output_config_where_set(serve: Serve) -> None:
    server, target = serve(
        ANTHROPIC,
        only(lambda: ANTHROPIC.text("{}")),
        streaming=False,
        settings={"schema_by": "output_config", "anthropic_version": "2024-01-01"},
    )

    adapters.call(target, make_request(schema=SCHEMA))

    assert server.last.headers["anthropic-version"] == "2024-01-01"
    assert server.last.body["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
    assert "tools" not in server.last.body


@pytest.mark.parametrize("spoken", [ANTHROPIC, BEDROCK], ids=lambda each: each.kind)
def test_tools_beside_a_schema_leave_the_choice(spoken: Format, serve: Serve) -> None:
    server, target = serve(spoken, only(spoken.tool), streaming=False)

    response = adapters.call(target, make_request(schema=SCHEMA, tools=(WEATHER,)))

    assert "any" in str(server.last.body)
    assert response.tool_calls[0].name == "weather"


def test_openai_says_tokens_strictness_and_temperature_as_set(serve: Serve) -> None:
    settings = {
        "token_limit": "max_completion_tokens",
        "strict_schema": True,
        "send_temperature": False,
    }
    server, target = serve(FORMATS[0], only(FORMATS[0].answer_in_shape), settings=settings)

    adapters.call(target, make_request(schema=SCHEMA))

    body = server.last.body
    assert body["max_completion_tokens"] == 20
    assert body["response_format"]["json_schema"]["strict"] is True
    assert not {"max_tokens", "temperature"} & set(body)


def test_azure_says_that_its_filter_refused(serve: Serve) -> None:
    spoken = FORMATS[1]
    reply = replace(
        spoken.error(400), parts=[b'{"error": {"code": "content_filter", "message": "no"}}']
    )
    _server, target = serve(spoken, only(lambda: reply))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.REFUSED


def test_bedrock_frame_that_was_changed_on_the_way_is_not_believed(serve: Serve) -> None:
    whole = bytearray(b"".join(BEDROCK.stream(["Hello"]).parts))
    whole[150] ^= 1
    reply = replace(BEDROCK.stream([""]), parts=[bytes(whole)])
    _server, target = serve(BEDROCK, only(lambda: reply))

    with pytest.raises(ProviderError) as raised:
        adapters.call(target, make_request())

    assert raised.value.kind is FailureKind.MALFORMED


def test_names_of_models_are_encoded_in_paths(serve: Serve) -> None:
    server, target = serve(
        BEDROCK,
        only(lambda: BEDROCK.text("Hi")),
        streaming=False,
        model="anthropic.claude-v1:0/../x",
    )

    adapters.call(target, make_request())

    assert server.last.path == "/model/anthropic.claude-v1%3A0%2F..%2Fx/converse"


@pytest.mark.parametrize("facts", [{"kind": "telepathy"}, {"auth": "handshake"}])
def test_unknown_kinds_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ProviderKindUnknown):
        adapters.call(make_target(**facts), make_request())
