"""How many rows each of several selections has, in one statement: a page that shows eight counts asks once."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import CharField, IntegerField, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from tenancy.context import current_tenant
from tenancy.models import Tenant

PREFIX = "count_of_"  # no name of ours is one of a column


class _Count(Subquery):
    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def count_each(selections: Mapping[str, QuerySet[Any]], *, up_to: int) -> dict[str, int]:
    """Each is counted on its own index, and not beyond `up_to`."""
    if not selections:
        return {}
    asked = {
        f"{PREFIX}{name}": _Count(rows.order_by().values("pk")[:up_to])
        for name, rows in selections.items()
    }
    counted = Tenant.objects.filter(pk=current_tenant().pk).values(**asked).get()
    return {name: counted[f"{PREFIX}{name}"] or 0 for name in selections}


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
