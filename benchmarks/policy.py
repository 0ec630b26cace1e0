"""How long a decision takes: `python -m benchmarks.policy [--json] [--repeat N]`. No database needed.

Each decision is a new action with new counters among its facts; the engine is warm, as in a worker, and remembers
answers to questions that its policies cannot tell apart. “Asked anew” are questions with a tag that none before had.
The limit is on the 95th percentile.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date

from compliance.policy import actions, rules
from compliance.policy.actions import Action
from compliance.policy.engine import Engine
from compliance.policy.facts import Facts

LIMIT_MS = 10.0  # FEATURES.md, I8: p95 of decisions
OTHER_RULES = 1_000
THREADS = 4
NODES = 40


@dataclass
class Row:
    name: str
    decisions: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    per_second: float
    limit_p95_ms: float
    holds: bool


def ask(
    number: int, *, clearance: int = 2, egress: str = "internal", anew: bool = False
) -> tuple[Action, Facts]:
    """One of 40 nodes calls a model, with counters as they would be at that moment."""
    resource = actions.model(
        id="local/small",
        tenant="acme",
        provider="local",
        clearance=clearance,
        egress=egress,
        region="EU",
        trains_on_data=False,
    )
    action = Action(
        kind="model_call",
        principal=f"complaint-handling@3/node-{number % NODES}",
        tenant="acme",
        resource=resource,
        on_behalf_of="user:bob",
        arguments_digest="00" * 32,
    )
    facts = Facts(
        max_class=2,
        integrity=0,
        tags=frozenset({"PII", f"T{number}"} if anew else {"PII"}),
        residency=frozenset({"EU"}),
        declared=True,
        est_cost_micros=number,
        budget_left_micros=10**9,
        today=date(2026, 11, 21),
        calls=number,
        model_calls=number,
    )
    return action, facts


def engine_with_many_rules() -> Engine:
    """The default policy and a thousand rules about other nodes."""
    texts = rules.default_texts()
    more = "\n".join(
        f'@id("other.{n}") @code("other") @reason("Not this one.") '
        f'forbid (principal == Grove::Node::"other@1/node-{n}", action, resource);'
        for n in range(OTHER_RULES)
    )
    return Engine(replace(texts, hard=texts.hard + more))


def measure(name: str, engine: Engine, repeat: int, *, threads: int = 1, **asked: object) -> Row:
    questions = [ask(number, **asked) for number in range(repeat)]  # type: ignore[arg-type]
    for question in questions[:NODES]:
        engine.decide(*question)
    started = time.perf_counter()
    if threads == 1:
        taken = [timed(engine, question) for question in questions]
    else:
        with ThreadPoolExecutor(threads) as pool:
            taken = list(pool.map(lambda question: timed(engine, question), questions))
    elapsed = time.perf_counter() - started
    cuts = statistics.quantiles(taken, n=100)
    return Row(
        name=name,
        decisions=repeat,
        p50_ms=round(cuts[49], 3),
        p95_ms=round(cuts[94], 3),
        p99_ms=round(cuts[98], 3),
        per_second=round(repeat / elapsed),
        limit_p95_ms=LIMIT_MS,
        holds=cuts[94] <= LIMIT_MS,
    )


def timed(engine: Engine, question: tuple[Action, Facts]) -> float:
    started = time.perf_counter()
    engine.decide(*question)
    return (time.perf_counter() - started) * 1000


def measure_all(repeat: int) -> list[Row]:
    default = Engine(rules.default_texts())
    rows: list[Callable[[], Row]] = [
        lambda: measure("allowed", default, repeat),
        lambda: measure("allowed, asked anew", default, repeat, anew=True),
        lambda: measure("must be masked first", default, repeat, egress="external"),
        lambda: measure("denied", default, repeat, clearance=0),
        lambda: measure(f"allowed, {THREADS} threads", default, repeat, threads=THREADS),
        lambda: measure(f"allowed, {OTHER_RULES} more rules", engine_with_many_rules(), repeat),
    ]
    return [row() for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=2_000)
    options = parser.parse_args()
    rows = measure_all(options.repeat)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print(f"{'decision':<28}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'per s':>8}{'limit p95':>11}")
    for row in rows:
        print(
            f"{row.name:<28}{row.p50_ms:>9.3f}{row.p95_ms:>9.3f}{row.p99_ms:>9.3f}"
            f"{row.per_second:>8.0f}{row.limit_p95_ms:>8.0f} {'ok' if row.holds else 'NO'}"
        )


if __name__ == "__main__":
    main()
