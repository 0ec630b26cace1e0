"""Every refusal becomes an answer here, and only here: a page for people, a problem document (RFC 9457) for programs.

Here, too, refusals of what somebody tried to do are written to the ledger, after whatever was begun is rolled back.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from rest_framework import exceptions as api

from grove_site.pointers import to_errors
from tenancy import ledger
from tenancy.access import TenantRequest
from tenancy.errors import GroveError

logger = logging.getLogger(__name__)

API = "/api/"
SERVER_FAULT = 500
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
NOTHING_HERE = "There is nothing here, or nothing that you may see."
SENTENCES: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "The request could not be understood."),
    "not_signed_in": (401, "Sign in, or send an API token."),
    "forbidden": (403, "You may not do this."),
    "csrf_failed": (
        403,
        "This form is too old, or was not sent from this site. Load the page anew.",
    ),
    "not_found": (404, NOTHING_HERE),
    "body_too_large": (413, "The request is larger than this installation accepts."),
    "validation_failed": (422, "Some of what was sent is not valid."),
    "server_error": (500, "Something went wrong on our side. The request id finds it in the log."),
}
# The first that fits says the code. Status and sentence are those of SENTENCES, or else the error's own.
CODES: tuple[tuple[type[Exception], str], ...] = (
    (Http404, "not_found"),
    (api.NotFound, "not_found"),
    (api.NotAuthenticated, "not_signed_in"),
    (api.AuthenticationFailed, "not_signed_in"),
    (PermissionDenied, "forbidden"),
    (api.PermissionDenied, "forbidden"),
    (RequestDataTooBig, "body_too_large"),
    (SuspiciousOperation, "bad_request"),
    (api.ParseError, "body_unreadable"),
    (api.MethodNotAllowed, "method_not_allowed"),
    (api.NotAcceptable, "not_acceptable"),
    (api.UnsupportedMediaType, "media_type_unsupported"),
    (api.Throttled, "too_many_requests"),
    (api.APIException, "bad_request"),
)


class ErrorMiddleware:
    """Innermost: turns errors of views into answers, and records what was refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: TenantRequest) -> HttpResponseBase:
        if _has_null(request):
            return _answer(request, "bad_request")
        response = self.get_response(request)
        if _is_refusal(request, response):
            _record(request, response)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, GroveError):
            return answer(request, error)
        if isinstance(error, RequestDataTooBig):
            return _answer(request, "body_too_large")
        return None


def answer(request: HttpRequest, error: GroveError) -> HttpResponse:
    """The answer to one of our own errors. Middlewares find it as settings.REFUSAL_VIEW."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("Request failed", extra={"action": "request_failed", "code": error.code})
    return _answer(request, error.code, error.status, error.sentence, error.extra)


def to_problem(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Django REST framework's exception handler. None means: a fault of ours, let it be logged as such."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, GroveError):
        return answer(request, error)
    if isinstance(error, api.ValidationError):
        return _answer(request, "validation_failed", extra={"errors": to_errors(error.detail)})
    if isinstance(error, DjangoValidationError):
        return _answer(request, "validation_failed", extra={"errors": to_errors(error.messages)})
    code = next((code for kind, code in CODES if isinstance(error, kind)), "")
    if code == "forbidden" and "CSRF" in str(error):
        code = "csrf_failed"
    if not code:
        return None
    status, sentence = getattr(error, "status_code", 0), str(getattr(error, "detail", ""))
    return _answer(request, code, *(() if code in SENTENCES else (status, sentence)))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, "bad_request")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, "forbidden")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, "csrf_failed")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, "not_found")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, "server_error")


def _answer(
    request: HttpRequest,
    code: str,
    status: int = 0,
    sentence: str = "",
    extra: Mapping[str, Any] | None = None,
) -> HttpResponse:
    usual_status, usual_sentence = SENTENCES.get(code, (400, ""))
    problem: dict[str, Any] = {
        "type": f"/api/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status or usual_status,
        "detail": sentence or usual_sentence,
        "code": code,
        **(extra or {}),
        "request_id": getattr(request, "request_id", ""),
    }
    if request.path.startswith(API):
        response = HttpResponse(
            orjson.dumps(problem, default=str),
            status=problem["status"],
            content_type="application/problem+json",
        )
    else:
        response = _page(request, problem)
    if problem["status"] == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="grove"'
    if "retry_after" in problem:
        response["Retry-After"] = str(problem["retry_after"])
    response.refusal_code = code  # type: ignore[attr-defined]
    return response


def _page(request: HttpRequest, problem: Mapping[str, Any]) -> HttpResponse:
    """A fragment for HTMX, which shows it in #flash; a whole page otherwise."""
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.boosted:
        number = f" Request {problem['request_id']}." if problem["status"] >= SERVER_FAULT else ""
        shown = {"messages": [_Note(problem["detail"] + number)]}
        return render(request, "ui/_flash.html", shown, status=problem["status"])
    shown = {"title": problem["title"], "sentence": problem["detail"], **problem}
    return render(request, "error.html", shown, status=problem["status"])


@dataclass(frozen=True, slots=True)
class _Note:
    """What ui/_flash.html prints."""

    sentence: str
    level_tag: str = "error"

    def __str__(self) -> str:
        return self.sentence


def _has_null(request: HttpRequest) -> bool:
    """PostgreSQL has no text with a null character, so an address with one leads nowhere."""
    return "\0" in request.path or "%00" in request.META.get("QUERY_STRING", "")


def _is_refusal(request: TenantRequest, response: HttpResponseBase) -> bool:
    """A client's error on a request that would have changed something, or plainly not allowed, by somebody known."""
    if request.tenant is None or request.actor is None:
        return False
    if not HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return False
    return request.method not in SAFE_METHODS or response.status_code == HTTPStatus.FORBIDDEN


def _record(request: TenantRequest, response: HttpResponseBase) -> None:
    """One entry for the refusal. It names the route, not the address: an address may hold what is personal."""
    match = request.resolver_match
    route = match.view_name if match is not None else ""
    assert request.actor is not None  # noqa: S101 - for the type checker
    try:
        ledger.append_refusal(
            subject=ledger.Subject(kind="route", id=route or "unknown"),
            by=request.actor,
            method=request.method or "",
            status=response.status_code,
            code=getattr(response, "refusal_code", ""),
            request_id=request.request_id,
        )
    except DatabaseError:
        logger.exception("A refusal could not be recorded", extra={"action": "refusal_unrecorded"})
