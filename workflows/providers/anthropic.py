"""Anthropic. Sources: Claude API reference, "Create a Message", "Streaming", "Structured outputs", "Errors"."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from workflows.providers import failures, sse
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.gathering import ANSWER, Gathering
from workflows.providers.letter import Letter, streams, talk, temperature_of, told_by_system

VERSION = "2023-06-01"
INPUT_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def write(target: Target, request: ModelRequest) -> Letter:
    """A schema goes out as a tool that must be called, which every model knows; or as `output_config`, where set."""
    body: dict[str, Any] = {
        "model": target.model,
        "messages": [dict(message) for message in talk(request)],
        "max_tokens": request.max_tokens,
        **temperature_of(target, request),
        "stream": streams(target),
    }
    if system := told_by_system(request):
        body["system"] = system
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}
        for tool in request.tools
    ]
    if request.schema is not None:
        if target.settings.get("schema_by") == "output_config":
            shape = {"type": "json_schema", "schema": dict(request.schema)}
            body["output_config"] = {"format": shape}
        else:
            tools.append({"name": ANSWER, "input_schema": dict(request.schema)})
            body["tool_choice"] = {"type": "any"} if request.tools else _only_answer()
    if tools:
        body["tools"] = tools
    version = str(target.settings.get("anthropic_version", VERSION))
    return Letter(path="/v1/messages", body=body, headers={"anthropic-version": version})


def read(body: bytes, gathering: Gathering) -> None:
    """An answer in one piece."""
    answer = orjson.loads(body)
    _note_beginning(answer, gathering)
    gathering.tokens_out = answer["usage"]["output_tokens"]
    for index, block in enumerate(answer["content"]):
        if block["type"] == "text":
            gathering.add_text(block["text"])
        elif block["type"] == "tool_use":
            gathering.open_tool(index, id=block["id"], name=block["name"])
            gathering.add_arguments(index, orjson.dumps(block["input"]).decode())
    if not answer["content"]:
        gathering.add_text("")
    _note_end(answer["stop_reason"], gathering)


def listen(chunks: Iterable[bytes], gathering: Gathering) -> None:
    """An answer piece by piece. Counts of tokens in `message_delta` are those of the whole answer so far."""
    for _name, data in sse.events(chunks):
        event = orjson.loads(data)
        match event["type"]:
            case "message_start":
                _note_beginning(event["message"], gathering)
                gathering.add_text("")
            case "content_block_start" if event["content_block"]["type"] == "tool_use":
                block = event["content_block"]
                gathering.open_tool(event["index"], id=block["id"], name=block["name"])
            case "content_block_delta":
                _add_delta(event["index"], event["delta"], gathering)
            case "message_delta":
                gathering.tokens_out = event["usage"]["output_tokens"]
                _note_end(event["delta"]["stop_reason"], gathering)
            case "error":
                raise gathering.failure(failures.word(event["error"].get("type")))


def code_of(_headers: Mapping[str, str], body: bytes) -> str:
    try:
        return failures.word(orjson.loads(body)["error"]["type"])
    except (ValueError, KeyError, TypeError):
        return ""


def _only_answer() -> dict[str, str]:
    return {"type": "tool", "name": ANSWER}


def _add_delta(index: int, delta: Mapping[str, Any], gathering: Gathering) -> None:
    if delta["type"] == "text_delta":
        gathering.add_text(delta["text"])
    elif delta["type"] == "input_json_delta":
        gathering.add_arguments(index, delta["partial_json"])


def _note_beginning(message: Mapping[str, Any], gathering: Gathering) -> None:
    gathering.model, gathering.request_id = str(message["model"]), str(message["id"])
    usage = message["usage"]
    usage["input_tokens"]  # a message without it is not as promised
    gathering.tokens_in = sum(int(usage.get(name) or 0) for name in INPUT_TOKENS)


def _note_end(reason: str | None, gathering: Gathering) -> None:
    gathering.ended = reason is not None
    gathering.cut_off = reason in ("max_tokens", "model_context_window_exceeded")
    gathering.refused = reason == "refusal"
