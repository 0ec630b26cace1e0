"""Gemini and Vertex AI. Sources: Gemini API reference, "Generating content"; Vertex AI reference, "Generate content
with the Gemini API" (generateContent, streamGenerateContent).
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from workflows.providers import failures, sse
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.gathering import Gathering
from workflows.providers.letter import Letter, streams, talk, temperature_of, told_by_system

# Reasons to stop that mean: the model, or a filter before or behind it, does not want to.
REFUSALS = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"}


def write(target: Target, request: ModelRequest) -> Letter:
    model = quote(target.model.removeprefix("models/"), safe="")
    return Letter(path=f"/v1beta/models/{model}:{_verb(target)}", body=_body(target, request))


def write_vertex(target: Target, request: ModelRequest) -> Letter:
    project = quote(str(target.settings.get("project", "")), safe="")
    location = quote(str(target.settings.get("location", "")), safe="")
    place = f"/v1/projects/{project}/locations/{location}/publishers/google/models/"
    path = f"{place}{quote(target.model, safe='')}:{_verb(target)}"
    return Letter(path=path, body=_body(target, request))


def read(body: bytes, gathering: Gathering) -> None:
    """An answer in one piece."""
    answer = orjson.loads(body)
    _add(answer, gathering)
    if not gathering.refused:
        answer["candidates"][0]
    gathering.ended = True


def listen(chunks: Iterable[bytes], gathering: Gathering) -> None:
    """An answer piece by piece: each is of the form of a whole one."""
    for _name, data in sse.events(chunks):
        piece = orjson.loads(data)
        if "error" in piece:
            raise gathering.failure(failures.word(piece["error"].get("status")))
        _add(piece, gathering)


def code_of(_headers: Mapping[str, str], body: bytes) -> str:
    try:
        answer = orjson.loads(body)
        first = answer[0] if isinstance(answer, list) else answer
        return failures.word(first["error"]["status"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _verb(target: Target) -> str:
    return "streamGenerateContent?alt=sse" if streams(target) else "generateContent"


def _body(target: Target, request: ModelRequest) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "maxOutputTokens": request.max_tokens,
        **temperature_of(target, request),
    }
    if request.schema is not None:
        settings["responseMimeType"] = "application/json"
        settings["responseJsonSchema"] = dict(request.schema)
    body: dict[str, Any] = {
        "contents": [
            {
                "role": "model" if message["role"] == "assistant" else "user",
                "parts": [{"text": message["content"]}],
            }
            for message in talk(request)
        ],
        "generationConfig": settings,
    }
    if system := told_by_system(request):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        declared = [
            {
                "name": tool.name,
                "description": tool.description,
                "parametersJsonSchema": dict(tool.schema),
            }
            for tool in request.tools
        ]
        body["tools"] = [{"functionDeclarations": declared}]
    return body


def _add(piece: Mapping[str, Any], gathering: Gathering) -> None:
    gathering.model = str(piece.get("modelVersion") or gathering.model)
    gathering.request_id = str(piece.get("responseId") or gathering.request_id)
    if usage := piece.get("usageMetadata"):
        gathering.tokens_in = usage["promptTokenCount"]
        gathering.tokens_out = sum(
            int(usage.get(name) or 0) for name in ("candidatesTokenCount", "thoughtsTokenCount")
        )
    if (piece.get("promptFeedback") or {}).get("blockReason"):
        gathering.refused = True
    for candidate in (piece.get("candidates") or ())[:1]:
        for part in (candidate.get("content") or {}).get("parts") or ():
            _add_part(part, gathering)
        if reason := candidate.get("finishReason"):
            gathering.add_text("")
            gathering.ended = True
            gathering.cut_off = reason == "MAX_TOKENS"
            gathering.refused = gathering.refused or reason in REFUSALS


def _add_part(part: Mapping[str, Any], gathering: Gathering) -> None:
    """Text or a call. What the model thought on the way is paid for, and not part of the answer."""
    if call := part.get("functionCall"):
        index = gathering.next_tool()
        gathering.open_tool(index, id=call.get("id"), name=call["name"])
        gathering.add_arguments(index, orjson.dumps(call.get("args") or {}).decode())
    elif "text" in part and not part.get("thought"):
        gathering.add_text(part["text"])
