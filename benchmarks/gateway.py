"""What Grove adds to one model call: `python -m benchmarks.gateway [--json] [--repeat N] [--anywhere]`.

Each governed call is made by a node of a real run, through the door that all nodes go through: plan, decision,
reservation of money in two budgets and the intent in one durable commit before the call leaves; the adapter's
translation both ways; detectors over the answer, sealing. The call that a node begins with is decided and made ready
while the wave is written that starts it, and leaves with the commit: of such a call what the wave takes longer than
waves without intents (their median, in the same turn) and the door's own method from that commit on are added up. A
further call of a node is the door's method alone, from the node's asking to its answer. What the run writes afterwards
with its wave is in benchmarks/run_overhead.py. The bare call is httpx to the same server with the same words, in the
same process, between the runs. “By hand” is the least that keeps the promise: psycopg writes two rows, counts in two
budgets and commits, then httpx calls. Masked calls carry a letter with personal data to a provider outside, so that
they are decided twice and rewritten.

On a machine that has other work to do, calls wait for a processor: `cpu` is the processor time alone, which that does
not change. It leaves out the disk's part of the commit, so the limit is on the whole. This process keeps to one
processor, as docs/scale.md advises for workers; with `--anywhere` it runs wherever the kernel likes.
"""

import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.stage import (
    Stage,
    add_model,
    kept_to_one_processor,
    make_tenant,
    options,
    publish,
    slow_model,
    wake,
)

ABOVE_LIMIT_MS = 1.5  # of the median governed call above the median bare one
CALLS = 20  # in a row, in each run
MUCH = 10**12  # micro-units: no budget is used up while this measures
LETTER = (
    "Dear Sir or Madam, you charged me 35 euros for a card that I never ordered. My account is "
    "DE89 3704 0044 0532 0130 00 and you reach me at jo@example.org. Please answer soon."
)


@dataclass
class Row:
    """One line of the table. Times are milliseconds of one call; `ratio` is what it adds against the limit.

    `above_cpu` is the processor time of the calling thread above that of the bare call, at the median.
    """

    name: str
    calls: int
    bare_p50: float
    bare_p99: float
    governed_p50: float
    governed_p99: float
    above_p50: float
    above_p99: float
    by_hand_p50: float  # above the bare call
    above_cpu: float
    limit_ms: float
    ratio: float
    holds: bool


@dataclass
class Taken:
    """Milliseconds of each call: on the clock, and of the processor."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    ended_at: float = 0.0  # the last one

    def add(self, others: "Taken") -> None:
        self.clock += others.clock
        self.cpu += others.cpu

    @contextmanager
    def one(self, after: "Taken | None" = None) -> Iterator[None]:
        """Of what waits for the end of another one, `after`, the clock runs from that on."""
        began, worked = time.perf_counter(), time.thread_time()
        yield
        self.ended_at = time.perf_counter()
        self.cpu.append((time.thread_time() - worked) * 1000)
        self.clock.append((self.ended_at - max(began, after.ended_at if after else 0)) * 1000)


def chain() -> str:
    """Input, then CALLS model calls in a row that ask what came in, then output."""
    lines = [
        f"grove: 1\nname: gateway-{time.monotonic_ns()}\ntitle: Measured\ndata_class: internal\nnodes:",
        "  - {id: start, kind: input, schema: {type: object, properties: {text: {type: string}}, required: [text]}}",
    ]
    before = "start"
    for number in range(CALLS):
        lines.append(
            f"  - {{id: n{number}, kind: llm, after: [{before}], model_group: default, "
            'prompt: "{{ start.text }}", max_tokens: 8}'
        )
        before = f"n{number}"
    lines.append(
        f'  - {{id: result, kind: output, after: [{before}], value: "{{{{ {before} }}}}"}}'
    )
    return "\n".join(lines)


def bare_calls(model_url: str, prompt: str, taken: Taken) -> None:
    """CALLS calls without anything of Grove's."""
    import httpx

    address, body = f"{model_url}/chat/completions", _asked(prompt)
    with httpx.Client(trust_env=False) as client:
        client.post(address, json=body)  # opens the connection, as Grove's is open
        for _ in range(CALLS):
            with taken.one():
                client.post(address, json=body).json()


