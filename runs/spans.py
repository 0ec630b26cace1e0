"""When anything of a run worked, as spans that do not overlap: merged by the database, however many there are.

In SQL of its own, because Django's ORM has no multiranges.
"""

from datetime import datetime

from django.db import connection

from runs.models import Run

# What waits for somebody or something else, and what only holds others, does not work itself.
QUIET_KINDS = ("delay", "callback", "approval", "for_each", "refine")
STARTERS = ("sub_workflow", "run")  # while they wait, their child run works
SPANS = """
SELECT lower(span), upper(span) FROM (
    SELECT unnest(range_agg(tstzrange(started_at, greatest(started_at, coalesce(finished_at, %s)))))
    FROM runs_nodeexecution
    WHERE run_id = %s AND started_at IS NOT NULL AND status <> 'skipped' AND kind <> ALL (%s)
        AND (status <> 'waiting' OR kind = ANY (%s))
) AS spans (span)
"""


def working_spans(run: Run, *, now: datetime) -> list[tuple[datetime, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(SPANS, [now, run.pk, list(QUIET_KINDS), list(STARTERS)])
        return [(begun, ended) for begun, ended in cursor.fetchall()]
