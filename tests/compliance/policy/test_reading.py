"""An engine that remembers answers gives the same ones as an engine that asks anew each time."""

from dataclasses import replace
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.policy import rules
from compliance.policy.actions import Action
from compliance.policy.engine import Engine
from compliance.policy.facts import NAMES, Facts
from compliance.policy.reading import LONG, of_rules
from tests.compliance.policy.cases import make_action, make_facts, make_model
from tests.compliance.policy.test_engine import ACTIONS, FACTS

DEFAULT = rules.default_texts()
MORE = """
@id("x.many") @code("many") @reason("Many.") forbid (principal, action, resource)
when { context.facts.calls >= 3 && context.facts.model_calls < context.facts.calls };
@id("x.spent") @code("spent") @reason("Spent.") forbid (principal, action, resource)
when { context.facts.spent_micros + context.facts.est_cost_micros > 1500 };
@id("x.tool") @code("tool") @reason("Tool.") forbid (principal, action, resource)
when { context.facts.tools_used.contains("wire") && 2 > context.facts.integrity };
@id("x.whom") @code("whom") @reason("Not for bob.") forbid (principal, action, resource)
unless { context.on_behalf_of != "user:bob" };
"""
EVERYTHING = """
@id("x.whole") @code("whole") @reason("Whole.") forbid (principal, action, resource)
when { context != context };
"""


def engine(more: str = MORE) -> Engine:
    return Engine(replace(DEFAULT, hard=DEFAULT.hard + more))


REMEMBERING = engine()


@given(
    action=ACTIONS,
    facts=FACTS,
    calls=st.integers(0, 4),
    model_calls=st.integers(0, 4),
    tools=st.frozensets(st.sampled_from(["wire", "mail"])),
    whom=st.sampled_from(["user:ann", "user:bob"]),
)
@settings(max_examples=300, deadline=None)
def test_what_is_remembered_is_what_cedar_says(
    action: Action,
    facts: Facts,
    calls: int,
    model_calls: int,
    tools: frozenset[str],
    whom: str,
) -> None:
    action = replace(action, on_behalf_of=whom)
    facts = replace(facts, calls=calls, model_calls=model_calls, tools_used=tools)
    REMEMBERING.decide(action, facts)
    asked_anew = ANEW
    asked_anew._known.clear()

    assert REMEMBERING.decide(action, facts).to_json() == asked_anew.decide(action, facts).to_json()


ANEW = engine()


def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Cedar is asked from now on."""
    requests: list[dict[str, Any]] = []
    ask = cedarpy.is_authorized

    def noted(request: dict[str, Any], *others: Any) -> Any:
        requests.append(request)
        return ask(request, *others)

    monkeypatch.setattr(cedarpy, "is_authorized", noted)
    return requests


def test_counters_that_no_policy_reads_ask_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, action, requests = engine(""), make_action(make_model()), asked(monkeypatch)

    for number in range(5):
        facts = make_facts(calls=number, spent_micros=number, budget_left_micros=1000 - number)
        assert fresh.decide(action, facts).is_allowed
    assert len(requests) == 1

    assert fresh.decide(action, make_facts(budget_left_micros=9)).code == "budget_exceeded"
    assert fresh.decide(action, make_facts(max_class=1)).is_allowed
    assert len(requests) == 3


@pytest.mark.parametrize(
    "misfit",
    [
        {"max_class": 1.0},
        {"max_class": True},
        {"calls": "1"},
        {"calls": LONG},
        {"tags": ("PII",)},
        {"tags": None},
        {"declared": 1},
        {"purpose": None},
    ],
)
def test_what_is_no_fact_finds_nothing_remembered(
    misfit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a mapping 1, 1.0 and True are the same; to Cedar they are not."""
    fresh, action = engine(""), make_action(make_model())
    assert fresh.decide(action, make_facts(max_class=1, calls=1)).is_allowed
    requests = asked(monkeypatch)

    fresh.decide(action, replace(make_facts(max_class=1, calls=1), **misfit))

    assert len(requests) == 1


def test_an_evaluation_that_fails_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    overflow = '@id("x.o") @code("x") @reason("X.") forbid (principal, action, resource)'
    overflow += f" when {{ context.facts.calls + {LONG - 1} < 0 }};"
    fresh, action, requests = engine(overflow), make_action(make_model()), asked(monkeypatch)

    codes = [fresh.decide(action, make_facts(calls=1)).code for _ in range(2)]

    assert codes == ["policy_error"] * 2
    assert len(requests) == 2


def test_of_a_context_taken_as_a_whole_everything_counts() -> None:
    reading = of_rules(
        rules.read(DEFAULT.hard + EVERYTHING, rules.read_schema(DEFAULT.schema)).values()
    )

    assert reading.facts == set(NAMES)
    assert reading.asks_for_whom


def test_numbers_that_are_only_compared_count_by_how_that_comes_out() -> None:
    reading = of_rules(rules.read(DEFAULT.hard + MORE, rules.read_schema(DEFAULT.schema)).values())

    assert (">=", "calls", 3) in reading.compared
    assert ("<", "model_calls", "calls") in reading.compared
    assert (">", "est_cost_micros", "budget_left_micros") in reading.compared
    assert {"spent_micros", "est_cost_micros", "tools_used", "max_class", "today"} <= reading.facts
    assert not {"calls", "model_calls", "budget_left_micros", "env"} & reading.facts
    assert reading.asks_for_whom


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.policy.engine.KNOWN_ANSWERS", 3)
    fresh = engine("")

    for number in range(10):
        region = f"R{number}"
        fresh.decide(make_action(make_model(region=region)), make_facts())

    assert len(fresh._known) <= 3
