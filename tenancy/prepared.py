"""Selections that every page asks for: compiled once in a process, and only given their values at each request.

To put together a statement that finds one row by its key takes Django longer than it takes PostgreSQL to answer it.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from django.db import connection, models

from tenancy.context import current_tenant, find_current_tenant

Row = TypeVar("Row", bound=models.Model)
TENANT = "tenant"  # always the one whose request it is
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
    sql: str
    parameters: tuple[Any, ...]  # places, and what is always asked
    model: type[models.Model]
    columns: tuple[str, ...]


class Prepared(Generic[Row]):
    """The rows that `select` gives for values of these names and kinds. The statement knows their places, no value."""

    def __init__(self, select: Callable[..., models.QuerySet[Row]], **kinds: type) -> None:
        self._select, self._kinds = select, kinds

    def find(self, **values: Any) -> Row | None:
        """The first row."""
        sql, parameters = self.fill(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
        if row is None:
            return None
        found = self._statement.model.from_db(connection.alias, self._statement.columns, row)
        return cast(Row, found)

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

    def _value(self, name: str, values: Mapping[str, Any]) -> Any:
        return current_tenant().pk if name == TENANT else values[name]

    @cached_property
    def _statement(self) -> _Statement:
        examples = {name: EXAMPLES[kind]() for name, kind in self._kinds.items()}
        compiler = self._select(**examples).query.get_compiler(connection.alias)
        sql, parameters = compiler.as_sql()
        selected = [expression for expression, _, _ in compiler.select]
        if compiler.get_converters(selected) or compiler.annotation_col_map:
            raise TypeError(f"Not plain columns of {compiler.query.model.__name__}.")
        tenant = find_current_tenant()
        names = {example: name for name, example in examples.items()}
        names |= {tenant.pk: TENANT} if tenant else {}
        return _Statement(
            sql=sql,
            parameters=tuple(_place_of(each, names) for each in parameters),
            model=compiler.query.model,
            columns=tuple(each.target.attname for each in selected),
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


def _any_moment() -> datetime:
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=secrets.randbelow(10**12))


# What stands for a value while a statement is put together: equal to nothing else that is asked.
EXAMPLES: Mapping[type, Callable[[], Any]] = {
    str: secrets.token_hex,
    uuid.UUID: uuid.uuid4,
    datetime: _any_moment,
}
