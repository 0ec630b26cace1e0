"""A provider that counts more tokens than it may: nothing leaves any more once its budget is reached.

What can pass the limit is bounded by the calls that are under way at that moment (docs/money.md).
"""

import json
import threading
from collections.abc import Iterator

import pytest

from runs.models import Run
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.flows.test_budgets import A_CALL, EXACT, connect, denials, use_of
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    finish,
    make_run,
    make_version,
    running_executor,
    wait_until,
)
from tests.runs.scripted_model import Answer, ScriptedModel
from workflows import budgets
from workflows.models import Budget

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


class Overcounting:
    """A server that says three times the tokens that it was allowed; it can be held back."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, prompt: str) -> Answer:
        self.may_answer.wait(PATIENCE_SECONDS)
        choice = {"index": 0, "message": {"content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 15, "total_tokens": 25}
        return 200, json.dumps({"model": "scripted-1", "choices": [choice], "usage": usage})


@pytest.fixture
def server() -> Overcounting:
    return Overcounting()


@pytest.fixture
def model(in_acme: Tenant, server: Overcounting) -> Iterator[ScriptedModel]:
    with ScriptedModel(server) as model:
        connect(model)
        yield model
        server.may_answer.set()


@pytest.fixture
def budget(in_acme: Tenant) -> Budget:
    """There is room for four calls that keep to what they may use."""
    return budgets.create(name="four", amount=4 * A_CALL, currency="EUR", period="total", by=SYSTEM)


def test_next_call_finds_what_the_last_one_really_took(
    model: ScriptedModel, budget: Budget
) -> None:
    version = make_version(EXACT)

    ended = [execute(make_run(version, n=1, text=f"call {number}")).status for number in range(4)]

    assert ended == ["completed", "completed", "failed", "failed"]
    assert len(model.prompts) == 2
    assert use_of(budget) == (6 * A_CALL, 0)
    assert {each.code for each in denials()} == {"budget_exceeded"}


def test_only_calls_under_way_can_pass_the_limit(
    model: ScriptedModel, server: Overcounting, budget: Budget
) -> None:
    version = make_version(EXACT)
    server.may_answer.clear()

    with running_executor():
        runs = [make_run(version, n=1, text=f"call {number}") for number in range(10)]
        wait_until(lambda: Run.objects.filter(status="failed").count() == 6)
        under_way = len(model.prompts), use_of(budget)
        server.may_answer.set()
        for run in runs:
            finish(run)
        later = finish(make_run(version, n=1, text="one more"))

    assert under_way == (4, (0, 4 * A_CALL))
    assert later.status == "failed"
    assert len(model.prompts) == 4
    used, reserved = use_of(budget)
    assert (used, reserved) == (4 * 3 * A_CALL, 0)
    assert used <= budget.amount + 4 * (
        3 * A_CALL - A_CALL
    )  # the bound: what they took beyond their own
