"""Statements of the hot path, made from the models so that they keep up with them.

With checkpoint.py and intents.py the only module of this floor that goes around the ORM: `starts` writes rows of
several tables by one statement.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connection, models

from tenancy.pgbackend.base import DatabaseWrapper


def insert(model: type[models.Model], source: str) -> str:
    """A common table expression named like the model: it inserts a row for each of `source` (FROM … WHERE …)."""
    names = ", ".join(str(field.column) for field in _columns(model))
    values = ", ".join(f"%s::{_type_of(field)}" for field in _columns(model))
    table, of_model = model._meta.db_table, model._meta.model_name
    return (
        f"{of_model} AS (INSERT INTO {table} ({names}) "  # noqa: S608 - names of our own models
        f"SELECT {values} FROM {source})"
    )


def values_of(row: models.Model, names: Collection[str] = ()) -> list[Any]:
    """The parameters that `insert` of its model takes, or only those that are named, in the order of the table."""
    fields = _columns(type(row))
    if names:
        fields = [field for field in fields if field.name in names]
    return [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]


def mark_saved(*rows: models.Model) -> None:
    """As save() leaves them."""
    for row in rows:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


@lru_cache(maxsize=8)
def blank(model: type[models.Model]) -> dict[str, Any]:
    """A new row by column, to be copied and filled in: as its model would make it, without what is sealed."""
    row = model()
    fields = [
        field for field in model._meta.concrete_fields if not isinstance(field, models.BinaryField)
    ]
    return {str(field.column): getattr(row, field.attname) for field in fields}


def ask(statement: str, values: Sequence[Any]) -> Any:
    """The first row of what the statement gives."""
    wrapper = cast(DatabaseWrapper, connection)
    with wrapper.wrap_database_errors, wrapper.server_cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


@lru_cache(maxsize=16)
def _columns(model: type[models.Model]) -> "Sequence[models.Field[Any, Any]]":
    """What the database does not fill in by itself; the tenant is named all the same."""
    fields = model._meta.concrete_fields
    return [field for field in fields if field.name == "tenant" or not field.has_db_default()]


def _type_of(field: "models.Field[Any, Any]") -> str:
    """Without its length: a cast would cut what is too long in silence, an insert refuses it."""
    return str(field.db_type(connection)).split("(")[0]
