"""OpenAI-compatible servers. Source: OpenAI API reference, "Create chat completion" (POST /chat/completions)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from workflows.providers import clients
from workflows.providers.contract import ModelRequest, ModelResponse, Target
from workflows.providers.errors import FailureKind, ProviderError

MOST_TOKENS = 10**9  # of one answer; more is a mistake that nobody should pay for
_WORD = re.compile(
    r"[A-Za-z0-9_.-]{1,64}"
)  # what may be quoted of an error: its code, never its text
_KIND_OF_STATUS = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,
    429: FailureKind.RATE_LIMITED,
}
_SENTENCES = {
    FailureKind.AUTH: "refuses our key. Check the secret that its provider names.",
    FailureKind.TIMEOUT: "gave up waiting for the request.",
    FailureKind.RATE_LIMITED: "takes no more requests at the moment.",
    FailureKind.SERVER: "has a problem of its own.",
    FailureKind.BAD_REQUEST: "does not take the request.",
}


def complete(target: Target, request: ModelRequest, *, api_key: str | None) -> ModelResponse:
    """One answer. Raises ProviderError with one of its kinds."""
    headers = _headers(target, api_key)
    seconds = min(float(request.timeout_seconds), target.deployment_timeout_seconds)
    answer = clients.post_json(
        target,
        "/chat/completions",
        to_body(target.model, request),
        headers=headers,
        seconds=seconds,
    )
    if answer.status != 200:
        raise _failure(target, answer)
    return _read(target, answer.body)


def _headers(target: Target, api_key: str | None) -> dict[str, str]:
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()):
        raise ProviderError(
            FailureKind.AUTH,
            f"The key for “{target.name}” holds characters that no HTTP header can carry. "
            f"Put the secret “{target.secret_name}” again.",
        )
    return {"Authorization": f"Bearer {api_key}"}


def to_body(model: str, request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "stream": False,
    }
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(request.schema)},
        }
    return body


def _read(target: Target, body: bytes) -> ModelResponse:
    try:
        answer = orjson.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        usage = answer["usage"]
        tokens_in, tokens_out = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        text, refusal = message.get("content"), message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ProviderError(
            FailureKind.MALFORMED,
            f"“{target.name}” sent an answer that is cut off or not as the API promises.",
        ) from error
    if refusal or choice.get("finish_reason") == "content_filter":
        raise ProviderError(FailureKind.REFUSED, f"“{target.name}” refused to answer this request.")
    if not isinstance(text, str):
        raise ProviderError(FailureKind.MALFORMED, f"“{target.name}” sent an answer without text.")
    if not 0 <= min(tokens_in, tokens_out) <= max(tokens_in, tokens_out) <= MOST_TOKENS:
        raise ProviderError(
            FailureKind.MALFORMED, f"“{target.name}” sent a number of tokens that cannot be."
        )
    return ModelResponse(
        text=text,
        model=str(answer.get("model") or target.model).replace("\0", "")[:200],
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cut_off=choice.get("finish_reason") == "length",
        request_id=str(answer.get("id") or "")[:200],
    )


def _failure(target: Target, answer: clients.Answer) -> ProviderError:
    kind = _KIND_OF_STATUS.get(answer.status)
    if kind is None:
        kind = FailureKind.SERVER if answer.status >= 500 else FailureKind.BAD_REQUEST
    code = _code_of(answer.body)
    if code == "content_filter":
        return ProviderError(
            FailureKind.REFUSED, f"“{target.name}” refused to answer this request."
        )
    told = f"HTTP {answer.status}, {code}" if code else f"HTTP {answer.status}"
    return ProviderError(
        kind,
        f"“{target.name}” {_SENTENCES[kind]} ({told})",
        retry_after_seconds=_retry_after(answer.headers),
    )


def _code_of(body: bytes) -> str:
    try:
        error = orjson.loads(body)["error"]
        code = error.get("code") or error.get("type") or ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return code if isinstance(code, str) and _WORD.fullmatch(code) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: a number or a date (RFC 9110, 10.2.3). None where it is missing or unreadable."""
    told = headers.get("retry-after", "").strip()
    if told.isdigit():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
