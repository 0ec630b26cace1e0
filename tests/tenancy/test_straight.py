"""The straight way to the server: one transaction, one tenant, and no connection left in the middle of anything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenancy.context import tenant_context
from tenancy.models import Secret, Tenant
from tenancy.pgbackend.straight import BINARY, TEXT, Statement, bytea_array
from tests.factories import make_member
from tests.tenancy.test_pgbackend import mode  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

NUMBER = Statement(b"SELECT $1::integer + 1", (TEXT,))
DIVIDED = Statement(b"SELECT 1 / $1::integer", (TEXT,))
TRANSACTION = Statement(b"SELECT pg_current_xact_id()::text || left($1, 0)", (TEXT,))
RENAMED = Statement(b"UPDATE tenancy_secret SET name = $1 RETURNING name", (TEXT,))
SIZE = Statement(b"SELECT sum(length(b)) FROM unnest($1::bytea[]) AS t(b)", (BINARY,))
HEX = Statement(
    b"SELECT array_to_json(ARRAY(SELECT encode(b, 'hex') FROM unnest($1::bytea[])"
    b" WITH ORDINALITY AS t(b, nth) ORDER BY nth))",
    (BINARY,),
)
PREPARED = Statement(
    b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1 || '%'", (TEXT,)
)


def ask(*sent: tuple[Statement, bytes]) -> list[Any]:
    with connection.straight() as sending:  # type: ignore[attr-defined]
        for statement, parameter in sent:
            sending.send(statement, parameter)
    answers: list[Any] = sending.answers
    return answers


@pytest.fixture
def in_acme(mode: str, acme: Tenant) -> Iterator[Tenant]:  # noqa: F811
    with tenant_context(acme), transaction.atomic():
        Secret.objects.create(name="kept")
    with tenant_context(acme):
        yield acme


def names() -> list[str]:
    return list(Secret.objects.values_list("name", flat=True))


def test_statements_outside_a_transaction_are_one(in_acme: Tenant) -> None:
    first, second = ask((TRANSACTION, b""), (TRANSACTION, b""))

    assert first == second
    assert [first] != ask((TRANSACTION, b""))


def test_answers_come_in_order_and_again(in_acme: Tenant) -> None:
    for _ in range(3):
        assert ask((NUMBER, b"1"), (DIVIDED, b"1"), (NUMBER, b"2")) == [b"2", b"1", b"3"]


def test_rows_are_what_a_cursor_reads(in_acme: Tenant) -> None:
    text = "SELECT g, gen_random_uuid() IS NULL, '{\"a\": 1}'::jsonb, NULL::uuid FROM generate_series(1, %s) AS g"
    rows = Statement(text.replace("%s", "$1::integer").encode(), (TEXT,), rows=True)
    for many in (0, 1, 3):
        with connection.cursor() as cursor:
            cursor.execute(text, [many])

            assert ask((rows, b"%d" % many), (NUMBER, b"1")) == [cursor.fetchall(), b"2"]


def test_what_is_refused_leaves_nothing_of_it(in_acme: Tenant) -> None:
    with pytest.raises(DataError, match="division by zero"):
        ask((RENAMED, b"changed"), (DIVIDED, b"0"), (RENAMED, b"again"))

    assert names() == ["kept"]
    assert ask((RENAMED, b"changed")) == [b"changed"]
    assert names() == ["changed"]


def test_a_block_that_raises_commits_nothing(in_acme: Tenant) -> None:
    def rename() -> None:
        with connection.straight() as sending:  # type: ignore[attr-defined]
            sending.send(RENAMED, b"changed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rename()
    connection.close()

    assert names() == ["kept"]


def test_within_a_transaction_it_is_part_of_that(in_acme: Tenant) -> None:
    @transaction.atomic
    def rename() -> None:
        assert ask((RENAMED, b"changed")) == [b"changed"]
        assert names() == ["changed"]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rename()
    assert names() == ["kept"]

    with transaction.atomic():
        ask((RENAMED, b"changed"))
    assert names() == ["changed"]


def test_a_transaction_that_an_error_ends_is_rolled_back(in_acme: Tenant) -> None:
    @transaction.atomic
    def lose() -> None:
        Secret.objects.update(name="lost")
        ask((DIVIDED, b"0"))

    with pytest.raises(DataError):
        lose()
    assert names() == ["kept"]
    assert ask((NUMBER, b"1")) == [b"2"]


def test_it_sees_its_tenant_only(in_acme: Tenant, beta: Tenant) -> None:
    read = Statement(b"SELECT string_agg(name, $1) FROM tenancy_secret", (TEXT,))
    with tenant_context(beta):
        assert ask((read, b",")) == [None]
        assert ask((RENAMED, b"stolen")) == [None]
    assert ask((read, b",")) == [b"kept"]
    with tenant_context(None):
        assert ask((read, b",")) == [None]


def test_cursors_and_other_blocks_are_refused_meanwhile(in_acme: Tenant) -> None:
    """What they send would be taken for what the pipeline sends."""
    with connection.straight() as sending:  # type: ignore[attr-defined]
        sending.send(NUMBER, b"1")
        with pytest.raises(InterfaceError, match="in the middle of a pipeline"):
            names()
        with pytest.raises(InterfaceError, match="in the middle of a pipeline"):
            ask((NUMBER, b"5"))
        sending.send(NUMBER, b"2")

    assert sending.answers == [b"2", b"3"]
    assert names() == ["kept"]


def test_a_connection_that_breaks_is_told_and_another_one_works(in_acme: Tenant) -> None:
    ends = Statement(b"SELECT pg_terminate_backend(pg_backend_pid()) AND $1 = ''", (TEXT,))

    with pytest.raises(OperationalError):
        ask((RENAMED, b"changed"), (ends, b""), (NUMBER, b"1"))
    connections.close_all()

    assert names() == ["kept"]
    assert ask((NUMBER, b"1")) == [b"2"]


def test_a_statement_is_prepared_once(mode: str, in_acme: Tenant) -> None:  # noqa: F811
    for _ in range(3):
        ask((NUMBER, b"1"))

    (count,) = ask((PREPARED, b"SELECT $1::integer + 1"))
    assert count == (b"1" if mode == "session" else b"0")


def test_what_the_server_has_forgotten_is_prepared_anew(mode: str, in_acme: Tenant) -> None:  # noqa: F811
    ask((NUMBER, b"1"))
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    if mode == "session":
        with pytest.raises(OperationalError, match="is gone"):
            ask((NUMBER, b"1"))
    assert ask((NUMBER, b"1")) == [b"2"]


def test_what_cannot_be_prepared_is_told(in_acme: Tenant) -> None:
    with pytest.raises(ProgrammingError):
        ask((Statement(b"SELECT nothing_like_this($1)", (TEXT,)), b""))

    assert ask((NUMBER, b"1")) == [b"2"]


def test_parameters_of_many_megabytes_arrive(in_acme: Tenant) -> None:
    large = bytes(20_000_000)

    assert ask((SIZE, bytea_array([large, b"one more"])), (NUMBER, b"1")) == [b"20000008", b"2"]


@given(values=st.lists(st.binary(max_size=40), max_size=5))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_arrays_of_bytes_are_what_the_server_reads(values: list[bytes], acme: Tenant) -> None:
    with tenant_context(acme):
        (told,) = ask((HEX, bytea_array(values)))

    read: Any = json.loads(told or b"null")
    assert read == [value.hex() for value in values]


def test_what_the_commit_refuses_is_told(in_acme: Tenant) -> None:
    """Keys are checked at the end: every statement was carried out by then, and nothing of any stays."""
    member = make_member(tenant=in_acme)
    lost = Statement(
        b"UPDATE tenancy_membership SET user_id = gen_random_uuid() WHERE id = $1::uuid RETURNING 1",
        (TEXT,),
    )

    with pytest.raises(IntegrityError):
        ask((RENAMED, b"changed"), (lost, str(member.pk).encode()))

    assert names() == ["kept"]
    assert ask((NUMBER, b"1")) == [b"2"]
