"""http_request: asks a host that is among the tenant's destinations. Nothing leaves for any other."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from django.db import connection

from compliance.detectors import tags_in
from compliance.labels import DataClass, Integrity, Labels
from tenancy import secret_store
from tenancy.errors import GroveError, VaultUnreachable
from workflows.models import Destination, Egress
from workflows.tools import connections
from workflows.tools.connections import Received, Sent, Url
from workflows.tools.contract import (
    UNDECLARED,
    Effect,
    Refusal,
    Tool,
    ToolError,
    ToolFailure,
    ToolRequest,
    ToolResponse,
    ToolTarget,
)
from workflows.tools.declarations import HTTP_REQUEST, READING

MOST_REDIRECTS = 3
OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "cookie",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_KINDS = {
    401: ToolFailure.AUTH,
    403: ToolFailure.AUTH,
    404: ToolFailure.NOT_FOUND,
    408: ToolFailure.TIMEOUT,
    410: ToolFailure.NOT_FOUND,
    429: ToolFailure.RATE_LIMITED,
    503: ToolFailure.SERVER,
}
_DONE_OR_NOT = frozenset({408, 500, 502, 504})  # statuses after which nobody knows what was done


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPlace:
    """A destination as it stood when the call was decided, and the URL that leads there."""

    url: Url
    inside: bool
    answer_class: DataClass
    secret_name: str
    secret_header: str
    secret_prefix: str


def find_target(arguments: Mapping[str, Any]) -> ToolTarget:
    """The destination that the URL leads to, or a refusal. Raises ToolError for what is no URL."""
    method, url = arguments.get("method", "GET"), connections.read_url(arguments["url"])
    found = Destination.objects.filter(scheme=url.scheme, host=url.host, port=url.port).first()
    target = ToolTarget(
        tool=HTTP_REQUEST.name,
        name=UNDECLARED,
        effect=HTTP_REQUEST.effect(arguments),
        reversible=HTTP_REQUEST.reversible,
    )
    if found is None:
        sentence = f"{url.origin} is not among the destinations of this tenant."
        return replace(target, refusal=Refusal(code="destination_unknown", sentence=sentence))
    return replace(
        target,
        name=found.name,
        egress=found.egress,
        region=found.region,
        clearance=found.clearance,
        baa=found.baa,
        dpa=found.dpa,
        zero_retention=found.zero_retention,
        papers_expire_on=found.papers_expire_on,
        refusal=_refusal(found, method, url),
        place=HttpPlace(
            url=url,
            inside=found.egress == Egress.INTERNAL,
            answer_class=DataClass(found.answer_class),
            secret_name=found.secret_name,
            secret_header=found.secret_header,
            secret_prefix=found.secret_prefix,
        ),
    )


def call(target: ToolTarget, request: ToolRequest) -> ToolResponse:
    """One request, redirects within the same destination included. Raises ToolError."""
    place: HttpPlace = target.place
    secret = _secret(place)
    try:
        received = _send(target, request, secret)
    except ToolError as error:
        if error.was_sent and target.effect is Effect.WRITE and not request.idempotent:
            sentence = f"{error.sentence} Whether it did what it was asked for is not known."
            raise ToolError(ToolFailure.OUTCOME_UNKNOWN, sentence, was_sent=True) from error
        raise
    text = _text_of(target, received, secret)
    labels = Labels(
        data_class=place.answer_class,
        integrity=Integrity.UNTRUSTED,
        tags=tags_in(text),
        origins=frozenset({f"destination:{target.name}"}),
    )
    return ToolResponse(output=_output(target, received, text), labels=labels)


def _refusal(found: Destination, method: str, url: Url) -> Refusal | None:
    if not found.enabled:
        return Refusal(
            code="destination_disabled", sentence=f"The destination “{found.name}” is switched off."
        )
    if method not in found.methods:
        allowed = ", ".join(found.methods) or "nothing"
        return Refusal(
            code="method_refused",
            sentence=f"“{found.name}” may be asked with {allowed}, not with {method}.",
        )
    if connections.is_literal(url.host) and found.egress != Egress.INTERNAL:
        sentence = f"“{found.name}” is outside, so it is called by its name, not by an address."
        return Refusal(code="address_refused", sentence=sentence)
    return None


def _send(target: ToolTarget, request: ToolRequest, secret: str) -> Received:
    place: HttpPlace = target.place
    method, body = request.arguments.get("method", "GET"), _body(request.arguments)
    accepted, deadline = request.arguments.get("accept"), time.monotonic() + request.timeout_seconds
    sent = Sent(
        method=method,
        url=place.url,
        headers=_headers(target, request, secret),
        body=body,
        seconds=request.timeout_seconds,
        inside=place.inside,
    )
    for hop in range(MOST_REDIRECTS + 1):
        try:
            received = connections.send(sent)
        except ToolError as error:
            if hop and not error.was_sent:  # but the request before it has arrived
                raise ToolError(ToolFailure.REDIRECT, error.sentence, was_sent=True) from error
            raise
        if received.status in accepted if accepted else 200 <= received.status < 300:
            return received
        location = received.headers.get("location")
        if not (300 <= received.status < 400 and location):
            raise _failure(target, received)
        following = connections.join_url(sent.url, location)
        if method not in READING or following.origin != place.url.origin:
            raise ToolError(
                ToolFailure.REDIRECT,
                f"“{target.name}” sent us elsewhere (HTTP {received.status}), where nothing may go unasked.",
                was_sent=True,
            )
        sent = replace(sent, url=following, seconds=max(0.1, deadline - time.monotonic()))
    raise ToolError(ToolFailure.REDIRECT, f"“{target.name}” sends us round in circles.")


def _headers(target: ToolTarget, request: ToolRequest, secret: str) -> dict[str, str]:
    place: HttpPlace = target.place
    reserved = {*OURS, place.secret_header.lower() if secret else ""}
    headers = {}
    for name, value in request.arguments.get("headers", {}).items():
        if name.lower() in reserved or not _is_header(name, value):
            sentence = f"The header “{name[:60]}” cannot be sent by a definition."
            raise ToolError(ToolFailure.BAD_REQUEST, sentence)
        headers[name.lower()] = value
    if "json" in request.arguments:
        headers.setdefault("content-type", "application/json")
    elif "text" in request.arguments:
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    headers.setdefault("accept", "application/json, text/*;q=0.9, */*;q=0.1")
    headers.setdefault("user-agent", "grove")
    if target.effect is Effect.WRITE:
        headers["idempotency-key"] = request.idempotency_key
    if secret:
        headers[place.secret_header.lower()] = place.secret_prefix + secret
    return headers


def _is_header(name: str, value: str) -> bool:
    token = name.replace("-", "").replace("_", "")
    return (
        token.isascii()
        and token.isalnum()
        and value.isascii()
        and all(sign.isprintable() or sign == "\t" for sign in value)
    )


def _body(arguments: Mapping[str, Any]) -> bytes:
    if "json" in arguments:
        return orjson.dumps(arguments["json"])
    return str(arguments.get("text", "")).encode()


def _secret(place: HttpPlace) -> str:
    """The value that goes into the destination's header: read here, kept nowhere."""
    if not place.secret_name:
        return ""
    try:
        value = secret_store.reveal(place.secret_name).expose()
    except VaultUnreachable as error:
        raise ToolError(ToolFailure.CONNECTION, error.sentence) from error
    except GroveError as error:
        raise ToolError(ToolFailure.AUTH, error.sentence) from error
    finally:
        if not connection.in_atomic_block:
            connection.close()  # none is held while the other side thinks
    if not (value.isascii() and value.isprintable()):
        sentence = (
            f"The secret “{place.secret_name}” holds characters that no HTTP header can carry."
        )
        raise ToolError(ToolFailure.AUTH, sentence)
    return value


