"""OpenAI-compatible servers and Azure OpenAI. Sources: OpenAI API reference, "Chat Completions" and its streaming
events; Azure OpenAI reference, "Chat completions".
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from workflows.providers import failures, sse
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.gathering import Gathering
from workflows.providers.letter import Letter, streams, temperature_of


def write(target: Target, request: ModelRequest) -> Letter:
    body = {"model": target.model, **_body(target, request)}
    return Letter(path="/chat/completions", body=body)


def write_azure(target: Target, request: ModelRequest) -> Letter:
    """The model is the name of Azure's deployment, in the path."""
    version = quote(str(target.settings.get("api_version", "")), safe="")
    path = f"/openai/deployments/{quote(target.model, safe='')}/chat/completions"
    return Letter(path=f"{path}?api-version={version}", body=_body(target, request))


def read(body: bytes, gathering: Gathering) -> None:
    """An answer in one piece."""
    answer = orjson.loads(body)
    choice = answer["choices"][0]
    message = choice["message"]
    _note_usage(answer["usage"], gathering)
    _note_names(answer, gathering)
    gathering.refused = bool(message.get("refusal"))
    if message.get("content") is not None:
        gathering.add_text(message["content"])
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        gathering.open_tool(index, id=call.get("id"), name=function["name"])
        gathering.add_arguments(index, function["arguments"])
    _note_end(choice.get("finish_reason") or "stop", gathering)


def listen(chunks: Iterable[bytes], gathering: Gathering) -> None:
    """An answer piece by piece. The last one before [DONE] has the usage and no choice."""
    opened: set[int] = set()
    for _name, data in sse.events(chunks):
        if data == b"[DONE]":
            return
        piece = orjson.loads(data)
        if "error" in piece:
            raise gathering.failure(_code(piece))
        _note_names(piece, gathering)
        if piece.get("usage"):
            _note_usage(piece["usage"], gathering)
        for choice in piece.get("choices") or ():
            _add_delta(choice.get("delta") or {}, gathering, opened)
            if choice.get("finish_reason"):
                _note_end(choice["finish_reason"], gathering)


def code_of(_headers: Mapping[str, str], body: bytes) -> str:
    try:
        return _code(orjson.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _body(target: Target, request: ModelRequest) -> dict[str, Any]:
    limit = str(target.settings.get("token_limit", "max_tokens"))
    body: dict[str, Any] = {
        "messages": [dict(message) for message in request.messages],
        limit: request.max_tokens,
        **temperature_of(target, request),
        "stream": streams(target),
    }
    if streams(target):
        body["stream_options"] = {"include_usage": True}
    if request.schema is not None:
        shape: dict[str, Any] = {"name": "answer", "schema": dict(request.schema)}
        if target.settings.get("strict_schema"):
            shape["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": dict(tool.schema),
                },
            }
            for tool in request.tools
        ]
    return body


def _add_delta(delta: Mapping[str, Any], gathering: Gathering, opened: set[int]) -> None:
    if delta.get("refusal"):
        gathering.refused = True
    if delta.get("content") is not None:
        gathering.add_text(delta["content"])
    for call in delta.get("tool_calls") or ():
        index, function = int(call["index"]), call.get("function") or {}
        if index not in opened:
            opened.add(index)
            gathering.open_tool(index, id=call.get("id"), name=function["name"])
        if function.get("arguments"):
            gathering.add_arguments(index, function["arguments"])


def _note_names(answer: Mapping[str, Any], gathering: Gathering) -> None:
    gathering.model = gathering.model or str(answer.get("model") or "")
    gathering.request_id = gathering.request_id or str(answer.get("id") or "")


def _note_usage(usage: Mapping[str, Any], gathering: Gathering) -> None:
    gathering.tokens_in = usage["prompt_tokens"]
    gathering.tokens_out = usage["completion_tokens"]


def _note_end(reason: str, gathering: Gathering) -> None:
    gathering.ended = True
    gathering.cut_off = reason == "length"
    gathering.refused = gathering.refused or reason == "content_filter"


def _code(answer: Mapping[str, Any]) -> str:
    error = answer["error"]
    return failures.word(error.get("code")) or failures.word(error.get("type"))
