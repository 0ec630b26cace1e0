"""What pages of runs ask of the database when there are a million: `python -m benchmarks.run_list --at DIR [--json]`.

Every page is asked for as a person or a program asks, as the role that serves, under row-level security. Then each of
its statements is explained (EXPLAIN ANALYZE) as it was sent. DIR is what benchmarks.generate made, or new: then it is
filled first.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.generate import check_room, fill
from benchmarks.stage import Stage, make_tenant

LIMIT_MS = 50.0
HOST = "measured.localhost"
PAGE, API = "/runs/", "/api/v1/runs"


@dataclass(frozen=True)
class Question:
    """One address, asked by a person (a page) or by a program (API)."""

    name: str
    path: str


@dataclass
class Statement:
    """One statement as PostgreSQL explains it. Times are milliseconds."""

    sql: str
    execution_ms: float
    planning_ms: float
    nodes: list[str]


@dataclass
class Row:
    """One line of the table: the database's time for the whole answer."""

    name: str
    path: str
    statements: int
    execution_ms: float
    planning_ms: float
    slowest_ms: float
    slowest: str
    limit_ms: float = LIMIT_MS
    explained: list[Statement] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.execution_ms + self.planning_ms <= self.limit_ms


# -- asking and explaining ----------------------------------------------------------------------------------------


class Asker:
    """Asks as a member of the tenant, in a browser or with a token, and has every SELECT explained."""

    def __init__(self, tenant: Any, repeat: int) -> None:
        from django.test import Client

        from tenancy import sign_in

        self.tenant, self.repeat = tenant, repeat
        membership, token = _make_member(tenant)
        self.browser = Client(headers={"host": HOST})
        self.browser.force_login(membership.user)
        session = self.browser.session
        sign_in.bind(session, membership, HOST)
        session.save()
        self.program = Client(headers={"host": HOST, "authorization": f"Bearer {token}"})

    def measure(self, question: Question) -> Row:
        self._ask(question)  # warm: sessions, definitions, pages of the table
        sent = self._ask(question)
        explained = [self._explain(sql, params) for sql, params in sent if sql.startswith("SELECT")]
        slowest = max(explained, key=lambda one: one.execution_ms)
        return Row(
            name=question.name,
            path=question.path,
            statements=len(sent),
            execution_ms=sum(one.execution_ms for one in explained),
            planning_ms=sum(one.planning_ms for one in explained),
            slowest_ms=slowest.execution_ms,
            slowest=" < ".join(slowest.nodes),
            explained=explained,
        )

    def _ask(self, question: Question) -> list[tuple[str, Any]]:
        client = self.program if question.path.startswith("/api/") else self.browser
        with recording() as sent:
            answer = client.get(question.path)
        if answer.status_code != 200:
            raise SystemExit(f"{question.path} answered {answer.status_code}.")
        return sent

    def _explain(self, sql: str, params: Any) -> Statement:
        """Medians of several times."""
        from django.db import connection

        from tenancy.context import tenant_context

        plans = []
        with tenant_context(self.tenant), connection.cursor() as cursor:
            for _ in range(self.repeat):
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
                plans.append(cursor.fetchone()[0][0])
        return Statement(
            sql=sql,
            execution_ms=statistics.median(plan["Execution Time"] for plan in plans),
            planning_ms=statistics.median(plan["Planning Time"] for plan in plans),
            nodes=list(nodes_of(plans[-1]["Plan"])),
        )


