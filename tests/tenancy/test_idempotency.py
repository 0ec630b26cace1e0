"""A request that is sent twice happens once."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from tenancy import idempotency
from tenancy.actors import SYSTEM, Actor
from tenancy.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from tenancy.idempotency import Answer
from tenancy.models import IdempotencyKey, Tenant

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

BOB = Actor(kind="user", id="bob", name="Bob")
CREATED = Answer(status=201, body=b'{"id": "a very private answer"}', location="/runs/1")


def claim(key: str = "k1", request: bytes = b"{}", caller: Actor = BOB) -> IdempotencyKey | Answer:
    return idempotency.claim(key=key, route="/api/v1/runs", request=request, caller=caller)


def claimed(key: str = "k1") -> IdempotencyKey:
    ours = claim(key)
    assert isinstance(ours, IdempotencyKey)
    return ours


def test_first_request_is_worked_on_and_the_second_gets_its_answer(in_acme: Tenant) -> None:
    idempotency.keep(claimed=claimed(), answer=CREATED)

    assert claim() == CREATED


def test_second_request_waits_while_the_first_is_worked_on(in_acme: Tenant) -> None:
    claimed()

    with pytest.raises(IdempotencyKeyInUse):
        claim()


def test_key_is_not_used_for_another_request(in_acme: Tenant) -> None:
    idempotency.keep(claimed=claimed(), answer=CREATED)

    with pytest.raises(IdempotencyKeyReused):
        claim(request=b'{"other": 1}')


def test_refused_request_leaves_its_key_free(in_acme: Tenant) -> None:
    idempotency.release(claimed=claimed())

    assert isinstance(claim(), IdempotencyKey)


def test_keys_of_two_callers_do_not_meet(in_acme: Tenant) -> None:
    idempotency.keep(claimed=claimed(), answer=CREATED)

    assert isinstance(claim(caller=SYSTEM), IdempotencyKey)


def test_answer_is_sealed(in_acme: Tenant) -> None:
    row = claimed()
    idempotency.keep(claimed=row, answer=CREATED)

    row.refresh_from_db()
    assert b"private" not in bytes(row.body_sealed)


def test_first_request_that_died_is_given_up(in_acme: Tenant) -> None:
    row = claimed()
    IdempotencyKey.objects.filter(pk=row.pk).update(created_at=now() - timedelta(minutes=6))

    assert isinstance(claim(), IdempotencyKey)


def test_answers_are_forgotten_after_a_day(in_acme: Tenant) -> None:
    row = claimed()
    idempotency.keep(claimed=row, answer=CREATED)
    IdempotencyKey.objects.filter(pk=row.pk).update(created_at=now() - timedelta(hours=25))

    assert idempotency.forget_old() == 1
    assert not IdempotencyKey.objects.exists()
