"""How many rows of a selection have each of several values, in one statement: a page that shows eight counts asks once.

For selections that are always the same see tenancy/prepared.py.
"""

import secrets
from collections.abc import Collection
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def count_by(
    rows: QuerySet[Any], column: str, values: Collection[str], *, up_to: int
) -> dict[str, int]:
    """How many rows have each of these values in a column of words, and not beyond `up_to`.

    The selection is put together once for all of them. PostgreSQL plans for each: what is frequent is soon counted
    among the rows of the selection, and what is seldom among those with the value.
    """
    if not values:
        return {}
    any_value = secrets.token_hex()
    counted = rows.filter(**{column: any_value}).order_by().values("pk")[:up_to]
    try:
        statement, parameters = counted.query.sql_with_params()
    except EmptyResultSet:  # Django sees that nothing can be found
        return dict.fromkeys(values, 0)
    each = f"SELECT %s, (SELECT count(*) FROM ({statement}) AS counted)"  # noqa: S608 - Django's own
    asked = [[value if one == any_value else one for one in parameters] for value in values]
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join([each] * len(values)),
            [one for value, of_it in zip(values, asked, strict=True) for one in (value, *of_it)],
        )
        return dict(cursor.fetchall())
