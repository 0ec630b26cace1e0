"""Each wire format as its public documentation describes it: what a server answers, whole and as a stream."""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.workflows.providers.wire_server import Reply, Seen, as_events, as_json
from workflows.providers.contract import OfferedTool

SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["question", "complaint"]}},
    "required": ["kind"],
    "additionalProperties": False,
}
WEATHER = OfferedTool(
    name="weather",
    description="The weather of a city.",
    schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@dataclass(frozen=True)
class Format:
    """`facts` make a target of this kind. The functions answer with this text or tool, after 11 tokens with 4."""

    kind: str
    path: str
    stream_path: str
    facts: dict[str, Any]
    text: Callable[[str], Reply]
    stream: Callable[[list[str]], Reply]
    tool: Callable[[], Reply]
    tool_stream: Callable[[], Reply]
    answer_in_shape: Callable[[], Reply]
    refusal: Callable[[], Reply]
    refusal_stream: Callable[[], Reply]
    cut_off: Callable[[], Reply]
    error: Callable[[int], Reply]
    error_in_stream: Callable[[], Reply]
    schema_of: Callable[[Any], Any]
    tool_of: Callable[[Any], Any]


# -- OpenAI and Azure OpenAI: chat completions ---------------------------------------------------------------------


def _completion(message: dict[str, Any], finish: str = "stop") -> Reply:
    return as_json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "resolved-1",
            "choices": [
                {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15},
        }
    )


def _openai_chunks(deltas: list[dict[str, Any]], finish: str = "stop") -> list[dict[str, Any]]:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "resolved-1"}
    ends = [None] * len(deltas) + [finish]
    chunks = [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in zip([*deltas, {}], ends, strict=True)
    ]
    usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    return [*chunks, {**frame, "choices": [], "usage": usage}]


def _openai_stream(deltas: list[dict[str, Any]], finish: str = "stop") -> Reply:
    start = {"role": "assistant", "content": ""}
    return as_events(*_openai_chunks([start, *deltas], finish), done=True)


def _openai_call(arguments: str) -> dict[str, Any]:
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": arguments},
    }


def _openai(kind: str, path: str, facts: dict[str, Any]) -> Format:
    return Format(
        kind=kind,
        path=path,
        stream_path=path,
        facts=facts,
        text=lambda text: _completion({"content": text}),
        stream=lambda parts: _openai_stream([{"content": part} for part in parts]),
        tool=lambda: _completion(
            {"content": None, "tool_calls": [_openai_call('{"city": "Hamburg"}')]}, "tool_calls"
        ),
        tool_stream=lambda: _openai_stream(
            [
                {"tool_calls": [{"index": 0, **_openai_call("")}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
                {"tool_calls": [{"index": 0, "function": {"arguments": '"Hamburg"}'}}]},
            ],
            "tool_calls",
        ),
        answer_in_shape=lambda: _completion({"content": '{"kind":"complaint"}'}),
        refusal=lambda: _completion({"content": None, "refusal": "I cannot help with that."}),
        refusal_stream=lambda: _openai_stream([{"content": "Well"}], "content_filter"),
        cut_off=lambda: _completion({"content": "Hel"}, "length"),
        error=lambda status: as_json(
            {"error": {"message": "secret words", "type": "x", "code": "some_code"}}, status
        ),
        error_in_stream=lambda: as_events(
            *_openai_chunks([{"content": "Hel"}])[:1],
            {"error": {"message": "secret words", "type": "server_error", "code": None}},
        ),
        schema_of=lambda body: body["response_format"]["json_schema"]["schema"],
        tool_of=lambda body: body["tools"][0]["function"]["parameters"],
    )


# -- Anthropic: messages -------------------------------------------------------------------------------------------


def _message(content: list[dict[str, Any]], stop: str = "end_turn") -> Reply:
    return as_json(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "resolved-1",
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "output_tokens": 4},
        }
    )


def _message_events(
    block: dict[str, Any], deltas: list[dict[str, Any]], stop: str = "end_turn"
) -> list[dict[str, Any]]:
    usage = {"input_tokens": 11, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    message |= {"model": "resolved-1", "stop_reason": None, "usage": usage}
    return [
        {"type": "message_start", "message": message},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]


TEXT_BLOCK = {"type": "text", "text": ""}
TOOL_BLOCK = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}


