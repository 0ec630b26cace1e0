"""The straight way to the server, for the few statements that everything waits for: libpq's pipeline without a cursor.

psycopg makes of a statement a cursor, a query, adapted parameters, prepared names, generators that wait: a third of a
millisecond for two of them, where the server needs two. Here a statement is prepared once on each connection, its
parameters are bytes already, its answer is one value, or rows as psycopg reads them. Connections, pools, transactions
and tenants stay as they are.

Source: PostgreSQL manual, “Pipeline Mode” (libpq): outside a transaction the server makes one of all that is sent
before a synchronization point.
"""

import itertools
import select
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result

BYTEA: Final = 17  # the type's number, see pg_type.dat
TEXT, BINARY = pq.Format.TEXT, pq.Format.BINARY
FAILED: Final = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` with $1, $2 …, and for each of them whether its bytes are binary. It gives one row of one column, whose
    value is taken as it comes, in text format; or any `rows`."""

    text: bytes
    formats: tuple[pq.Format, ...]
    rows: bool = False


def bytea_array(values: Sequence[bytes]) -> bytes:
    """A bytea[] of one dimension in PostgreSQL's binary format (array_recv)."""
    if not values:
        return struct.pack("!iiI", 0, 0, BYTEA)
    parts = [struct.pack("!iiIii", 1, 0, BYTEA, len(values), 1)]
    for value in values:
        parts += (len(value).to_bytes(4), value)
    return b"".join(parts)


class Sending:
    """Statements on their way. `answers` has what each gave, once the block has ended."""

    def __init__(self, connection: "psycopg.Connection[Any]", *, prepares: bool) -> None:
        self.answers: list[Any] = []
        self._connection, self._pg = connection, connection.pgconn
        self._prepares = prepares
        self._sent: list[Statement | None] = []  # None: what is no answer of a statement
        self._named: dict[Statement, bytes] = {}

    def send(self, statement: Statement, *parameters: bytes) -> None:
        """The server begins with it at once."""
        if not self._prepares:
            self._pg.send_query_params(statement.text, parameters, param_formats=statement.formats)
        else:
            name = self._name_of(statement)
            self._pg.send_query_prepared(name, parameters, param_formats=statement.formats)
        self._sent.append(statement)
        self._flush()

    def tell(self, text: bytes, *parameters: bytes) -> None:
        """A command whose answer nobody asks for."""
        self._pg.send_query_params(text, parameters or None)
        self._sent.append(None)

    def finish(self) -> None:
        """Send the end, and take in all answers. Raises what the server said first against any of it."""
        self._pg.pipeline_sync()
        self._flush()
        error: psycopg.Error | None = None
        answers: list[Any] = []
        for sent in self._sent:
            result = self._next_result()
            if result.status in FAILED:
                error = error or error_from_result(result, encoding="utf-8")
            elif error is None and sent is not None:
                answers.append(self._read(sent, result))
        while (result := self._next_result()).status != pq.ExecStatus.PIPELINE_SYNC:
            error = error or error_from_result(result, encoding="utf-8")  # the commit was refused
        if isinstance(error, psycopg.errors.InvalidSqlStatementName):
            forget(self._connection)
            raise psycopg.OperationalError("A prepared statement is gone.") from error
        if error is not None:
            raise error
        self.answers = answers
        _known_on(self._connection).update(self._named)

    def _read(self, sent: Statement, result: "pq.abc.PGresult") -> Any:
        if not sent.rows:
            return result.get_value(0, 0) if result.ntuples else None
        reader = Transformer(self._connection)
        reader.set_pgresult(result)
        return reader.load_rows(0, result.ntuples, tuple)

    def _name_of(self, statement: Statement) -> bytes:
        name = _known_on(self._connection).get(statement) or self._named.get(statement)
        if name is None:
            # Never the same twice: after a rollback nobody knows which of them the server still has.
            name = self._named[statement] = b"grove_%d" % next(_numbers)
            self._pg.send_prepare(name, statement.text)
            self._sent.append(None)
        return name

    def _flush(self) -> None:
        """Until all is with the server, which may have something to say meanwhile."""
        while self._pg.flush():
            if self._wait(select.POLLIN | select.POLLOUT) & ~select.POLLOUT:
                self._pg.consume_input()

    def _next_result(self) -> "pq.abc.PGresult":
        """Of the next one that was sent. Raises OperationalError where the connection broke."""
        for _ in range(2):  # before it comes the end of what was before
            while self._pg.is_busy():
                self._wait(select.POLLIN)
                self._pg.consume_input()
            result = self._pg.get_result()
            if result is not None and self._pg.status != pq.ConnStatus.BAD:
                return result
        raise psycopg.OperationalError("The connection broke in the middle of a pipeline.")

    def _wait(self, events: int) -> int:
        poll = select.poll()
        poll.register(self._pg.socket, events)
        return poll.poll()[0][1]


@contextmanager
def sending(connection: Any, *, prepares: bool) -> Iterator[Sending]:
    """Send statements inside the block; they end with it, in one commit where no transaction is open.

    Nothing else may be sent on this connection meanwhile: cursors refuse, and so does another block. Where the block
    raises, nothing is committed.
    """
    made = Sending(connection, prepares=prepares)
    idle = connection.info.transaction_status == pq.TransactionStatus.IDLE
    connection.pgconn.enter_pipeline_mode()
    connection.is_sending = True
    try:
        if idle and not connection.autocommit:
            made.tell(b"BEGIN")
        yield made
        made.finish()
        connection.pgconn.exit_pipeline_mode()
    except BaseException:
        _break_off(connection)
        raise
    finally:
        connection.is_sending = False


def refuse_meanwhile(connection: Any) -> None:
    """Raises InterfaceError inside such a block: what is sent there would be taken for a part of it."""
    if getattr(connection, "is_sending", False):
        raise psycopg.InterfaceError("This connection is in the middle of a pipeline.")


def forget(connection: "psycopg.Connection[Any]") -> None:
    """What was prepared on this connection may be gone."""
    _known_on(connection).clear()


def _break_off(connection: "psycopg.Connection[Any]") -> None:
    """Leave no connection behind on which answers wait that nobody knows the questions of."""
    pgconn = connection.pgconn
    try:
        pgconn.exit_pipeline_mode()
    except psycopg.Error:
        pgconn.finish()


def _known_on(connection: Any) -> dict[Statement, bytes]:
    """The names of what is prepared on this connection."""
    known: dict[Statement, bytes] | None = getattr(connection, "straight_statements", None)
    if known is None:
        known = connection.straight_statements = {}
    return known
