"""A run beside a bare loop: `python -m benchmarks.run_overhead [--json] [--repeat N] [--anywhere]`.

The bare loop is psycopg that inserts a row per node and commits once per wave, on the same server in the same run;
for governed calls it commits before and after each call to the same model server, and once for whatever else a run
commits: its claim, its input, its output. Grove has everything on: sealing, row-level security, claims, events, NOTIFY,
ledger and, for model calls, decisions. Pure nodes ride with the wave that makes them ready, so “a wave for each” is
what a node costs that waits for its commit. Governed calls are measured with a model that answers at once, which shows
Grove's own time alone, and with one that takes 50 ms. This process, Grove's part and the bare loop in it, keeps to one
processor, as docs/scale.md advises for workers; PostgreSQL and the model have all of them. With `--anywhere` it runs
wherever the kernel likes.
"""

import json
import statistics
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from benchmarks.stage import (
    Stage,
    add_model,
    kept_to_one_processor,
    make_tenant,
    options,
    publish,
    slow_model,
    wait_until,
    wake,
)

RATIO_LIMIT, MANY_LIMIT, TRIVIAL_COMMITS, GOVERNED_COMMITS = 2.0, 2.5, 1.2, 2.2
THINKING_SECONDS = 0.05  # of a model that is quicker than any real one, and does not answer at once
CHAIN, FAN, RUNS, NODES = 40, 40, 200, 10
THINKING_SHARE = 5  # what takes long is measured in so many times fewer turns
FRAME = 3  # of a run, whatever its nodes are: the claim, the input, the output


@dataclass
class Row:
    """One line of the table. Times are milliseconds; `ratio` is to the bare loop of the same shape."""

    name: str
    total_ms: float
    per_node_ms: float
    commits_per_node: float
    statements_per_node: float
    bare_ms: float | None
    ratio: float | None
    limit: str
    holds: bool


def chain(nodes: int, kind: str = "transform") -> str:
    """Input, then `nodes` in a row, then output."""
    names = [f"n{number}" for number in range(nodes)]
    lines = [_head("chain")]
    before = "start"
    for name in names:
        lines.append(_node(name, kind, [before]))
        before = name
    return "\n".join([*lines, _tail([before], before)])


def fan_out(nodes: int, kind: str = "transform") -> str:
    """Input, then `nodes` side by side, then a merge and the output."""
    names = [f"n{number}" for number in range(nodes)]
    lines = [_head("fan"), *(_node(name, kind, ["start"]) for name in names)]
    lines.append(f"  - {{id: joined, kind: merge, mode: object, after: [{', '.join(names)}]}}")
    return "\n".join([*lines, _tail(["joined"], "joined")])


def _head(name: str) -> str:
    return (
        f"grove: 1\nname: {name}-{time.monotonic_ns()}\ntitle: Measured\ndata_class: internal\nnodes:\n"
        "  - {id: start, kind: input, schema: {type: object, properties: {n: {type: integer}}, required: [n]}}"
    )


def _node(name: str, kind: str, after: list[str]) -> str:
    if kind == "llm":
        return (
            f"  - {{id: {name}, kind: llm, after: [{', '.join(after)}], model_group: default, "
            f'prompt: "Say {{{{ start.n }}}}", max_tokens: 8}}'
        )
    return f"  - {{id: {name}, kind: transform, after: [{', '.join(after)}], expression: '{{n: start.n}}'}}"


def _tail(after: list[str], value: str) -> str:
    return (
        f'  - {{id: result, kind: output, after: [{", ".join(after)}], value: "{{{{ {value} }}}}"}}'
    )


# -- the bare loop ------------------------------------------------------------------------------------------------

BARE_ROW = "INSERT INTO bare (run, node, output) VALUES (gen_random_uuid(), 'n', '{\"n\": 1}')"


