"""What a provider's refusals mean, in kinds to choose by. Codes are told, never the text that came with them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from workflows.providers.contract import Target
from workflows.providers.errors import FailureKind, ProviderError

_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # what may be quoted of an error: its code
_KIND_OF_STATUS = {
    401: FailureKind.AUTH,
    403: FailureKind.AUTH,
    408: FailureKind.TIMEOUT,
    409: FailureKind.SERVER,
    429: FailureKind.RATE_LIMITED,
}
# Codes that come in the middle of a stream, where no status can be told any more. Sources: the error lists of
# Anthropic's Messages API, of Google's APIs (google.rpc.Code), and of Bedrock's ConverseStream.
_KIND_OF_CODE = {
    "overloaded_error": FailureKind.SERVER,
    "api_error": FailureKind.SERVER,
    "server_error": FailureKind.SERVER,
    "internal_server_error": FailureKind.SERVER,
    "UNAVAILABLE": FailureKind.SERVER,
    "INTERNAL": FailureKind.SERVER,
    "internalServerException": FailureKind.SERVER,
    "serviceUnavailableException": FailureKind.SERVER,
    "modelStreamErrorException": FailureKind.SERVER,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
    "throttlingException": FailureKind.RATE_LIMITED,
    "timeout_error": FailureKind.TIMEOUT,
    "DEADLINE_EXCEEDED": FailureKind.TIMEOUT,
    "authentication_error": FailureKind.AUTH,
    "permission_error": FailureKind.AUTH,
}
_SENTENCES = {
    FailureKind.AUTH: "refuses our credentials. Check the secret and the settings of its provider.",
    FailureKind.TIMEOUT: "gave up waiting for the request.",
    FailureKind.RATE_LIMITED: "takes no more requests at the moment.",
    FailureKind.SERVER: "has a problem of its own.",
    FailureKind.BAD_REQUEST: "does not take the request.",
}


def of_status(
    target: Target, status: int, code: str, headers: Mapping[str, str] | None = None
) -> ProviderError:
    """What an answer that is not 200 means. A redirect is a wrong address: it is not followed."""
    if code == "content_filter":
        return ProviderError(
            FailureKind.REFUSED, f"“{target.name}” refused to answer this request."
        )
    kind = _KIND_OF_STATUS.get(status)
    if kind is None:
        kind = FailureKind.SERVER if status >= 500 else FailureKind.BAD_REQUEST
    sentence = _SENTENCES[kind]
    if status == 404:
        sentence = f"does not know the model “{target.model}”, or its address is wrong."
    told = f"HTTP {status}, {code}" if code else f"HTTP {status}"
    return ProviderError(
        kind,
        f"“{target.name}” {sentence} ({told})",
        retry_after_seconds=retry_after(headers or {}),
    )


def in_stream(target: Target, code: str, *, began: bool) -> ProviderError:
    """What an error that comes instead of the next piece of an answer means."""
    kind = _KIND_OF_CODE.get(code, FailureKind.BAD_REQUEST)
    told = f" ({code})" if code else ""
    return ProviderError(kind, f"“{target.name}” {_SENTENCES[kind]}{told}", began=began)


def word(code: object) -> str:
    """A code that may be quoted, or nothing."""
    return code if isinstance(code, str) and _WORD.fullmatch(code) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: a number or a date (RFC 9110, 10.2.3). None where it is missing or unreadable."""
    told = headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
