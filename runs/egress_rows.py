"""The calls that left: those of models and tools, and the tests that people and probes made of a deployment.

Each was written down before it left, with labels and names, never content; its row stays when the run is disposed of.
A test belongs to no run and carries nobody's data: its row is its entry in the ledger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from compliance.labels import DataClass
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import first_id
from workflows.departures import NOT_SENT, WITHDRAWN
from workflows.providers.errors import FailureKind
from workflows.tools.errors import ToolFailure

NOWHERE: Final = UUID(int=0)
KINDS: Final = {
    "model": "model call",
    "tool": "tool call",
    "test": "test by a person",
    "probe": "probe while idle",
}
# Failures that are an answer: what was sent has arrived. With all others nobody knows.
ANSWERED_MODEL: Final = [
    *(FailureKind.RATE_LIMITED, FailureKind.SERVER, FailureKind.BAD_REQUEST),
    *(FailureKind.REFUSED, FailureKind.MALFORMED),
]
ANSWERED_TOOL: Final = [
    *(ToolFailure.RATE_LIMITED, ToolFailure.SERVER, ToolFailure.NOT_FOUND),
    *(ToolFailure.MALFORMED, ToolFailure.TOO_LARGE, ToolFailure.REDIRECT),
]

# Of these nothing left: nobody was there, its address was refused before anything was written, or its node had ended.
NOT_SENT_MODEL: Final = [NOT_SENT, WITHDRAWN]
NOT_SENT_TOOL: Final = [NOT_SENT, ToolFailure.ADDRESS]

_MEANT = (
    "{0}.tenant_id = %(tenant)s AND {0}.id >= %(first)s AND {0}.id < %(end)s AND {0}.id > %(after)s"
)
_NOT_SAID = "''"
_DEPLOYMENT = (
    "(SELECT name FROM workflows_deployment WHERE tenant_id = c.tenant_id AND id = c.deployment_id)"
)
_OF_MODELS = f"""
    SELECT c.id, 'model' AS kind, c.started_at, c.provider AS goes_to,
           {_DEPLOYMENT} AS via, c.region, c.egress, c.data_class,
           c.tags, c.redactions, c.model_requested, c.model_answered, c.status, c.error_kind,
           c.status IN ('completed', 'late') OR c.error_kind = ANY(%(answered_model)s) AS answered,
           c.status <> 'failed' OR c.error_kind <> ALL(%(not_sent_model)s) AS sent,
           c.run_id, c.node_id, c.decision_id
    FROM runs_modelcall c WHERE {_MEANT.format("c")}
"""  # noqa: S608 - the parts are the constants above
_OF_TOOLS = f"""
    SELECT c.id, 'tool', c.started_at, c.destination, c.tool, c.region, c.egress, c.data_class,
           c.tags, c.redactions, '', '', c.status, c.error_kind,
           c.status IN ('completed', 'late') OR c.error_kind = ANY(%(answered_tool)s),
           c.status <> 'failed' OR c.error_kind <> ALL(%(not_sent_tool)s),
           c.run_id, c.node_id, c.decision_id
    FROM runs_toolcall c WHERE {_MEANT.format("c")}
"""  # noqa: S608
_TESTS = f"""
    SELECT e.id, CASE e.event WHEN %(tested)s THEN 'test' ELSE 'probe' END, e.at, e.facts->>'provider',
           e.facts->>'name', coalesce(e.facts->>'region', ''), coalesce(e.facts->>'egress', ''), 0,
           '{{}}'::varchar[], '{{}}'::varchar[], e.facts->>'model', coalesce(z.facts->>'model', ''),
           CASE z.facts->>'passed' WHEN 'true' THEN 'completed' WHEN 'false' THEN 'failed' ELSE 'intended' END,
           coalesce(z.facts->>'kind', ''),
           coalesce(z.facts->>'passed' = 'true' OR z.facts->>'kind' = ANY(%(answered_model)s), false),
           coalesce(z.facts->>'kind' <> ALL(%(not_sent_model)s), true),
           NULL::uuid, '', NULL::uuid
    FROM tenancy_ledgerentry e
    LEFT JOIN LATERAL (
        SELECT facts FROM tenancy_ledgerentry
        WHERE tenant_id = e.tenant_id AND subject_kind = 'test' AND subject_id = e.id::text AND event = %(ended)s
        LIMIT 1
    ) AS z ON true
    WHERE e.event IN (%(tested)s, %(probed)s) AND {_MEANT.format("e")}
"""  # noqa: S608
_COLUMNS = """
    id, kind, started_at, goes_to, via, region, egress, data_class, tags, redactions, model_requested, model_answered,
    status, error_kind, answered, sent, run_id, node_id, decision_id
"""
# Totals do not say of each call by which deployment it left.
_CALLS = f"{_OF_MODELS.replace(_DEPLOYMENT, _NOT_SAID)} UNION ALL {_OF_TOOLS} UNION ALL {_TESTS}"
_MATCHING = """
    (%(goes_to)s = '' OR goes_to = %(goes_to)s) AND (%(tag)s = '' OR %(tag)s = ANY(tags))
    AND (%(egress)s = '' OR egress = %(egress)s) AND data_class >= %(data_class)s
