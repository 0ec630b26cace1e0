"""What a page asks of the database does not grow with what the tenant has: counted with little, and with far more.

The pages are those of benchmarks/pages.py, which takes their time in a large tenant.
"""

import pytest
from django.test import Client

from benchmarks.pages import PAGES
from benchmarks.run_list import recording
from runs.models import Run
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_user
from tests.runs.definitions import HEAD
from tests.runs.making import finish, make_run, make_version, running_executor

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

LITTLE, MUCH = 4, 30
MOST = 32  # of any page


@pytest.fixture
def clients(in_acme: Tenant) -> dict[str, Client]:
    return {
        role: make_client(make_member(tenant=in_acme, role=Role(role)))
        for role in {role for role, _ in PAGES.values()}
    }


def test_statements_of_pages_do_not_grow_with_rows(
    in_acme: Tenant, clients: dict[str, Client]
) -> None:
    with_little = count(clients, fill(in_acme, LITTLE))
    for _ in range(MUCH - LITTLE):
        make_member(tenant=in_acme, user=make_user())

    with_much = count(clients, fill(in_acme, MUCH))

    grown = {
        name: (with_little[name], with_much[name])
        for name in PAGES
        if with_much[name] > with_little[name]
    }
    assert grown == {}
    assert {name: asked for name, asked in with_much.items() if asked > MOST} == {}


def fill(tenant: Tenant, count: int) -> dict[str, str]:
    """So many workflows of so many nodes, each with a run that has ended; the names in the addresses."""
    with tenant_context(tenant):
        with running_executor():
            runs = [finish(make_run(make_version(chain(count)), n=1)) for _ in range(count)]
        run: Run = runs[-1]
        return {
            "workflow": run.workflow.slug,
            "run": str(runs[0].pk),
            "beginning": str(run.pk)[:20],
            "long_run": str(run.pk),
        }


def chain(nodes: int) -> str:
    """A definition of so many nodes, one after the other."""
    lines, before = [], "start"
    for number in range(1, nodes - 1):
        lines.append(
            f'  - {{{{id: n{number}, kind: transform, after: [{before}], expression: "{{{{n: start.n}}}}"}}}}\n'
        )
        before = f"n{number}"
    end = f'  - {{{{id: result, kind: output, after: [{before}], value: "{{{{{{{{ {before} }}}}}}}}"}}}}\n'
    return HEAD + "".join(lines) + end


def count(clients: dict[str, Client], names: dict[str, str]) -> dict[str, int]:
    """How many statements each page takes, once it was opened before.

    The fewer of two times: now and then a request asks again for what a process keeps for some seconds.
    """
    counted = {}
    for name, (role, path) in PAGES.items():
        address = path.format(**names)
        assert clients[role].get(address).status_code == 200, address
        times = []
        for _ in range(2):
            with recording() as sent:
                clients[role].get(address)
            times.append(len(sent))
        counted[name] = min(times)
    return counted