def _failure(target: ToolTarget, received: Received) -> ToolError:
    status = received.status
    kind = _KINDS.get(status, ToolFailure.SERVER if status >= 500 else ToolFailure.BAD_REQUEST)
    return ToolError(
        kind, f"“{target.name}” answered with HTTP {status}.", was_sent=status in _DONE_OR_NOT
    )


def _text_of(target: ToolTarget, received: Received, secret: str) -> str:
    try:
        text = received.body.decode()
    except UnicodeDecodeError as error:
        sentence = f"“{target.name}” answered with what is no text in UTF-8."
        raise ToolError(ToolFailure.MALFORMED, sentence) from error
    return text.replace(secret, "[SECRET]") if secret else text


def _output(target: ToolTarget, received: Received, text: str) -> dict[str, Any]:
    content_type = received.headers.get("content-type", "").split(";")[0].strip().lower()[:100]
    output: dict[str, Any] = {"status": received.status, "content_type": content_type}
    if text and (content_type == "application/json" or content_type.endswith("+json")):
        try:
            return output | {"json": orjson.loads(text)}
        except orjson.JSONDecodeError as error:
            sentence = f"“{target.name}” says that it sends JSON, and sends something else."
            raise ToolError(ToolFailure.MALFORMED, sentence) from error
    return output | {"text": text}


TOOL: Final = Tool(declaration=HTTP_REQUEST, find_target=find_target, call=call)