BY_HAND = """
CREATE TABLE IF NOT EXISTS by_hand (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), run uuid, body jsonb, sealed bytea);
CREATE TABLE IF NOT EXISTS by_hand_budget (id integer PRIMARY KEY, reserved bigint NOT NULL);
INSERT INTO by_hand_budget VALUES (1, 0), (2, 0) ON CONFLICT DO NOTHING
"""
INTENT_BY_HAND = """
WITH decision AS (INSERT INTO by_hand (run, body) VALUES (gen_random_uuid(), %(body)s)),
     call AS (INSERT INTO by_hand (run, body, sealed) VALUES (gen_random_uuid(), %(body)s, %(sealed)s))
UPDATE by_hand_budget SET reserved = reserved + 1
"""


def calls_by_hand(owner_url: str, model_url: str, prompt: str, taken: Taken) -> None:
    """CALLS calls, each after one durable commit of what has to be on record, and nothing else of Grove's."""
    import httpx
    import psycopg

    address, body = f"{model_url}/chat/completions", _asked(prompt)
    written = {"body": json.dumps(body), "sealed": json.dumps(body).encode()}
    with (
        httpx.Client(trust_env=False) as client,
        psycopg.connect(owner_url, autocommit=True, prepare_threshold=1) as connection,
    ):
        connection.execute(BY_HAND)
        client.post(address, json=body)
        connection.execute(INTENT_BY_HAND, written)
        for _ in range(CALLS):
            with taken.one():
                connection.execute(INTENT_BY_HAND, written)
                client.post(address, json=body).json()


def _asked(prompt: str) -> dict[str, Any]:
    return {
        "model": "measured",
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 8,
        "temperature": 0,
    }


@dataclass
class Watch:
    """What governed calls take: in the door, and the waves before them."""

    door: Taken = field(default_factory=Taken)
    waves: Taken = field(default_factory=Taken)

    def whole(self, plain: Taken) -> Taken:
        """The calls of a chain with what was done for each in the wave before it; `plain` are waves without intents."""
        clock, cpu = statistics.median(plain.clock), statistics.median(plain.cpu)
        each = len(self.door.clock)
        return Taken(
            clock=[sum(two) - clock for two in self._by_call("clock", each)],
            cpu=[sum(two) - cpu for two in self._by_call("cpu", each)],
        )

    def _by_call(self, name: str, each: int) -> Iterator[tuple[float, float]]:
        parts = [getattr(part, name) for part in (self.door, self.waves)]
        if any(len(part) != each for part in parts):
            raise SystemExit(
                f"Of {each} calls not each had a wave of its own: {list(map(len, parts))}."
            )
        return zip(*parts, strict=True)


@contextmanager
def clocked(*, riding: bool) -> Iterator[Watch]:
    """Every governed model call meanwhile, and the waves that start their nodes. Not riding: none is decided ahead."""
    from runs import writing
    from runs.governed import GovernedDoor
    from runs.node_pool import NodePool

    watch = Watch()
    door, room, write = GovernedDoor.model, NodePool.room, writing.write

    def model(self: Any, **asked: Any) -> Any:
        with watch.door.one(after=watch.waves):
            return door(self, **asked)

    def written(steps: Any, stopping: Any, *meanwhile: Any) -> Any:
        starts = any(start.spec.kind == "llm" for step in steps for start in step.starting)
        with watch.waves.one() if starts else nullcontext():
            return write(steps, stopping, *meanwhile)

    GovernedDoor.model, writing.write = model, written  # type: ignore[method-assign]
    if not riding:
        NodePool.room = property(lambda pool: 0)  # type: ignore[method-assign, assignment]
    try:
        yield watch
    finally:
        GovernedDoor.model, NodePool.room, writing.write = door, room, write  # type: ignore[method-assign]


def one_run(version: Any, executor: Any, text: str) -> str:
    """Wait for one run with this text, and say how it ended and why."""
    from runs import start
    from runs.models import Run
    from tenancy import actors

    run = start.start(version=version, run_input={"text": text}, by=actors.SYSTEM)
    wake(executor)
    ended = Run.objects.get(pk=run.pk)
    return f"{ended.status} {ended.error_sentence}".strip()


