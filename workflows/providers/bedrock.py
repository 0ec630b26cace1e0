"""Amazon Bedrock. Sources: Bedrock API reference, "Converse" and "ConverseStream"."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from workflows.providers import event_frames, failures
from workflows.providers.contract import ModelRequest, Target
from workflows.providers.gathering import ANSWER, Gathering
from workflows.providers.letter import Letter, streams, talk, temperature_of, told_by_system

REFUSALS = {"content_filtered", "guardrail_intervened"}
CUT_OFF = {"max_tokens", "model_context_window_exceeded"}


def write(target: Target, request: ModelRequest) -> Letter:
    """A schema goes out as a tool that must be called."""
    body: dict[str, Any] = {
        "messages": [
            {"role": message["role"], "content": [{"text": message["content"]}]}
            for message in talk(request)
        ],
        "inferenceConfig": {"maxTokens": request.max_tokens, **temperature_of(target, request)},
    }
    if system := told_by_system(request):
        body["system"] = [{"text": system}]
    tools = [_tool(tool.name, tool.schema, tool.description) for tool in request.tools]
    if request.schema is not None:
        tools.append(_tool(ANSWER, request.schema, "The answer, in the shape that is asked for."))
    if tools:
        body["toolConfig"] = {"tools": tools}
    if request.schema is not None:
        only = {"tool": {"name": ANSWER}}
        body["toolConfig"]["toolChoice"] = {"any": {}} if request.tools else only
    verb = "converse-stream" if streams(target) else "converse"
    return Letter(path=f"/model/{quote(target.model, safe='')}/{verb}", body=body)


def read(body: bytes, gathering: Gathering) -> None:
    """An answer in one piece."""
    answer = orjson.loads(body)
    _note_usage(answer["usage"], gathering)
    content = answer["output"]["message"]["content"]
    if not content:
        gathering.add_text("")
    for index, block in enumerate(content):
        if "text" in block:
            gathering.add_text(block["text"])
        elif "toolUse" in block:
            use = block["toolUse"]
            gathering.open_tool(index, id=use["toolUseId"], name=use["name"])
            gathering.add_arguments(index, orjson.dumps(use["input"]).decode())
    _note_end(answer["stopReason"], gathering)


def listen(chunks: Iterable[bytes], gathering: Gathering) -> None:
    """An answer frame by frame. What cannot be told by a status any more comes as an exception of its own kind."""
    for frame in event_frames.frames(chunks):
        if frame.headers.get(":message-type") != "event":
            told = frame.headers.get(":exception-type") or frame.headers.get(":error-code")
            raise gathering.failure(failures.word(told))
        event = orjson.loads(frame.payload)
        match frame.headers.get(":event-type"):
            case "messageStart":
                gathering.add_text("")
            case "contentBlockStart" if "toolUse" in event["start"]:
                use = event["start"]["toolUse"]
                gathering.open_tool(
                    event["contentBlockIndex"], id=use["toolUseId"], name=use["name"]
                )
            case "contentBlockDelta":
                _add_delta(event["contentBlockIndex"], event["delta"], gathering)
            case "messageStop":
                _note_end(event["stopReason"], gathering)
            case "metadata":
                _note_usage(event["usage"], gathering)


def code_of(headers: Mapping[str, str], body: bytes) -> str:
    """The exception's name, without the address that may follow it."""
    told = headers.get("x-amzn-errortype", "").partition(":")[0]
    if not told:
        try:
            told = str(orjson.loads(body)["__type"]).rpartition("#")[2]
        except (ValueError, KeyError, TypeError):
            return ""
    return failures.word(told)


def _tool(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    # Bedrock refuses an empty description.
    told = {"description": description} if description else {}
    return {"toolSpec": {"name": name, **told, "inputSchema": {"json": dict(schema)}}}


def _add_delta(index: int, delta: Mapping[str, Any], gathering: Gathering) -> None:
    if "text" in delta:
        gathering.add_text(delta["text"])
    elif "toolUse" in delta:
        gathering.add_arguments(index, delta["toolUse"]["input"])


def _note_usage(usage: Mapping[str, Any], gathering: Gathering) -> None:
    read_from_cache = ("cacheReadInputTokens", "cacheWriteInputTokens")
    cached = sum(int(usage.get(name) or 0) for name in read_from_cache)
    gathering.tokens_in = int(usage["inputTokens"]) + cached
    gathering.tokens_out = usage["outputTokens"]


def _note_end(reason: str, gathering: Gathering) -> None:
    gathering.ended = True
    gathering.cut_off = reason in CUT_OFF
    gathering.refused = reason in REFUSALS
