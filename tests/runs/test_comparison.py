"""A comparison of long runs: what is asked of the database, and held in memory, is that of a page."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.test import Client

from benchmarks.run_list import recording
from runs import comparison
from runs.models import NodeExecution, Run
from runs.views import lineage
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program
from tests.runs import definitions
from tests.runs.making import execute, make_run, make_version

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

MANY, FEW = 10_000, 40
MOST_STATEMENTS = 40


@pytest.fixture
def pair(in_acme: Tenant) -> tuple[Run, Run]:
    version = make_version(definitions.CHAIN)
    return execute(make_run(version, n=1)), execute(make_run(version, n=1))


@pytest.fixture
def bob(in_acme: Tenant) -> Client:
    return make_client(make_member(tenant=in_acme, role=Role.OPERATOR))


def fill(pair: tuple[Run, Run], count: int, *, failed: tuple[int, ...] = ()) -> None:
    """So many more nodes in both, in bodies of `one`; in the second run some of them failed. Their outputs are gone."""
    for side, run in enumerate(pair):
        NodeExecution.objects.bulk_create(
            [
                NodeExecution(
                    run=run,
                    tenant=run.tenant,
                    node_id=f"one[{number}].run",
                    kind="transform",
                    status="failed" if side and number in failed else "completed",
                    output_commitment=f"{side}{number:063}",
                )
                for number in range(count)
            ],
            batch_size=2000,
        )


class Built:
    """How many rows of node executions became objects meanwhile."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "Built":
        from_db = NodeExecution.from_db.__func__  # type: ignore[attr-defined]

        def counted(cls: Any, *given: Any) -> Any:
            self.count += 1
            return from_db(cls, *given)

        self._patch = patch.object(NodeExecution, "from_db", classmethod(counted))
        self._patch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._patch.stop()


def test_the_page_of_10_000_nodes_asks_as_little_as_that_of_some(
    pair: tuple[Run, Run], bob: Client
) -> None:
    fill(pair, MANY, failed=(7, 5000))
    left, right = pair

    for question in ("", "&show=all", "&show=differs&from=1000"):
        with recording() as sent, Built() as built:
            page = bob.get(f"/runs/{left.pk}/compare/?with={right.pk}{question}")

        assert page.status_code == 200
        assert len(sent) <= MOST_STATEMENTS
        assert built.count <= 2 * (comparison.LOOKED_AT + lineage.PAIRS_A_PART)
        text = page.content.decode()
        assert "2 of 10,004 nodes differ in state, error or branch" in text
        assert "10,002 more only the outputs can tell" in text


def test_what_differs_is_found_by_looking_further(
    pair: tuple[Run, Run], bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "LOOKED_AT", 20)
    fill(pair, FEW, failed=(3, 25))
    address = f"/runs/{pair[0].pk}/compare/?with={pair[1].pk}"

    first = bob.get(f"{address}&show=differs")
    further = bob.get(f"{address}&show=differs&from={first.context['reached']}")
    beyond = bob.get(f"{address}&show=differs&from=999999")

    found = [[row.pair.node for row in page.context["rows"]] for page in (first, further, beyond)]
    assert found == [["one[3].run"], ["one[25].run"], []]
    assert "Look further" in first.content.decode()
    assert "From the beginning" in further.content.decode()
    assert "Look further" not in beyond.content.decode()
    assert bob.get(f"{address}&show=differs&from=x").status_code == 400


def test_the_api_answers_page_by_page_in_the_order_of_the_graph(
    in_acme: Tenant, pair: tuple[Run, Run]
) -> None:
    fill(pair, FEW, failed=(25,))
    program = make_program(make_member(tenant=in_acme, role=Role.OPERATOR))

    pages = list(pages_of(program, pair[0].pk, pair[1].pk))

    nodes = [each["node"] for page in pages for each in page["nodes"]]
    assert [len(page["nodes"]) for page in pages] == [15, 15, 14]
    assert {page["first"] for page in pages} == {"one[25].run"}
    assert {page["total"] for page in pages} == {44}
    with tenant_context(in_acme):
        assert tuple(nodes) == comparison.compare(*pair, may_read=True).nodes
    assert len(set(nodes)) == 44


def pages_of(client: Client, left: UUID, right: UUID) -> Iterator[dict[str, Any]]:
    cursor: int | None = 0
    while cursor is not None:
        address = f"/api/v1/runs/{left}/compare?with={right}&limit=15&cursor={cursor}"
        page = client.get(address).json()
        cursor = page["next_cursor"]
        yield page


def test_a_run_is_the_same_as_itself(pair: tuple[Run, Run]) -> None:
    found = comparison.compare(pair[0], pair[0], may_read=True)

    assert (found.doubtful, found.differing, found.output_same) == ((), 0, True)
    assert not any(each.differs for each in found.read(found.nodes))