@contextmanager
def recording() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is sent to the main database meanwhile, with its parameters."""
    from django.db import connection

    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield sent


def nodes_of(plan: dict[str, Any]) -> Iterator[str]:
    """The node types of a plan from the top down, with the index or table that they read."""
    read = plan.get("Index Name") or plan.get("Relation Name") or ""
    yield f"{plan['Node Type']} {read}".strip()
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


def _make_member(tenant: Any) -> tuple[Any, str]:
    """A new operator, who may see payloads, and the text of a token of theirs."""
    from django.utils.timezone import now

    from tenancy import tokens
    from tenancy.actors import Actor
    from tenancy.context import tenant_context
    from tenancy.models import Domain, Membership, User
    from tenancy.permissions import Role

    Domain.objects.get_or_create(tenant=tenant, domain=HOST, defaults={"is_primary": True})
    address = f"operator-{datetime.now():%Y%m%d%H%M%S%f}@example.org"  # noqa: DTZ005 - a name, no time
    user = User.objects.create_user(email=address, name="Operator", password=None)
    with tenant_context(tenant):
        membership = Membership.objects.create(user=user, role=Role.OPERATOR, joined_at=now())
        token = tokens.create(
            membership=membership,
            name="measured",
            scopes=[permission.value for permission in membership.permissions],
            expires_at=now() + timedelta(hours=6),
            within=membership.permissions,
            by=Actor.of_user(user),
        )
    return membership, token.text


# -- the questions ------------------------------------------------------------------------------------------------


def questions(tenant: Any) -> list[Question]:
    """First and deep pages under every filter, for people and programs; then everything about one run."""
    from tenancy.context import tenant_context

    with tenant_context(tenant):
        return [Question("overview", "/"), *_of_lists(), *_of_one_run(), *_of_a_parent()]


def _of_lists() -> Iterator[Question]:
    from runs.models import Run

    total = Run.objects.count()
    middle = Run.objects.order_by("-id")[total // 2]
    for name, asked in filters(middle).items():
        yield Question(f"runs: {name}", _address(PAGE, asked))
        yield Question(f"API runs: {name}", _address(API, asked))
    for depth in (0.01, 0.5, 0.99):
        yield from _deep(f"{depth:.0%} deep", {}, int(total * depth), Run.objects.order_by("-id"))
    failed = Run.objects.filter(status="failed").order_by("-id")
    yield from _deep("state failed, 50% deep", {"status": "failed"}, failed.count() // 2, failed)
    of_workflow = Run.objects.filter(workflow=middle.workflow).order_by("-id")
    asked = {"workflow": middle.workflow.slug}
    yield from _deep("one workflow, 50% deep", asked, of_workflow.count() // 2, of_workflow)


def _of_one_run() -> Iterator[Question]:
    run = _run_with_content()
    for tab in ("", "events/", "decisions/", "payloads/"):
        yield Question(f"run page {tab}".strip(), f"{PAGE}{run.pk}/{tab}")
    for part in ("", "/node-executions", "/events", "/decisions", "/model-calls", "/payloads"):
        yield Question(f"API run {part}".strip(), f"{API}/{run.pk}{part}")


def _of_a_parent() -> Iterator[Question]:
    """The run with the most child runs."""
    from django.db.models import Count

    from runs.models import Run

    children = Run.objects.filter(parent_run__isnull=False).order_by().values("parent_run")
    parent = children.annotate(n=Count("id")).order_by("-n").first()
    if parent:
        run: Any = parent["parent_run"]
        _give_content(Run.objects.get(pk=run))  # where it failed, its page opens what was made
        yield Question(f"run page of a parent of {parent['n']:,}", f"{PAGE}{run}/")
        yield Question("runs: its child runs", _address(PAGE, {"parent": str(run)}))
        yield Question("API run: its child runs", f"{API}/{run}/children")
        failed = {"parent": str(run), "status": "failed"}
        yield Question("API runs: its failed child runs", _address(API, failed))


def filters(middle: Any) -> dict[str, dict[str, str]]:
    """Every filter, alone and with others. `middle` is a run of half a year ago."""
    from runs.models import Run
    from workflows.models import Workflow

    slugs = list(Workflow.objects.order_by("id").values_list("slug", flat=True))
    often, seldom = slugs[0], slugs[-1]
    owner = "customer-450"
    week = {
        "since": f"{middle.created_at:%Y-%m-%d}",
        "until": f"{middle.created_at + timedelta(days=7):%Y-%m-%d}",
    }
    newest, starter = Run.objects.order_by("-id").values_list("created_at", "started_by_id")[0]
    return {
        "first page": {},
        "state failed": {"status": "failed"},
        "state completed": {"status": "completed"},
        "state not completed": {"status": "-completed"},
        "under way": {"status": "queued,running"},
        "state waiting": {"status": "waiting"},
        "state disposed": {"status": "disposed"},
        "a workflow of many runs": {"workflow": often},
        "a workflow of few runs": {"workflow": seldom},
        "not a workflow": {"workflow": f"-{often}"},
        "an owner of many runs": {"owner": "customer-000"},
        "an owner of few runs": {"owner": owner},
        "an owner of none": {"owner": "nobody"},
        "since yesterday": {"since": f"{newest - timedelta(days=1):%Y-%m-%d}"},
        "until half a year ago": {"until": week["since"]},
        "a week half a year ago": week,
        "failed, of few runs": {"status": "failed", "workflow": seldom},
        "disposed, of few runs": {"status": "disposed", "workflow": seldom},
        "failed, of an owner": {"status": "failed", "owner": owner},
        "failed in that week": {"status": "failed", **week},
        "a workflow in that week": {"workflow": seldom, **week},
        "an owner in that week": {"owner": owner, **week},
        "with child runs": {"children": "shown"},
        "everything at once": {"status": "failed", "workflow": often, "owner": owner, **week},
        "a version": {"q": f"version:{often}@1"},
        "a version of few runs": {"q": f"version:{seldom}@1"},
        "failed, of a version": {"q": f"status:failed version:{seldom}@1"},
        "a starter of all": {"q": f"by:{starter}"},
        "a starter of none": {"q": "by:me"},
        "a class of all": {"q": "class:internal"},
        "a class of none": {"q": "class:restricted"},
        "an error of none": {"q": "error:no_such_thing"},
        "a node of none": {"q": "status:failed node:no_such_thing"},
        "denied": {"q": "denied:yes"},
        "not denied": {"q": "denied:no"},
        "failed and denied": {"q": "status:failed denied:yes"},
        "search for a workflow": {"q": "Meeting"},
        "search for an owner": {"q": owner},
        "search for nothing": {"q": "no such thing"},
    }


def _address(path: str, asked: dict[str, str]) -> str:
    return f"{path}?{urlencode(asked)}" if asked else path


def _deep(name: str, asked: dict[str, str], depth: int, rows: Any) -> Iterator[Question]:
    """The page behind this many rows, forwards and backwards, with the cursor that a reader would hold."""
    from django.test import RequestFactory

    from tenancy import paging

    row = rows[depth]
    for path, words in ((PAGE, "runs"), (API, "API runs")):
        request = RequestFactory().get(path, asked)
        for back in (False, True):
            cursor = paging._write(row, ("-id",), request, back=back)
            turned = ", backwards" if back else ""
            yield Question(f"{words}: {name}{turned}", _address(path, asked | {"cursor": cursor}))


def _run_with_content() -> Any:
    """A completed run of half a year ago, whose content opens."""
    from runs.models import Run

    completed = Run.objects.filter(status="completed").order_by("-id")
    return _give_content(completed[completed.count() // 2])


def _give_content(run: Any) -> Any:
    """Payloads that open in place of those that were generated, which have the size of sealed ones and no seal."""
    from runs import payloads
    from runs.models import NodeExecution, Run
    from tenancy import keys

    key = keys.open_data_key(run.data_key_id)
    rows_of = {
        Run: (Run.objects.filter(pk=run.pk), ("input_sealed", "output_sealed")),
        NodeExecution: (run.node_executions.order_by("id"), ("output_sealed",)),
    }
    for model, (rows, columns) in rows_of.items():
        for row in rows:
            place: Any = {"tenant_id": run.tenant_id, "table": model._meta.db_table, "row": row.pk}
            sealed = {
                column: payloads.seal(key, {"n": 1}, **place, column=column).payload
                for column in columns
                if getattr(row, column) is not None
            }
            model.objects.filter(pk=row.pk).update(**sealed)
    return run


# -- the command --------------------------------------------------------------------------------------------------


def measure(at: Path | None, runs: int, nodes: int, repeat: int, only: str = "") -> list[Row]:
    with Stage(keep=at) as stage:
        from tenancy.models import Tenant

        tenant = Tenant.objects.filter(schema_name="measured").first()
        if tenant is None:
            check_room(stage.state, runs * nodes)
            tenant = make_tenant("measured")
            fill(stage.owner_url, tenant, runs=runs, nodes=nodes)
        asker = Asker(tenant, repeat)
        return [asker.measure(one) for one in questions(tenant) if only in one.name]


def show(rows: list[Row]) -> None:
    print(f"{'':44} {'stmts':>5} {'exec ms':>8} {'plan ms':>8} {'slowest':>8}  its plan")
    for row in rows:
        print(
            f"{row.name:44} {row.statements:5d} {row.execution_ms:8.2f} {row.planning_ms:8.2f} {row.slowest_ms:8.2f}  "
            f"{row.slowest}{'' if row.holds else f'  MISSED {row.limit_ms:.0f} ms'}"
        )
    missed = sum(not row.holds for row in rows)
    print(f"{len(rows)} answers, {missed} over {LIMIT_MS:.0f} ms of the database's time")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=Path, help="where benchmarks.generate put its database")
    parser.add_argument("--runs", type=int, default=1_000_000, help="if it has to be filled")
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", default="", help="questions whose name has this in it")
    parser.add_argument("--json", action="store_true", help="with every statement and its plan")
    asked = parser.parse_args()
    rows = measure(asked.at, asked.runs, asked.nodes, asked.repeat, asked.only)
    if asked.json:
        print(json.dumps([asdict(row) | {"holds": row.holds} for row in rows], indent=2))
    else:
        show(rows)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