def bare(url: str, waves: Sequence[int]) -> float:
    """Milliseconds for a loop that inserts a row per node and commits once per wave."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS bare (run uuid, node text, at timestamptz DEFAULT now(), output jsonb)"
        )
        started = time.perf_counter()
        for wave in waves:
            with connection.transaction() if wave > 1 else nullcontext():
                for _ in range(wave):
                    connection.execute(BARE_ROW)
        return (time.perf_counter() - started) * 1000


def bare_calls(url: str, model_url: str, calls: int) -> float:
    """Milliseconds for a loop that commits a row for each part of the frame, and before and after each call."""
    import httpx
    import psycopg

    asked = {"model": "measured", "messages": [{"role": "user", "content": "Say 1"}]}
    with httpx.Client() as client, psycopg.connect(url, autocommit=True) as connection:
        client.post(f"{model_url}/chat/completions", json=asked)  # warm, as Grove's is
        started = time.perf_counter()
        for call in range(-FRAME, calls):
            connection.execute(BARE_ROW)
            if call >= 0:
                client.post(f"{model_url}/chat/completions", json=asked).json()
                connection.execute(BARE_ROW)
        return (time.perf_counter() - started) * 1000


# -- Grove --------------------------------------------------------------------------------------------------------


def one_run(version: Any, executor: Any) -> tuple[float, str]:
    """Milliseconds from the claim to the last commit of one run, and how it ended."""
    from runs import start
    from runs.models import Run
    from tenancy import actors

    run = start.start(version=version, run_input={"n": 1}, by=actors.SYSTEM)
    return wake(executor), Run.objects.get(pk=run.pk).status


class Counter:
    """Counts what the executor's own threads send: statements, and commits of what writes."""

    THREADS = ("driver", "node")

    def __init__(self) -> None:
        self.statements = self.commits = 0

    def __enter__(self) -> "Counter":
        from tenancy.pgbackend import base, straight

        self._cursor, self._wrapper = base._TenantCursor, base.DatabaseWrapper
        self._execute, self._commit = self._cursor.execute, self._wrapper.commit
        self._sending = straight.Sending
        self._send, self._finish = self._sending.send, self._sending.finish
        counter = self

        def send(sending: Any, *asked: Any) -> None:
            counter.statements += counter._is_ours()
            counter._send(sending, *asked)

        def finish(sending: Any) -> None:
            counter.commits += counter._is_ours() and sending._connection.autocommit
            counter._finish(sending)

        def execute(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
            if counter._is_ours():
                counter.statements += 1
                alone = cursor.connection.autocommit
                counter.commits += alone and _writes(str(query))
            return counter._execute(cursor, query, params, **options)

        def commit(wrapper: Any) -> None:
            counter.commits += counter._is_ours()
            counter._commit(wrapper)

        self._cursor.execute, self._wrapper.commit = execute, commit
        self._sending.send, self._sending.finish = send, finish  # type: ignore[method-assign]
        return self

    def __exit__(self, *exception: object) -> None:
        self._cursor.execute, self._wrapper.commit = self._execute, self._commit
        self._sending.send, self._sending.finish = self._send, self._finish

    def _is_ours(self) -> bool:
        return threading.current_thread().name.startswith(self.THREADS)


def _writes(query: str) -> bool:
    return query.startswith(("INSERT", "UPDATE", "DELETE"))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A graph to measure: `waves` are what the bare loop commits. `nodes` of a governed one are its calls alone."""

    name: str
    text: str
    nodes: int
    waves: Sequence[int] = ()
    governed: bool = False
    riding: bool = True
    ratio_limit: float | None = RATIO_LIMIT  # without one it is only shown

    @property
    def commits_limit(self) -> float:
        return GOVERNED_COMMITS if self.governed else TRIVIAL_COMMITS


def measure_single(stage: Stage, shape: Shape, repeat: int, model_url: str) -> Row:
    """Median over `repeat` runs, each beside its own bare loop."""
    from runs import turn
    from runs.executor import Executor

    here, turn.HERE_AT_MOST_SECONDS = (
        turn.HERE_AT_MOST_SECONDS,
        (0.02 if shape.riding else -1),
    )
    version, executor = publish(shape.text), Executor()
    executor.start()
    try:
        one_run(version, executor)  # warm: connections, the parsed definition
        stage.analyze()
        one_run(version, executor)  # plans
        ours, bares = [], []
        with Counter() as counter:
            for _ in range(repeat):
                if shape.governed:
                    bares.append(bare_calls(stage.owner_url, model_url, shape.nodes))
                else:
                    bares.append(bare(stage.owner_url, shape.waves))
                taken, status = one_run(version, executor)
                if status != "completed":
                    raise SystemExit(f"{shape.name}: the run ended {status}.")
                ours.append(taken)
    finally:
        executor.stop()
        turn.HERE_AT_MOST_SECONDS = here
    return _row(shape, ours, bares, counter, repeat)


def _row(shape: Shape, ours: list[float], bares: list[float], counter: Counter, repeat: int) -> Row:
    total, bare_ms = statistics.median(ours), statistics.median(bares)
    ratio = statistics.median(o / b for o, b in zip(ours, bares, strict=True))
    commits = (counter.commits / repeat - FRAME * shape.governed) / shape.nodes
    holds = commits <= shape.commits_limit
    limit = f"{shape.commits_limit} commits a node"
    if shape.ratio_limit is not None:
        holds = holds and ratio <= shape.ratio_limit
        limit += f", {shape.ratio_limit:g} x bare"
    return Row(
        name=shape.name,
        total_ms=total,
        per_node_ms=total / shape.nodes,
        commits_per_node=commits,
        statements_per_node=counter.statements / repeat / shape.nodes,
        bare_ms=bare_ms,
        ratio=ratio,
        limit=limit,
        holds=holds,
    )


def measure_many(stage: Stage, repeat: int) -> Row:
    """RUNS runs of NODES nodes, all on record, on two real workers: until the last has ended."""
    from runs import start
    from runs.models import TERMINAL, Run
    from tenancy import actors
    from tenancy.context import current_tenant
    from tenancy.models import Tenant, TenantStatus

    version = publish(chain(NODES))
    nodes = RUNS * (NODES + 2)
    ours, bares = [], []
    with stage.workers(2):
        for _ in range(repeat):
            bares.append(_bare_in_two(stage.owner_url))
            before = Run.objects.filter(status__in=TERMINAL).count()
            tenant = Tenant.objects.filter(pk=current_tenant().pk)
            tenant.update(status=TenantStatus.SUSPENDED)  # its runs wait until all are on record
            starting = time.perf_counter()
            for number in range(RUNS):
                start.start(version=version, run_input={"n": number}, by=actors.SYSTEM)
            started = time.perf_counter()
            tenant.update(status=TenantStatus.ACTIVE)
            began = time.perf_counter()
            wait_until(
                lambda before=before: (
                    Run.objects.filter(status__in=TERMINAL).count() >= before + RUNS
                ),
                120,
                0.02,
            )
            ended = time.perf_counter()
            ours.append((ended - began) * 1000)
            print(f"  {(started - starting) / RUNS * 1000:.1f} ms to start a run")
    total, bare_ms = statistics.median(ours), statistics.median(bares)
    return Row(
        name=f"{RUNS} runs of {NODES} nodes, 2 workers",
        total_ms=total,
        per_node_ms=total / nodes,
        commits_per_node=float("nan"),
        statements_per_node=float("nan"),
        bare_ms=bare_ms,
        ratio=total / bare_ms,
        limit=f"{MANY_LIMIT:g} x bare",
        holds=total / bare_ms <= MANY_LIMIT,
    )


def _bare_in_two(url: str) -> float:
    """The bare loop of the same shape in two processes at once."""
    context = get_context("fork")
    waves = [1] * (RUNS * (NODES + 2) // 2)
    loops = [context.Process(target=bare, args=(url, waves)) for _ in range(2)]
    began = time.perf_counter()
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    return (time.perf_counter() - began) * 1000


def shapes() -> list[Shape]:
    chained, fanned = [1] * (CHAIN + 3), [1, 1, FAN, 1, 1]
    return [
        Shape(name=f"chain of {CHAIN}", text=chain(CHAIN), nodes=CHAIN + 2, waves=chained),
        Shape(name=f"fan-out of {FAN}", text=fan_out(FAN), nodes=FAN + 3, waves=fanned),
        Shape(
            name=f"chain of {CHAIN}, a wave for each",
            text=chain(CHAIN),
            nodes=CHAIN + 2,
            waves=chained,
            riding=False,
            ratio_limit=None,
        ),
    ]


def governed_shapes(of_model: str) -> list[Shape]:
    graphs = {"in a row": chain, "side by side": fan_out}
    return [
        Shape(
            name=f"{NODES} model calls {how}, {of_model}",
            text=graph(NODES, "llm"),
            nodes=NODES,
            governed=True,
        )
        for how, graph in graphs.items()
    ]


def measure(repeat: int, *, anywhere: bool = False) -> list[Row]:
    with Stage() as stage:
        from tenancy.context import tenant_context

        rows, fewer = [], max(1, repeat // THINKING_SHARE)
        for name, seconds in (("answered at once", 0.0), ("50 ms each", THINKING_SECONDS)):
            with slow_model(seconds) as url, tenant_context(make_tenant(f"measured{len(rows)}")):
                add_model(url)
                asked = governed_shapes(name) if rows else [*shapes(), *governed_shapes(name)]
                turns = fewer if seconds else repeat
                with kept_to_one_processor(unless=anywhere):
                    rows += [measure_single(stage, shape, turns, url) for shape in asked]
        with tenant_context(make_tenant("many")):
            return [*rows, measure_many(stage, fewer)]


def main() -> int:
    asked = options(__doc__, repeat=25)
    rows = measure(asked.repeat, anywhere=asked.anywhere)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        show(rows)
    return 0 if all(row.holds for row in rows) else 1


def show(rows: list[Row]) -> None:
    print(
        f"{'':48} {'ms':>9} {'ms/node':>8} {'commits':>8} {'stmts':>6} {'bare ms':>8} {'ratio':>6}  limit"
    )
    for row in rows:
        print(
            f"{row.name:48} {row.total_ms:9.1f} {row.per_node_ms:8.2f} {row.commits_per_node:8.2f} "
            f"{row.statements_per_node:6.2f} {row.bare_ms or 0:8.1f} {row.ratio or 0:6.2f}  "
            f"{row.limit}: {'holds' if row.holds else 'MISSED'}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