"""
# The first of each kind: an index gives them in this order, so that those behind are not read.
_FIRST = " UNION ALL ".join(
    f"(SELECT * FROM ({calls}) AS calls ({_COLUMNS}) WHERE {_MATCHING} ORDER BY id LIMIT %(limit)s)"  # noqa: S608
    for calls in (_OF_MODELS, _OF_TOOLS, _TESTS)
)
_ROWS = f"""
SELECT asked.*, p.number, p.digest FROM (
    SELECT * FROM ({_FIRST}) AS calls ORDER BY id LIMIT %(limit)s
) AS asked
LEFT JOIN runs_decision x ON x.tenant_id = %(tenant)s AND x.id = asked.decision_id
LEFT JOIN compliance_policysnapshot p ON p.tenant_id = %(tenant)s AND p.id = x.snapshot_id
ORDER BY asked.id
"""  # noqa: S608
# Grouped twice: equal tags of many calls become one row before any text is made of them.
_TOTALS = f"""
SELECT kind, goes_to, region, egress, sum(calls)::bigint, sum(unanswered)::bigint, sum(not_sent)::bigint,
       sum(redacted)::bigint, max(data_class), min(first_at), max(last_at),
       array_remove(string_to_array(string_agg(DISTINCT array_to_string(tags, ','), ','), ','), '')
FROM (
    SELECT kind, goes_to, region, egress, tags, count(*) FILTER (WHERE sent) AS calls,
           count(*) FILTER (WHERE sent AND NOT answered) AS unanswered, count(*) FILTER (WHERE NOT sent) AS not_sent,
           count(*) FILTER (WHERE sent AND redactions <> '{{}}') AS redacted, max(data_class) AS data_class,
           min(started_at) AS first_at, max(started_at) AS last_at
    FROM ({_CALLS}) AS calls WHERE {_MATCHING}
    GROUP BY 1, 2, 3, 4, 5
) AS summed
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 2, 1, 3, 4
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which calls are meant: of these days (UTC, both included). An empty word leaves that open."""

    since: date
    until: date
    goes_to: str = ""  # the name of a provider, destination or storage profile
    tag: str = ""  # PII, PHI …
    egress: str = ""  # external or internal
    data_class: DataClass = DataClass.PUBLIC  # that class or a higher one

    def to_json(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "to": self.goes_to,
            "tag": self.tag,
            "egress": self.egress,
            "data_class": self.data_class.word,
        }

    @property
    def sentence(self) -> str:
        """“Did any PHI go to “x” between … and …?”."""
        what = self.tag or "data"
        if self.data_class > DataClass.PUBLIC:
            what = f"{what} of class {self.data_class.word} or higher"
        where = f"to “{self.goes_to}”" if self.goes_to else "to anybody"
        inside = {"external": " outside", "internal": " inside"}.get(self.egress, "")
        return f"Did any {what} go {where}{inside} from {self.since} to {self.until} (UTC)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """One call that left, or may have left; of one that was not `sent`, nothing did.

    `via` is the deployment or the tool. A test has no run and no policy.
    """

    id: UUID
    kind: str
    at: datetime
    goes_to: str
    via: str
    region: str
    egress: str
    data_class: int
    tags: Sequence[str]
    redactions: Sequence[str]
    model_asked: str
    model_answered: str
    status: str
    error_kind: str
    answered: bool
    sent: bool
    run_id: UUID | None
    node_id: str
    decision_id: UUID | None
    policy_number: int | None
    policy_digest: str | None

    @property
    def kind_in_words(self) -> str:
        return KINDS[self.kind]

    def to_json(self) -> dict[str, Any]:
        policy = {"number": self.policy_number, "digest": self.policy_digest}
        return {
            "id": str(self.id),
            "kind": self.kind,
            "at": self.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "to": self.goes_to,
            "via": self.via,
            "region": self.region,
            "egress": self.egress,
            "data_class": DataClass(self.data_class).word,
            "tags": sorted(self.tags),
            "redactions": list(self.redactions),
            "model_asked": self.model_asked,
            "model_answered": self.model_answered,
            "status": self.status,
            "error_kind": self.error_kind,
            "answered": self.answered,
            "sent": self.sent,
            "run": str(self.run_id) if self.run_id else None,
            "node": self.node_id,
            "decision": str(self.decision_id) if self.decision_id else None,
            "policy": policy if self.policy_number is not None else None,
        }


def page(question: Question, *, after: UUID | None, limit: int) -> list[Departure]:
    """The next of these calls, in the order in which they left. One query."""
    found = _fetch(_ROWS, _asked(question) | {"after": after or NOWHERE, "limit": limit})
    return [Departure(**dict(zip(Departure.__slots__, row, strict=True))) for row in found]


def totals(question: Question) -> list[tuple[Any, ...]]:
    """The columns of egress.Total for each place, the most called first. One query."""
    return _fetch(_TOTALS, _asked(question))


def _asked(question: Question) -> dict[str, Any]:
    begin = datetime.combine(question.since, time.min, UTC)
    end = datetime.combine(question.until, time.min, UTC) + timedelta(days=1)
    return {
        "tenant": current_tenant().pk,
        "first": first_id(begin),
        "end": first_id(end),
        "after": NOWHERE,
        "goes_to": question.goes_to,
        "tag": question.tag,
        "egress": question.egress,
        "data_class": int(question.data_class),
        "answered_model": [str(kind) for kind in ANSWERED_MODEL],
        "answered_tool": [str(kind) for kind in ANSWERED_TOOL],
        "not_sent_model": NOT_SENT_MODEL,
        "not_sent_tool": [str(kind) for kind in NOT_SENT_TOOL],
        "tested": EventType.PROVIDER_TESTED.value,
        "probed": EventType.PROVIDER_PROBED.value,
        "ended": EventType.PROVIDER_TEST_ENDED.value,
    }


def _fetch(query: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return list(cursor.fetchall())
