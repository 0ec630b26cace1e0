"""What benchmarks.generate writes: workflows as people publish them, and an INSERT … SELECT for each table of runs.

Payloads have the size of sealed ones, and no content.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.stage import add_model, publish

TITLES = (
    "Claims triage", "Complaint letters", "Contract review", "Know your customer", "Invoice matching", "Fraud signals",
    "Policy questions", "Patient letters", "Grant reports", "Supplier checks", "Mail sorting", "Meeting minutes",
)  # fmt: skip
OWNERS = 500  # customer-000 to customer-499
DAYS = 365
TABLES = (
    "runs_run",
    "runs_nodeexecution",
    "runs_runevent",
    "runs_decision",
    "runs_modelcall",
    "runs_runfacts",
    "runs_runclaim",
)

# What became of runs: the share of those older than an hour. The newest are still under way.
STATES = (
    ("completed", 0.90),
    ("completed_with_non_critical_errors", 0.02),
    ("failed", 0.05),
    ("cancelled", 0.018),
    ("disposed", 0.01),
    ("waiting", 0.002),
)
UNDER_WAY = 60  # how many of the newest runs are queued or running
CHILDREN = 15  # of 50 runs: child runs of the one before them


def publish_workflows(nodes: int) -> list[Any]:
    """A published version for each title: input, then transforms and model calls in turn, then output."""
    add_model("http://127.0.0.1:9/v1")  # nobody calls it
    return [publish(_definition(title, nodes)) for title in TITLES]


def _definition(title: str, nodes: int) -> str:
    middle, before, lines = max(0, nodes - 2), "start", []
    for number in range(1, middle + 1):
        after = f"id: n{number}, after: [{before}]"
        if number % 2:
            lines.append(f"  - {{{after}, kind: transform, expression: '{{n: start.n}}'}}")
        else:
            lines.append(
                f'  - {{{after}, kind: llm, model_group: default, prompt: "Say {{{{ start.n }}}}", max_tokens: 8}}'
            )
        before = f"n{number}"
    return "\n".join(
        [
            f"grove: 1\nname: {title.lower().replace(' ', '-')}\ntitle: {title}\ndata_class: internal\nnodes:",
            "  - {id: start, kind: input, schema: {type: object, properties: {n: {type: integer}}, required: [n]}}",
            *lines,
            f'  - {{id: result, kind: output, after: [{before}], value: "{{{{ {before} }}}}"}}',
        ]
    )


def prepare(connection: Any, versions: Sequence[tuple[Any, ...]]) -> None:
    """Functions and a table that only this connection sees."""
    connection.execute(PREPARE)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO version VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", versions
        )


def write(connection: Any, *, first: int, count: int, runs: int, nodes: int) -> None:
    """Runs number `first` and the next ones of `runs`, with all that belongs to them."""
    chosen = {
        "first": first, "count": count, "runs": runs, "nodes": nodes, "days": DAYS, "owners": OWNERS,
        "under_way": min(UNDER_WAY, runs // 10), "workflows": len(TITLES), "bounds": _bounds(), "children": CHILDREN,
    }  # fmt: skip
    connection.execute(PLAN, chosen)
    for statement in statements(nodes):
        connection.execute(statement)
    connection.execute("DROP TABLE made")


def _bounds() -> list[float]:
    """Lower bound of each state's share, for width_bucket."""
    bounds, sofar = [], 0.0
    for _, share in STATES:
        bounds.append(sofar)
        sofar += share
    return bounds


