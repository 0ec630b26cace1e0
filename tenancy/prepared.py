"""Selections that every page asks for: compiled once in a process, and only given their values at each request.

To put together a statement that finds one row by its key takes Django longer than it takes PostgreSQL to answer it.
"""

import itertools
import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from django.db import connection, connections, models
from django.db.models.query import RelatedPopulator, get_related_populators

from tenancy.context import current_tenant, find_current_tenant
from tenancy.pgbackend.base import DatabaseWrapper
from tenancy.pgbackend.straight import TEXT, Statement

Row = TypeVar("Row", bound=models.Model)
TENANT = "tenant"  # always the one whose request it is
# How long a list in a subquery is, the server cannot know while it plans: else it would plan for each of them anew.
ANY_LENGTH = "(SELECT %s)::uuid[]"
FIXED = (
    str,
    int,
)  # what a selection may ask for by itself; a moment or an id would be that of its first use


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a statement's parameters a value goes."""

    name: str


@dataclass(frozen=True, slots=True)
class _Statement:
    alias: str  # of the database
    sql: str
    parameters: tuple[Any, ...]  # places, and what is always asked
    model: type[models.Model]
    columns: tuple[str, ...]
    converters: Mapping[int, tuple[Sequence[Callable[..., Any]], Any]]  # by the column's place
    related: Sequence[RelatedPopulator]  # what select_related brings, in the columns that follow


class Prepared(Generic[Row]):
    """The rows that `select` gives for values of these names and kinds. The statement knows their places, no value.

    A value of the kind `list` is asked by `…__in`, with UUIDs. Where rows are found `by_key`, by such lists alone and
    whatever is in them, the server keeps the plan, too, and the way to it is straight.
    """

    def __init__(
        self, select: Callable[..., models.QuerySet[Row]], *, by_key: bool = False, **kinds: type
    ) -> None:
        if by_key and set(kinds.values()) != {list}:
            raise TypeError("By keys only lists of them are asked.")
        self._select, self._by_key, self._kinds = select, by_key, kinds

    def find(self, **values: Any) -> Row | None:
        """The first row."""
        rows = self._rows(values, 1)
        return self._made(rows[0]) if rows else None

    def find_all(self, **values: Any) -> list[Row]:
        """All rows."""
        return [self._made(row) for row in self._rows(values)]

    def _rows(self, values: Mapping[str, Any], at_most: int | None = None) -> list[Sequence[Any]]:
        sql, parameters = self.fill(values)
        connection = connections[self._statement.alias]
        rows: list[Sequence[Any]]
        if self._by_key:
            asked = [_as_text(each) for each in parameters]
            rows = cast(DatabaseWrapper, connection).ask(self._straight, *asked)
        else:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                rows = cursor.fetchall() if at_most is None else cursor.fetchmany(at_most)
        return rows

    def _made(self, row: Sequence[Any]) -> Row:
        statement = self._statement
        if statement.converters:
            row = list(row)
            for place, (converters, expression) in statement.converters.items():
                for convert in converters:
                    row[place] = convert(row[place], expression, connections[statement.alias])
        own = row[: len(statement.columns)]
        made = statement.model.from_db(statement.alias, statement.columns, own)
        for each in statement.related:
            each.populate(row, made)
        return cast(Row, made)

    def fill(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The statement and its parameters, for the current tenant. Raises NoTenant where it is of one and there is
        none."""
        if values.keys() != self._kinds.keys():
            raise TypeError(f"Prepared for {sorted(self._kinds)}, asked with {sorted(values)}.")
        filled = [
            self._value(each.name, values) if isinstance(each, _Place) else each
            for each in self._statement.parameters
        ]
        return self._statement.sql, filled

    def _is_list(self, name: str | None) -> bool:
        return name is not None and self._kinds.get(name) is list

    def _value(self, name: str, values: Mapping[str, Any]) -> Any:
        return current_tenant().pk if name == TENANT else values[name]

    @cached_property
    def _straight(self) -> Statement:
        numbers = itertools.count(1)
        text = re.sub("%s", lambda _: f"${next(numbers)}", self._statement.sql)
        return Statement(text.encode(), (TEXT,) * len(self._statement.parameters), rows=True)

    @cached_property
    def _statement(self) -> _Statement:
        examples = {name: EXAMPLES[kind]() for name, kind in self._kinds.items()}
        asked = self._select(**examples)
        compiler = asked.query.get_compiler(asked.db)
        sql, parameters = compiler.as_sql()
        model = compiler.klass_info
        selected = [expression for expression, _, _ in compiler.select]
        if compiler.annotation_col_map:
            raise TypeError(f"Not plain columns of {compiler.query.model.__name__}.")
        tenant = find_current_tenant()
        names = {_mark_of(example): name for name, example in examples.items()}
        names |= {tenant.pk: TENANT} if tenant else {}
        several = [n for n, each in enumerate(parameters) if self._is_list(names.get(each))]
        return _Statement(
            alias=asked.db,
            sql=_with_arrays(sql, several, ANY_LENGTH if self._by_key else "%s"),
            parameters=tuple(_place_of(each, names) for each in parameters),
            model=compiler.query.model,
            columns=tuple(selected[place].target.attname for place in model["select_fields"]),
            converters=compiler.get_converters(selected),
            related=get_related_populators(model, compiler.select, asked.db),  # type: ignore[call-arg]
        )


def count_all(asked: Mapping[str, tuple[Prepared[Any], Mapping[str, Any]]]) -> dict[str, int]:
    """How many rows each has for its values, in one statement. A selection that is sliced is counted so far."""
    filled = [selection.fill(values) for selection, values in asked.values()]
    counts = [f"(SELECT count(*) FROM ({sql}) AS counted)" for sql, _ in filled]  # noqa: S608 - Django's own
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(counts)}", [each for _, values in filled for each in values]
        )
        return dict(zip(asked, cursor.fetchone(), strict=True))


def _place_of(parameter: Any, names: Mapping[Any, str]) -> Any:
    if parameter in names:
        return _Place(names[parameter])
    if not isinstance(parameter, FIXED):
        raise TypeError(f"{parameter!r} is of this moment: a prepared selection must be given it.")
    return parameter


def _as_text(parameter: Any) -> bytes:
    """As PostgreSQL reads it: an array of UUIDs, or what is always asked."""
    told = f"{{{','.join(map(str, parameter))}}}" if isinstance(parameter, list) else str(parameter)
    return told.encode()


def _mark_of(example: Any) -> Any:
    return example[0] if isinstance(example, list) else example


def _with_arrays(sql: str, several: Sequence[int], array: str) -> str:
    """The statement with one array in each of these places, where Django wrote a list of one."""
    before, after = array.split("%s")
    pieces = sql.split("%s")
    for place in several:
        if not (pieces[place].endswith(" IN (") and pieces[place + 1].startswith(")")):
            raise TypeError("A list can only be asked by “…__in”.")
        pieces[place] = pieces[place].removesuffix("IN (") + f"= ANY({before}"
        pieces[place + 1] = after + pieces[place + 1]
    return "%s".join(pieces)


def _any_moment() -> datetime:
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=secrets.randbelow(10**12))


# What stands for a value while a statement is put together: equal to nothing else that is asked.
EXAMPLES: Mapping[type, Callable[[], Any]] = {
    str: secrets.token_hex,
    uuid.UUID: uuid.uuid4,
    list: lambda: [uuid.uuid4()],
    datetime: _any_moment,
}