def _text_deltas(*parts: str) -> list[dict[str, Any]]:
    return [{"type": "text_delta", "text": part} for part in parts]


ANTHROPIC = Format(
    kind="anthropic",
    path="/v1/messages",
    stream_path="/v1/messages",
    facts={},
    text=lambda text: _message([{"type": "text", "text": text}]),
    stream=lambda parts: as_events(*_message_events(TEXT_BLOCK, _text_deltas(*parts)), named=True),
    tool=lambda: _message([{**TOOL_BLOCK, "input": {"city": "Hamburg"}}], "tool_use"),
    tool_stream=lambda: as_events(
        *_message_events(
            TOOL_BLOCK,
            [
                {"type": "input_json_delta", "partial_json": '{"city": '},
                {"type": "input_json_delta", "partial_json": '"Hamburg"}'},
            ],
            "tool_use",
        ),
        named=True,
    ),
    answer_in_shape=lambda: _message(
        [{**TOOL_BLOCK, "name": "answer", "input": {"kind": "complaint"}}], "tool_use"
    ),
    refusal=lambda: _message([], "refusal"),
    refusal_stream=lambda: as_events(
        *_message_events(TEXT_BLOCK, _text_deltas("Well"), "refusal"), named=True
    ),
    cut_off=lambda: _message([{"type": "text", "text": "Hel"}], "max_tokens"),
    error=lambda status: as_json(
        {"type": "error", "error": {"type": "some_code", "message": "secret words"}}, status
    ),
    error_in_stream=lambda: as_events(
        *_message_events(TEXT_BLOCK, _text_deltas("Hel"))[:4],
        {"type": "error", "error": {"type": "overloaded_error", "message": "secret words"}},
        named=True,
    ),
    schema_of=lambda body: body["tools"][0]["input_schema"],
    tool_of=lambda body: body["tools"][0]["input_schema"],
)


# -- Google: generateContent ---------------------------------------------------------------------------------------


def _candidate(parts: list[dict[str, Any]], finish: str | None = "STOP") -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage = {
        "promptTokenCount": 11,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 1,
        "totalTokenCount": 15,
    }
    names = {"modelVersion": "resolved-1", "responseId": "r-1"}
    return {"candidates": [candidate], "usageMetadata": usage, **names}


GOOGLE_CALL = {"functionCall": {"name": "weather", "args": {"city": "Hamburg"}}}
BLOCKED = {
    "promptFeedback": {"blockReason": "SAFETY"},
    "usageMetadata": {"promptTokenCount": 11, "totalTokenCount": 11},
    "modelVersion": "resolved-1",
}


def _google(kind: str, place: str, facts: dict[str, Any]) -> Format:
    return Format(
        kind=kind,
        path=f"{place}/small-1:generateContent",
        stream_path=f"{place}/small-1:streamGenerateContent?alt=sse",
        facts=facts,
        text=lambda text: as_json(
            _candidate([{"text": "thinking", "thought": True}, {"text": text}])
        ),
        stream=lambda parts: as_events(
            *(_candidate([{"text": part}], None) for part in parts), _candidate([])
        ),
        tool=lambda: as_json(_candidate([GOOGLE_CALL])),
        tool_stream=lambda: as_events(_candidate([GOOGLE_CALL], None), _candidate([])),
        answer_in_shape=lambda: as_json(_candidate([{"text": '{"kind":"complaint"}'}])),
        refusal=lambda: as_json(BLOCKED),
        refusal_stream=lambda: as_events(
            _candidate([{"text": "Well"}], None), _candidate([], "SAFETY")
        ),
        cut_off=lambda: as_json(_candidate([{"text": "Hel"}], "MAX_TOKENS")),
        error=lambda status: as_json(
            {"error": {"code": status, "message": "secret words", "status": "some_code"}}, status
        ),
        error_in_stream=lambda: as_events(
            _candidate([{"text": "Hel"}], None),
            {"error": {"code": 503, "message": "secret words", "status": "UNAVAILABLE"}},
        ),
        schema_of=lambda body: body["generationConfig"]["responseJsonSchema"],
        tool_of=lambda body: body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"],
    )


# -- Bedrock: converse ---------------------------------------------------------------------------------------------


def _converse(content: list[dict[str, Any]], stop: str = "end_turn") -> Reply:
    return as_json(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": stop,
            "usage": {"inputTokens": 11, "outputTokens": 4, "totalTokens": 15},
            "metrics": {"latencyMs": 20},
        },
        x_amzn_RequestId="r-1",
    )