def measure_calls(stage: Stage, name: str, prompt: str, model_url: str, repeat: int) -> list[Row]:
    """CALLS governed calls of either way and CALLS bare ones, in turn, `repeat` times."""
    from runs.executor import Executor

    version, executor = publish(chain()), Executor()
    executor.start()
    bare, by_hand, first, further, plain = Taken(), Taken(), Taken(), Taken(), Taken()
    try:
        one_run(version, executor, prompt)  # warm: connections, the parsed definition
        stage.analyze()
        one_run(version, executor, prompt)  # plans
        for _ in range(repeat):
            bare_calls(model_url, prompt, bare)
            calls_by_hand(stage.owner_url, model_url, prompt, by_hand)
            for riding in (False, True):
                with clocked(riding=riding) as watch:
                    status = one_run(version, executor, prompt)
                if status != "completed":
                    raise SystemExit(f"{name}: the run ended {status}.")
                if riding:
                    first.add(watch.whole(plain))
                else:
                    further.add(watch.door)
                    plain = watch.waves
    finally:
        executor.stop()
    for taken in (first, further):
        if len(taken.clock) != len(bare.clock):
            raise SystemExit(f"{name}: of {len(bare.clock)} calls {len(taken.clock)} were clocked.")
    return [
        _row(name, first, bare, by_hand),
        _row(f"{name}, further", further, bare, by_hand),
    ]


def _row(name: str, governed: Taken, bare: Taken, by_hand: Taken) -> Row:
    bare_p50, bare_p99 = statistics.median(bare.clock), _p99(bare.clock)
    governed_p50, governed_p99 = statistics.median(governed.clock), _p99(governed.clock)
    above = governed_p50 - bare_p50
    return Row(
        name=name,
        calls=len(governed.clock),
        bare_p50=bare_p50,
        bare_p99=bare_p99,
        governed_p50=governed_p50,
        governed_p99=governed_p99,
        above_p50=above,
        above_p99=governed_p99 - bare_p99,
        by_hand_p50=statistics.median(by_hand.clock) - bare_p50,
        above_cpu=statistics.median(governed.cpu) - statistics.median(bare.cpu),
        limit_ms=ABOVE_LIMIT_MS,
        ratio=above / ABOVE_LIMIT_MS,
        holds=above <= ABOVE_LIMIT_MS,
    )


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def prepare(model_url: str) -> None:
    """A model with a price, and two budgets that count each call: the tenant's and the model group's."""
    from tenancy import actors
    from workflows import budgets
    from workflows.models import Deployment, ModelGroup
    from workflows.providers import register

    add_model(model_url)
    register.set_price(
        deployment=Deployment.objects.get(),
        input_micros_per_million=2_500_000,
        output_micros_per_million=10_000_000,
        by=actors.SYSTEM,
    )
    budgets.create(name="all", amount=MUCH, currency="EUR", by=actors.SYSTEM)
    budgets.create(
        name="group",
        amount=MUCH,
        currency="EUR",
        model_group=ModelGroup.objects.get(),
        by=actors.SYSTEM,
    )


def measure(repeat: int, *, anywhere: bool = False) -> list[Row]:
    with Stage() as stage, slow_model(0) as model_url:
        from runs.models import Decision, ModelCall
        from tenancy.context import tenant_context
        from workflows.models import Provider

        with tenant_context(make_tenant("measured")), kept_to_one_processor(unless=anywhere):
            prepare(model_url)
            hello = ("a call inside the house", "Say hello.")
            rows = measure_calls(stage, *hello, model_url, repeat)
            # By hand: the address of a provider outside would have to be https.
            Provider.objects.update(egress="external", dpa=True, baa=True)
            rows += measure_calls(stage, "a letter, masked", LETTER, model_url, repeat)
            if not ModelCall.objects.filter(cost_micros__gt=0).exists():
                raise SystemExit("Nothing was paid: the reservations were not measured.")
            if not Decision.objects.filter(verdict="modify").exists():
                raise SystemExit("Nothing was masked: the filter was not measured.")
            return rows


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
        f"{'ms of one call':32} {'calls':>6} {'bare p50':>9} {'p99':>7} {'Grove p50':>10} {'p99':>7} "
        f"{'above p50':>10} {'p99':>7} {'cpu':>6} {'by hand':>8}  limit at p50"
    )
    for row in rows:
        print(
            f"{row.name:32} {row.calls:6} {row.bare_p50:9.2f} {row.bare_p99:7.2f} "
            f"{row.governed_p50:10.2f} {row.governed_p99:7.2f} {row.above_p50:10.2f} "
            f"{row.above_p99:7.2f} {row.above_cpu:6.2f} {row.by_hand_p50:8.2f}  "
            f"{row.limit_ms:g} ms, {row.ratio:.2f} of it: {'holds' if row.holds else 'MISSED'}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
