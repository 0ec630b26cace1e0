"""What every page costs in a large tenant: `python -m benchmarks.pages [--runs 1000000] [--at DIR] [--json]`.

A tenant with 200 published workflows of 60 nodes, 50 members and so many runs; each page is asked for as the holder of
a role, in this process, with middlewares and templates. Printed per page: statements; milliseconds of this process's
processor; milliseconds on the clock with the database, median and 95th percentile; bytes of a first load (the page with
its styles and scripts, without fonts) as they travel to a browser, and unpacked. Exit code 1 when a page misses a
limit: milliseconds on the clock, bytes that travel.
"""

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.generate import check_room, fill
from benchmarks.generated import _definition
from benchmarks.run_list import _run_with_content, recording
from benchmarks.stage import Stage, make_tenant, publish

LIMIT_MS, LIMIT_BYTES = 100.0, 150_000
NODES, NODES_OF_RUNS = 60, 10
SLUG = "pages"
HOST = f"{SLUG}.localhost"
ASSET = re.compile(r'<(?:link rel="stylesheet" href|script src)="([^"]+)"')
# name of a page -> role of who asks, address; {…} is filled from what the tenant has
PAGES: Mapping[str, tuple[str, str]] = {
    "overview": ("operator", "/"),
    "workflows": ("author", "/workflows/"),
    "workflow of 60 nodes": ("author", "/workflows/{workflow}/"),
    "versions": ("author", "/workflows/{workflow}/versions/"),
    "definition": ("author", "/workflows/{workflow}/versions/1/definition/"),
    "documentation": ("compliance_officer", "/workflows/{workflow}/versions/1/documentation/"),
    "draft": ("author", "/workflows/{workflow}/edit/"),
    "draft, a node": ("author", "/workflows/{workflow}/edit/?node=n2"),
    "draft as text": ("author", "/workflows/{workflow}/edit/yaml/"),
    "reviews": ("reviewer", "/workflows/-/reviews/"),
    "governance": ("compliance_officer", "/settings/governance/"),
    "register": ("compliance_officer", "/register/"),
    "processing": ("data_protection_officer", "/register/processing/"),
    "sign-offs": ("compliance_officer", "/assure/recertification/"),
    "start a run": ("operator", "/runs/start/{workflow}/"),
    "runs": ("operator", "/runs/?q="),
    "runs, a long question": (
        "operator",
        "/runs/?q=-status:completed+-workflow:{workflow}+denied:no+started:%3E%3D2026-01-01",
    ),
    "runs of a version": ("operator", "/runs/?q=version:{workflow}@1"),
    "runs that were denied": ("operator", "/runs/?q=denied:yes"),
    "runs of a seldom error": ("operator", "/runs/?q=error:no_such_thing"),
    "runs that failed at a node": ("operator", "/runs/?q=node:n2"),
    "runs by me": ("operator", "/runs/?q=by:me"),
    "runs of a class": ("operator", "/runs/?q=class:restricted"),
    "run": ("operator", "/runs/{run}/"),
    "run of 60 nodes": ("operator", "/runs/{long_run}/"),
    "events": ("operator", "/runs/{run}/events/"),
    "decisions": ("operator", "/runs/{run}/decisions/"),
    "views": ("operator", "/runs/views/"),
    "search": ("operator", "/search/?q=workflow"),
    "search for an id": ("operator", "/search/?q={beginning}"),
    "suggestions": ("operator", "/search/suggest/?q=workflow"),
    "notifications": ("operator", "/notifications/"),
    "approvals": ("reviewer", "/runs/waiting/"),
    "alerts": ("operator", "/alerts/"),
    "costs": ("operator", "/costs/"),
    "budgets": ("admin", "/budgets/"),
    "egress": ("auditor", "/runs/egress/"),
    "policies": ("compliance_officer", "/assure/policies/"),
    "disposals": ("data_protection_officer", "/assure/disposals/"),
    "ledger": ("auditor", "/settings/ledger/"),
    "verifications": ("auditor", "/settings/ledger/verifications/"),
    "providers": ("admin", "/settings/providers/"),
    "model groups": ("admin", "/settings/model-groups/"),
    "prices": ("admin", "/settings/prices/"),
    "secrets": ("admin", "/settings/secrets/"),
    "members": ("admin", "/settings/members/"),
    "tokens": ("operator", "/settings/tokens/"),
    "quotas": ("admin", "/settings/quotas/"),
    "this tenant": ("admin", "/settings/tenant/"),
    "profile": ("operator", "/profile/"),
    "my tenants": ("operator", "/profile/tenants/"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One page as it was measured."""

    name: str
    path: str
    statements: int
    cpu_ms: float
    median_ms: float
    p95_ms: float
    sent_bytes: int
    unpacked_bytes: int

    @property
    def holds(self) -> bool:
        return self.p95_ms <= LIMIT_MS and self.sent_bytes <= LIMIT_BYTES


# -- the tenant ---------------------------------------------------------------------------------------------------


def seed(stage: Stage, *, runs: int, workflows: int, members: int) -> Any:
    """Make the tenant, unless the folder has it from an earlier time."""
    from tenancy.context import tenant_context
    from tenancy.models import Domain, Tenant

    tenant = Tenant.objects.filter(schema_name=SLUG).first()
    if tenant is not None:
        add_up_costs(tenant)
        return tenant
    check_room(stage.state, runs * NODES_OF_RUNS)
    tenant = make_tenant(SLUG)
    Domain.objects.create(tenant=tenant, domain=HOST, is_primary=True)
    fill(stage.owner_url, tenant, runs=runs, nodes=NODES_OF_RUNS)
    with tenant_context(tenant):
        for number in range(workflows):
            version = publish(_definition(f"Workflow {number + 1:03}", NODES))
        _start_a_long_run(version)
        _add_members(members)
    add_up_costs(tenant)
    return tenant


def add_up_costs(tenant: Any) -> None:
    """Of the days that are over, as beat has it done every hour."""
    from runs import costs
    from tenancy.context import tenant_context

    with tenant_context(tenant):
        while costs.roll():
            pass


def _start_a_long_run(version: Any) -> None:
    from runs import start
    from tenancy import actors

    start.start(version=version, run_input={"n": 1}, by=actors.SYSTEM, owner_label="long")


def _add_members(count: int) -> None:
    """Every role in turn, so that each is held by somebody."""
    from datetime import timedelta

    from django.utils.timezone import now

    from tenancy.models import Membership, User
    from tenancy.permissions import Role

    roles = list(Role)
    for number in range(count):
        role = roles[number % len(roles)]
        user = User.objects.create_user(
            email=f"member-{number}@example.org", name=f"Member {number}", password=None
        )
        until = now() + timedelta(days=365) if role == Role.AUDITOR else None
        Membership.objects.create(user=user, role=role, joined_at=now(), expires_at=until)


def find_names(tenant: Any) -> dict[str, str]:
    """What the addresses name: a workflow of 60 nodes, a run of half a year ago, the run of that workflow."""
    from runs.models import Run
    from tenancy.context import tenant_context
    from workflows.models import Workflow

    with tenant_context(tenant):
        workflow = Workflow.objects.filter(slug__startswith="workflow-").order_by("slug").last()
        long_run = Run.objects.get(owner_label="long")
        run = _run_with_content()
    assert workflow is not None
    return {
        "workflow": workflow.slug,
        "run": str(run.pk),
        "beginning": str(run.pk)[:20],
        "long_run": str(long_run.pk),
    }


# -- asking -------------------------------------------------------------------------------------------------------


class Visitors:
    """A browser for each role, signed in."""

    def __init__(self, tenant: Any) -> None:
        self.tenant = tenant
        self.clients: dict[str, Any] = {}

    def of(self, role: str) -> Any:
        from django.test import Client

        from tenancy import sign_in
        from tenancy.context import tenant_context
        from tenancy.models import Membership

        if role not in self.clients:
            with tenant_context(self.tenant):
                members = Membership.objects.filter(role=role).select_related("user")
                membership = members.order_by("id")[0]
            client = Client(headers={"host": HOST})
            client.force_login(membership.user)
            session = client.session
            sign_in.bind(session, membership, HOST)
            session.save()
            self.clients[role] = client
        return self.clients[role]


def measure(client: Any, name: str, path: str, repeat: int) -> Row:
    """Warm once, count once, then take the time."""
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}.")
    with recording() as sent:
        client.get(path)
    taken, spent = [], time.process_time()
    for _ in range(repeat):
        began = time.perf_counter()
        client.get(path)
        taken.append((time.perf_counter() - began) * 1000)
    spent = (time.process_time() - spent) * 1000 / repeat
    return Row(
        name=name,
        path=path,
        statements=len(sent),
        cpu_ms=spent,
        median_ms=statistics.median(taken),
        p95_ms=sorted(taken)[max(0, -(-95 * len(taken) // 100) - 1)],
        sent_bytes=first_load(client, path, "gzip"),
        unpacked_bytes=first_load(client, path, "identity"),
    )


def first_load(client: Any, path: str, accepted: str) -> int:
    """Bytes of the page and of the styles and scripts that it names, as they are sent to who accepts this encoding."""
    answer = client.get(path, headers={"accept-encoding": accepted})
    page = answer.content
    if answer.get("Content-Encoding") == "gzip":
        page = gzip.decompress(page)
    addresses = set(ASSET.findall(page.decode()))
    return len(answer.content) + sum(_sent(client, each, accepted) for each in addresses)


def _sent(client: Any, address: str, accepted: str) -> int:
    answer = client.get(address, headers={"accept-encoding": accepted})
    if answer.status_code != 200:
        raise SystemExit(f"{address} is named by a page and lies nowhere.")
    return sum(len(part) for part in answer.streaming_content)


# -- the command --------------------------------------------------------------------------------------------------


def run(asked: argparse.Namespace) -> list[Row]:
    from django.core.management import call_command

    with Stage(keep=asked.at) as stage:
        call_command("collectstatic", interactive=False, verbosity=0)
        tenant = seed(stage, runs=asked.runs, workflows=asked.workflows, members=asked.members)
        names, visitors = find_names(tenant), Visitors(tenant)
        return [
            measure(visitors.of(role), name, path.format(**names), asked.repeat)
            for name, (role, path) in PAGES.items()
            if asked.only in name
        ]


def show(rows: list[Row]) -> None:
    heads = ("stmts", "cpu ms", "median", "p95 ms", "of limit", "sent", "of limit", "unpacked")
    print(f"{'':26}" + "".join(f"{head:>10}" for head in heads))
    for row in rows:
        print(
            f"{row.name:26}{row.statements:10d}{row.cpu_ms:10.1f}{row.median_ms:10.1f}{row.p95_ms:10.1f}"
            f"{row.p95_ms / LIMIT_MS:10.2f}{row.sent_bytes:10,d}"
            f"{row.sent_bytes / LIMIT_BYTES:10.2f}{row.unpacked_bytes:10,d}{'' if row.holds else '  MISSED'}"
        )
    missed = sum(not row.holds for row in rows)
    print(f"{len(rows)} pages, {missed} over {LIMIT_MS:.0f} ms or {LIMIT_BYTES:,} bytes sent")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at", type=Path, help="a folder that keeps the tenant for the next time")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--workflows", type=int, default=200)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.runs < 10 or asked.workflows < 1 or asked.members < 7 or asked.repeat < 1:
        parser.error("at least ten runs, one workflow, seven members (one of each role), one turn")
    rows = run(asked)
    if asked.json:
        print(json.dumps([asdict(row) | {"holds": row.holds} for row in rows], indent=2))
    else:
        show(rows)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
