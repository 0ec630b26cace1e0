"""What the calls of the last day say of deployments and model groups: the numbers of pages, never content."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from compliance.policy.actions import ResourceKind
from runs.models import CallStatus
from tenancy.context import current_tenant
from tenancy.models import first_id
from workflows import budgets
from workflows.departures import NOT_SENT, WITHDRAWN
from workflows.providers.errors import RETRYABLE, PriceUnknown
from workflows.providers.health import Calls, Group

MOST_CALLS: Final = 200_000  # of the newest, so that a page stays quick however busy the day was

_DEPLOYMENTS = """
WITH recent AS MATERIALIZED (
    SELECT deployment_id, status, error_kind, currency, cost_micros, started_at, finished_at
    FROM runs_modelcall
    WHERE tenant_id = %(tenant)s AND deployment_id = ANY(%(ids)s) AND started_at >= %(since)s AND status <> %(intended)s
      AND error_kind <> %(withdrawn)s
    ORDER BY started_at DESC LIMIT %(most)s
), hours AS (
    SELECT deployment_id, date_trunc('hour', started_at, 'UTC') AS hour, count(*) AS calls,
           count(*) FILTER (WHERE status = %(failed)s) AS errors,
           round((percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
               FILTER (WHERE status = %(completed)s))::numeric * 1000) AS p95_ms
    FROM recent GROUP BY 1, 2
), spend AS (
    SELECT deployment_id, currency, sum(cost_micros)::bigint AS micros
    FROM recent WHERE cost_micros > 0 GROUP BY 1, 2
)
SELECT deployment_id,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))
           FILTER (WHERE status = %(completed)s),
       max(finished_at) FILTER (WHERE status = %(completed)s),
       (array_agg(error_kind ORDER BY started_at DESC))[1],
       (SELECT json_agg(json_build_array(hour, calls, errors, p95_ms)) FROM hours
        WHERE hours.deployment_id = recent.deployment_id),
       (SELECT json_agg(json_build_array(currency, micros)) FROM spend
        WHERE spend.deployment_id = recent.deployment_id)
FROM recent GROUP BY deployment_id
"""

_REFUSED = """
SELECT resource_id, count(*) FROM runs_decision
WHERE tenant_id = %(tenant)s AND verdict = 'deny' AND id >= %(first)s AND resource_kind = %(kind)s
  AND resource_id = ANY(%(names)s) AND code <> ALL(%(not_by_policy)s)
GROUP BY 1
"""

_GROUPS = """
SELECT model_group, count(*), count(*) FILTER (WHERE failed_before AND deployment_id <> deployment_before)
FROM (
    SELECT model_group, deployment_id,
           lag(error_kind) OVER attempts = ANY(%(retryable)s) AS failed_before,
           lag(deployment_id) OVER attempts AS deployment_before
    FROM (SELECT id, run_id, node_id, attempt, model_group, deployment_id, error_kind
          FROM runs_modelcall
          WHERE tenant_id = %(tenant)s AND id >= %(first)s AND model_group = ANY(%(groups)s)
          ORDER BY id DESC LIMIT %(most)s) AS newest
    WINDOW attempts AS (PARTITION BY run_id, node_id, attempt, model_group ORDER BY id)
) AS calls GROUP BY model_group
"""


def of_deployments(ids: Collection[UUID], since: datetime) -> Mapping[UUID, Calls]:
    """The calls of these deployments since then, one query; of the newest 200,000 when there are more."""
    asked = {
        "tenant": current_tenant().pk,
        "ids": list(ids),
        "since": since,
        "intended": CallStatus.INTENDED.value,
        "failed": CallStatus.FAILED.value,
        "withdrawn": WITHDRAWN,
        "completed": CallStatus.COMPLETED.value,
        "most": MOST_CALLS,
    }
    return {
        row[0]: Calls(
            p95_ms=None if row[1] is None else round(float(row[1]) * 1000),
            last_answer_at=row[2],
            last_error_kind=row[3] or "",
            by_hour={
                datetime.fromisoformat(hour): (calls, errors, None if p95 is None else int(p95))
                for hour, calls, errors, p95 in row[4]
            },
            spend=dict(row[5] or ()),
        )
        for row in _rows(_DEPLOYMENTS, asked)
    }


def of_groups(names: Collection[str], since: datetime) -> Mapping[str, Group]:
    """Calls of these groups since then, and how many of them were made because another deployment had failed."""
    asked = {
        "tenant": current_tenant().pk,
        "groups": list(names),
        "first": first_id(since),
        "retryable": [NOT_SENT, *sorted(RETRYABLE)],
        "most": MOST_CALLS,
    }
    return {name: Group(calls=calls, failovers=over) for name, calls, over in _rows(_GROUPS, asked)}


def refused(names: Collection[str], since: datetime) -> Mapping[str, int]:
    """How many calls to these deployments a policy refused since then, one query over denials only.

    Those that a budget or a missing price stopped are not among them: no policy did.
    """
    asked = {
        "tenant": current_tenant().pk,
        "first": first_id(since),
        "kind": ResourceKind.MODEL.value,
        "names": list(names),
        "not_by_policy": [budgets.CODE, PriceUnknown.code],
    }
    return dict(_rows(_REFUSED, asked))


def _rows(query: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return list(cursor.fetchall())