def frame(payload: Any, **headers: str) -> bytes:
    """One frame of an event stream, made apart from the code that reads it."""
    told = b""
    for name, value in {"content_type": "application/json", **headers}.items():
        word = f":{name.replace('_', '-')}".encode()
        told += bytes([len(word)]) + word + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    content = json.dumps(payload).encode()
    start = struct.pack(">II", 12 + len(told) + len(content) + 4, len(told))
    body = start + struct.pack(">I", zlib.crc32(start)) + told + content
    return body + struct.pack(">I", zlib.crc32(body))


def event(name: str, payload: Any) -> bytes:
    return frame(payload, event_type=name, message_type="event")


def _frames(
    deltas: list[dict[str, Any]], start: dict[str, Any] | None = None, stop: str = "end_turn"
) -> list[bytes]:
    opening = (
        [event("contentBlockStart", {"start": start, "contentBlockIndex": 0})] if start else []
    )
    return [
        event("messageStart", {"role": "assistant"}),
        *opening,
        *(event("contentBlockDelta", {"delta": each, "contentBlockIndex": 0}) for each in deltas),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": stop}),
        event(
            "metadata",
            {
                "usage": {"inputTokens": 11, "outputTokens": 4, "totalTokens": 15},
                "metrics": {"latencyMs": 20},
            },
        ),
    ]


def as_frames(frames: list[bytes], **how: Any) -> Reply:
    """Split in the middle of frames, as networks do."""
    whole = b"".join(frames)
    parts = [whole[at : at + 37] for at in range(0, len(whole), 37)]
    headers = {"Content-Type": "application/vnd.amazon.eventstream", "x-amzn-RequestId": "r-1"}
    return Reply(200, headers, parts, **how)


BEDROCK = Format(
    kind="bedrock",
    path="/model/small-1/converse",
    stream_path="/model/small-1/converse-stream",
    facts={"settings": {"region": "eu-central-1"}},
    text=lambda text: _converse([{"text": text}]),
    stream=lambda parts: as_frames(_frames([{"text": part} for part in parts])),
    tool=lambda: _converse(
        [{"toolUse": {"toolUseId": "t-1", "name": "weather", "input": {"city": "Hamburg"}}}],
        "tool_use",
    ),
    tool_stream=lambda: as_frames(
        _frames(
            [{"toolUse": {"input": '{"city": '}}, {"toolUse": {"input": '"Hamburg"}'}}],
            {"toolUse": {"toolUseId": "t-1", "name": "weather"}},
            "tool_use",
        )
    ),
    answer_in_shape=lambda: _converse(
        [{"toolUse": {"toolUseId": "t-1", "name": "answer", "input": {"kind": "complaint"}}}],
        "tool_use",
    ),
    refusal=lambda: _converse([{"text": "No."}], "guardrail_intervened"),
    refusal_stream=lambda: as_frames(_frames([{"text": "Well"}], stop="content_filtered")),
    cut_off=lambda: _converse([{"text": "Hel"}], "max_tokens"),
    error=lambda status: as_json(
        {"message": "secret words"},
        status,
        x_amzn_ErrorType="some_code:http://internal.amazon.com/coral/",
    ),
    error_in_stream=lambda: as_frames(
        [
            *_frames([{"text": "Hel"}])[:2],
            frame(
                {"message": "secret words"},
                exception_type="internalServerException",
                message_type="exception",
            ),
        ]
    ),
    schema_of=lambda body: body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
    tool_of=lambda body: body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
)

FORMATS = [
    _openai("openai", "/chat/completions", {}),
    _openai(
        "azure_openai",
        "/openai/deployments/small-1/chat/completions?api-version=2024-10-21",
        {"settings": {"api_version": "2024-10-21"}},
    ),
    ANTHROPIC,
    _google("gemini", "/v1beta/models", {}),
    _google(
        "vertex",
        "/v1/projects/bank-1/locations/europe-west4/publishers/google/models",
        {"settings": {"project": "bank-1", "location": "europe-west4"}},
    ),
    BEDROCK,
]


def only(reply: Callable[[], Reply]) -> Callable[[Seen], Reply]:
    """A script that always answers the same."""
    return lambda _seen: reply()
