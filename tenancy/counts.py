"""How many rows of a selection have each of several values, in one statement: a page that shows eight counts asks once.

For selections that are always the same see tenancy/prepared.py.
"""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import CharField, QuerySet
from django.db.models.expressions import RawSQL


def count_by(
    rows: QuerySet[Any], column: str, values: Collection[str], *, up_to: int
) -> dict[str, int]:
    """How many rows have each of these values in a column of words. Each is counted on its own index, and not beyond
    `up_to`; the selection is put together and planned once for all of them."""
    of_value = RawSQL("asked.value", (), output_field=CharField())
    counted = rows.filter(**{column: of_value}).order_by().values("pk")[:up_to]
    try:
        statement, parameters = counted.query.sql_with_params()
    except EmptyResultSet:  # Django sees that nothing can be found
        return dict.fromkeys(values, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT asked.value, (SELECT count(*) FROM ({statement}) AS counted) "  # noqa: S608 - Django's own
            "FROM unnest(%s::text[]) AS asked(value)",
            [*parameters, list(values)],
        )
        return dict(cursor.fetchall())
