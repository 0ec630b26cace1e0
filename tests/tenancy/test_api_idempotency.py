"""`@idempotent`: what a program gets that sends its request again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.actors import Actor
from tenancy.api.idempotency import fingerprint_of, idempotent
from tenancy.models import IdempotencyKey, Tenant

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

JSON = "application/json"
BOB = Actor(kind="user", id="bob", name="Bob")
Post = Callable[..., Any]


@pytest.fixture
def done() -> list[Any]:
    """What really happened."""
    return []


@pytest.fixture
def post(in_acme: Tenant, done: list[Any]) -> Post:
    class Things(APIView):
        authentication_classes = ()
        permission_classes = ()

        @idempotent(required=True)
        def post(self, request: Request) -> Response:
            done.append(request.data)
            if request.data.get("fail"):
                raise RuntimeError("broken")
            status = request.data.get("status", 201)
            return Response({"n": len(done)}, status=status, headers={"Location": "/things/1"})

    def post(body: dict[str, Any], key: str | None = "k1") -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        request = RequestFactory(headers=headers).post("/api/v1/things", body, JSON)
        request.actor = BOB  # type: ignore[attr-defined]
        request.request_id = "r"  # type: ignore[attr-defined]
        return Things.as_view()(request)

    return post


def test_second_request_gets_the_first_answer(post: Post, done: list[Any]) -> None:
    first, second = post({"a": 1}), post({"a": 1})

    assert len(done) == 1
    assert (second.status_code, second.data) == (first.status_code, first.data)
    assert second["Location"] == "/things/1"
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")


def test_another_key_is_another_request(post: Post, done: list[Any]) -> None:
    post({"a": 1}, "k1")
    post({"a": 1}, "k2")

    assert len(done) == 2


def test_same_key_with_another_body_is_refused(post: Post, done: list[Any]) -> None:
    post({"a": 1})

    refused = post({"a": 2})

    assert refused.status_code == 422
    assert b"idempotency_key_reused" in refused.content
    assert len(done) == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, b"idempotency_key_missing"),
        ("", b"idempotency_key_missing"),
        ("k" * 256, b"idempotency_key_invalid"),
        ("k\x01", b"idempotency_key_invalid"),
    ],
)
def test_key_is_held_to_its_form(post: Post, key: str | None, code: bytes) -> None:
    refused = post({"a": 1}, key)

    assert refused.status_code == 400
    assert code in refused.content


def test_refused_or_broken_request_leaves_the_key_free(post: Post, done: list[Any]) -> None:
    post({"status": 409})
    with pytest.raises(RuntimeError):
        post({"fail": True})

    assert not IdempotencyKey.objects.exists()
    assert post({"a": 1}).status_code == 201


def test_first_request_that_is_still_worked_on_is_a_conflict(post: Post, done: list[Any]) -> None:
    post({"a": 1})
    IdempotencyKey.objects.update(status=None)

    refused = post({"a": 1})

    assert refused.status_code == 409
    assert b"idempotency_key_in_use" in refused.content


def fingerprint(body: bytes, key: str = "k1", caller: Actor = BOB) -> str | None:
    headers = {"Idempotency-Key": key} if key else {}
    request = RequestFactory(headers=headers).post("/api/v1/things", body, JSON)
    request.actor = caller  # type: ignore[attr-defined]
    return fingerprint_of(Request(request))


def test_verb_may_keep_a_fingerprint_of_caller_key_and_body(in_acme: Tenant) -> None:
    ann = Actor(kind="user", id="ann", name="Ann")

    assert fingerprint(b"{}", key="") is None
    assert fingerprint(b"{}") == fingerprint(b"{}")
    assert len({fingerprint(b"{}"), fingerprint(b"[]"), fingerprint(b"{}", caller=ann)}) == 3