def freeze(versions: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What runs of each version are frozen to, as rows of the table `version`. Their data key is shared."""
    from psycopg.types.json import Jsonb

    from compliance import policies
    from runs import manifest
    from tenancy import keys
    from workflows.models import Deployment

    snapshot, deployment = policies.active_snapshot(), Deployment.objects.get()
    key = keys.take_data_key()
    rows = []
    for nth, version in enumerate(versions):
        frozen = manifest.freeze(version, version.revision.definition, snapshot)
        rows.append(
            (nth, version.workflow_id, version.pk, snapshot.pk, deployment.pk, key.id, version.digest,
             Jsonb(frozen), manifest.digest(frozen))
        )  # fmt: skip
    return rows


# -- the statements -----------------------------------------------------------------------------------------------

PREPARE = """
CREATE TEMP TABLE version (
    nth int, workflow_id uuid, version_id uuid, snapshot_id uuid, deployment_id uuid, data_key_id uuid,
    definition_digest text, manifest jsonb, manifest_digest text);
-- A UUID version 7 (RFC 9562) of this moment; the seed tells it from its neighbours.
CREATE FUNCTION pg_temp.id_at(at timestamptz, seed text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3)
            || '8' || substr(h, 4, 15))::uuid FROM md5(seed) AS h
$$;
CREATE FUNCTION pg_temp.bytes(seed text, times int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(repeat(md5(seed), times), 'hex')
$$;
"""

# What was used by the hour, as starting and spending would have counted it.
USED = """
INSERT INTO tenancy_quotause (id, unit, hour, used)
SELECT gen_random_uuid(), unit, hour, used FROM (
    SELECT date_trunc('hour', created_at, 'UTC') AS hour, count(*) AS runs, sum(cost_micros) AS micros
    FROM runs_run GROUP BY 1) AS h, LATERAL (VALUES ('run', runs), ('EUR', micros)) AS u (unit, used)
"""

# One row per run, all chances taken: the other statements only tell what follows from it.
PLAN = """
CREATE TEMP TABLE made AS
SELECT c.*, v.*, pg_temp.id_at(c.at, 'run' || c.i) AS id,
    CASE WHEN c.i %% 50 BETWEEN 1 AND %(children)s THEN c.i - c.i %% 50 END AS child_of,
    CASE WHEN c.i >= %(runs)s::int - %(under_way)s::int
         THEN CASE WHEN c.i %% 3 = 0 THEN 'queued' ELSE 'running' END
         ELSE (ARRAY['completed', 'completed_with_non_critical_errors', 'failed', 'cancelled', 'disposed', 'waiting'])
              [width_bucket(c.chance, %(bounds)s::float[])] END AS status,
    1 + floor(c.other * (%(nodes)s - 1))::int AS last_node,  -- where it failed, waits or was cancelled
    c.i %% 3 = 0 AS retried
FROM (
    SELECT i, random() AS chance, random() AS other,
        date_trunc('milliseconds', now() - make_interval(
            secs => %(days)s * 86400.0 * (%(runs)s::int - i - 0.5 * random()) / %(runs)s::int)) AS at,
        floor(%(workflows)s * random() * random())::int AS workflow,  -- a few are run most of the time
        'customer-' || lpad(floor(%(owners)s * random() * random())::text, 3, '0') AS owner
    FROM generate_series(%(first)s::int, %(first)s::int + %(count)s::int - 1) AS i
) AS c JOIN version v ON v.nth = c.workflow
ORDER BY c.i
"""

STARTED = "m.at + interval '40 milliseconds'"
ENDED = "m.status NOT IN ('queued', 'running', 'waiting')"
ALL_NODES = "m.status IN ('completed', 'completed_with_non_critical_errors', 'disposed')"
DIGEST = "md5(m.id::text) || md5(m.i::text)"


def statements(nodes: int) -> list[str]:
    """One INSERT for each table, from the plan."""
    from runs.models import (
        Decision,
        ModelCall,
        NodeExecution,
        Run,
        RunClaim,
        RunEvent,
        RunFacts,
    )

    took = f"interval '300 milliseconds' * {nodes}"
    run = _insert(
        Run,
        "made m LEFT JOIN made p ON p.i = m.child_of ORDER BY m.i",
        id="m.id", parent_run_id="p.id", root_run_id="p.id", parent_attempt="1",
        parent_node="CASE WHEN p.id IS NULL THEN '' ELSE 'n1[' || m.i % 50 || ']' END",
        workflow_id="m.workflow_id", version_id="m.version_id", snapshot_id="m.snapshot_id",
        status="m.status", owner_label="CASE WHEN m.status = 'disposed' THEN '' ELSE m.owner END",
        subject_key="CASE WHEN m.status = 'disposed' OR m.i % 4 > 0 THEN '' ELSE md5('subject' || m.i % 50000) END",
        data_key_id="m.data_key_id", data_class="1", labels="'{}'", manifest="m.manifest",
        manifest_digest="m.manifest_digest", definition_digest="m.definition_digest",
        started_by_kind="'user'", started_by_id="m.snapshot_id",
        input_sealed="CASE WHEN m.status = 'disposed' THEN NULL ELSE pg_temp.bytes('in' || m.i, 12) END",
        input_commitment=DIGEST,
        output_sealed=f"CASE WHEN {ALL_NODES} AND m.status <> 'disposed' THEN pg_temp.bytes('out' || m.i, 12) END",
        output_commitment=f"CASE WHEN {ALL_NODES} THEN {DIGEST} ELSE '' END",
        error_code="CASE WHEN m.status = 'failed' THEN 'provider_down' ELSE '' END",
        error_sentence="CASE WHEN m.status = 'failed' THEN 'The provider did not answer.' ELSE '' END",
        error_node="CASE WHEN m.status = 'failed' THEN 'n' || m.last_node ELSE '' END",
        created_at="m.at", started_at=f"CASE WHEN m.status <> 'queued' THEN {STARTED} END",
        finished_at=f"CASE WHEN {ENDED} THEN {STARTED} + {took} END",
        disposed_at="CASE WHEN m.status = 'disposed' THEN m.at + interval '90 days' END",
        nodes_total=str(nodes), nodes_done=f"CASE WHEN {ALL_NODES} THEN {nodes} ELSE m.last_node END",
        tokens_in="120 * m.last_node", tokens_out="40 * m.last_node", cost_micros="900 * m.last_node", event_seq="3",
    )  # fmt: skip
    facts = _insert(
        RunFacts,
        "made m",
        id="pg_temp.id_at(m.at, 'facts' || m.i)",
        root_run_id="m.id",
        calls="1",
    )
    claim = _insert(
        RunClaim,
        "made m",
        run_id="m.id",
        tenant_id="current_setting('app.tenant_id')::uuid",
        wanted=f"NOT ({ENDED})",
        token="1",  # noqa: S106 - of a claim
    )
    executions = _node_executions(NodeExecution, nodes)
    return [run, executions, *_records(RunEvent, Decision, ModelCall), facts, claim]


def _node_executions(model: Any, nodes: int) -> str:
    """All nodes of what is completed, and every third run one that was tried twice; the others stop on their way."""
    done = f"({ALL_NODES} OR k < m.last_node)"
    at = f"{STARTED} + interval '300 milliseconds' * k"
    source = (
        f"made m CROSS JOIN generate_series(0, {nodes - 1}) AS k "
        "CROSS JOIN generate_series(1, CASE WHEN m.retried AND k = m.last_node THEN 2 ELSE 1 END) AS attempt "
        f"WHERE m.status <> 'queued' AND ({ALL_NODES} OR k <= m.last_node) ORDER BY m.i, k, attempt"
    )
    last = "CASE m.status WHEN 'failed' THEN 'failed' WHEN 'cancelled' THEN 'cancelled' ELSE m.status END"
    return _insert(
        model,
        source,
        id=f"pg_temp.id_at({at}, 'node' || m.i || k || attempt)", run_id="m.id",
        node_id=f"CASE k WHEN 0 THEN 'start' WHEN {nodes - 1} THEN 'result' ELSE 'n' || k END",
        kind=f"CASE k WHEN 0 THEN 'input' WHEN {nodes - 1} THEN 'output' ELSE "
             "(ARRAY['llm', 'transform'])[1 + k % 2] END",
        attempt="attempt",
        status=f"CASE WHEN m.retried AND k = m.last_node AND attempt = 1 THEN 'failed' WHEN {done} THEN 'completed' "
               f"ELSE {last} END",
        output_sealed=f"CASE WHEN {done} AND m.status <> 'disposed' THEN pg_temp.bytes('node' || m.i || k, 8) END",
        output_commitment=f"CASE WHEN {done} THEN {DIGEST} ELSE '' END", labels="'{\"data_class\": \"internal\"}'",
        started_at=at, finished_at=f"CASE WHEN {done} OR {ENDED} THEN {at} + interval '280 milliseconds' END",
        worker="'worker1'", claim_token="1",  # noqa: S106
        model="CASE WHEN k > 0 AND k % 2 = 0 THEN 'measured' ELSE '' END",
        tokens_in="CASE WHEN k % 2 = 0 THEN 120 ELSE 0 END", tokens_out="CASE WHEN k % 2 = 0 THEN 40 ELSE 0 END",
    )  # fmt: skip


def _records(event: Any, decision: Any, call: Any) -> list[str]:
    """Three events a run, and where it came as far as its first model call a decision and the call."""
    called = "made m WHERE m.status <> 'queued' AND m.last_node > 1"
    at = f"{STARTED} + interval '600 milliseconds'"
    return [
        _insert(
            event,
            "made m CROSS JOIN generate_series(1, 3) AS seq",
            id="pg_temp.id_at(m.at, 'event' || m.i || seq)", run_id="m.id", seq="seq",
            name="(ARRAY['run.started', 'node.started', 'node.completed'])[seq]",
            node_id="CASE seq WHEN 1 THEN '' ELSE 'start' END", at="m.at",
        ),
        _insert(
            decision,
            called,
            id=f"pg_temp.id_at({at}, 'decision' || m.i)", run_id="m.id", node_id="'n2'", attempt="1",
            action_kind="'call_model'", resource_kind="'deployment'", resource_id="m.deployment_id",
            resource_name="'measured'", verdict="CASE WHEN m.i % 200 = 0 THEN 'deny' ELSE 'allow' END",
            policies="'[\"default.allow\"]'", action="'{\"kind\": \"call_model\"}'", action_digest=DIGEST,
            facts="'{\"calls\": 1}'", snapshot_id="m.snapshot_id", engine_us="150", at=at,
        ),
        _insert(
            call,
            called,
            id=f"pg_temp.id_at({at}, 'call' || m.i)", run_id="m.id",
            decision_id=f"pg_temp.id_at({at}, 'decision' || m.i)", deployment_id="m.deployment_id", node_id="'n2'",
            attempt="1", model_group="'default'", status="'completed'", model_requested="'measured'",
            model_answered="'measured'", tokens_in="120", tokens_out="40", started_at=at,
            finished_at=f"{at} + interval '250 milliseconds'",
        ),
    ]  # fmt: skip


def _insert(model: Any, source: str, /, **columns: str) -> str:
    """INSERT … SELECT of these columns; all others get the model's default, so that new ones need no change here."""
    from django.db import connection
    from psycopg import sql

    given = dict(columns)
    for field in model._meta.concrete_fields:
        if field.column in given or field.column == "tenant_id":
            continue
        default = field.get_default()
        if default is None and not field.null:
            raise SystemExit(f"Say what {model.__name__}.{field.column} is.")
        given[field.column] = sql.Literal(field.get_db_prep_save(default, connection)).as_string(
            None
        )
    return f"INSERT INTO {model._meta.db_table} ({', '.join(given)}) SELECT {', '.join(given.values())} FROM {source}"
