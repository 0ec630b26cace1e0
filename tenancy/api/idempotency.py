"""`@idempotent` on a resource's post: send it twice with one Idempotency-Key, and it happens once."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.http.request import RawPostDataException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tenancy import access, idempotency, keys
from tenancy.errors import IdempotencyKeyInvalid, IdempotencyKeyMissing
from tenancy.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255

Post = Callable[..., Response]


def idempotent(*, required: bool = False) -> Callable[[Post], Post]:
    """Answer the second request with the first one's answer. `required` makes a missing key a 400."""

    def decorate(post: Post) -> Post:
        @wraps(post)
        def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = _key_of(request, required=required)
            if not key:
                return post(view, request, *args, **kwargs)
            claimed = idempotency.claim(
                key=key,
                route=request.path,
                request=_body_of(request),
                caller=access.actor_of(request),
            )
            if isinstance(claimed, idempotency.Answer):
                return _replay(claimed)
            return _first_time(claimed, lambda: post(view, request, *args, **kwargs))

        once.is_idempotent = True  # type: ignore[attr-defined]
        return once

    return decorate


def fingerprint_of(request: Request) -> str | None:
    """A keyed digest of caller, key and body; None without a key. For verbs that keep it with what they make.

    So a request that died before its answer was kept still happens once: the second one finds what the first made.
    """
    key = _key_of(request, required=False)
    if not key:
        return None
    caller = access.actor_of(request)
    body = hashlib.sha256(_body_of(request)).hexdigest()
    said = orjson.dumps([caller.kind, str(caller.id), request.path, key, body])
    return keys.blind_index(hashlib.sha256(said).hexdigest())


def _first_time(claimed: IdempotencyKey, post: Callable[[], Response]) -> Response:
    response = None
    try:
        response = post()
    finally:
        if response is None or not 200 <= response.status_code < 300:
            idempotency.release(claimed=claimed)
    if response.status_code < 300:
        answer = idempotency.Answer(
            status=response.status_code,
            body=JSONRenderer().render(response.data),
            location=response.get("Location", ""),
        )
        idempotency.keep(claimed=claimed, answer=answer)
    return response


def _key_of(request: Request, *, required: bool) -> str:
    key = request.headers.get(HEADER, "").strip('"')
    if not key and required:
        raise IdempotencyKeyMissing
    if len(key) > LONGEST or not key.isprintable():
        raise IdempotencyKeyInvalid
    return key


def _body_of(request: Request) -> bytes:
    try:
        return bytes(request.body)
    except (
        RawPostDataException
    ):  # a form with files was read as a stream: its fields and sizes stand for it
        files = [(name, file.name, file.size) for name, file in request.FILES.items()]
        return repr((sorted(request.POST.lists()), files)).encode()


def _replay(answer: idempotency.Answer) -> Response:
    headers = {REPLAYED: "true"}
    if answer.location:
        headers["Location"] = answer.location
    body = orjson.loads(answer.body) if answer.body else None
    return Response(body, status=answer.status, headers=headers)
