"""The engine fails closed, keeps every obligation, and answers the same twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.errors import PolicyInvalid
from compliance.policy import rules
from compliance.policy.actions import Action, Resource
from compliance.policy.engine import Engine
from compliance.policy.facts import Facts
from compliance.policy.verdicts import Verdict, VerdictKind
from tests.compliance.policy.cases import make_action, make_facts, make_model, make_tool

DEFAULT = rules.default_texts()
ENGINE = Engine(DEFAULT)
TOOLS = 'principal, action == Grove::Action::"ToolCall", resource'


def engine_with(*, hard: str = "", obligations: str = "") -> Engine:
    return Engine(
        replace(DEFAULT, hard=DEFAULT.hard + hard, obligations=DEFAULT.obligations + obligations)
    )


def test_a_policy_whose_evaluation_errors_denies() -> None:
    overflow = '@id("x.overflow") @code("x") @reason("X.") forbid (principal, action, resource)'
    overflow += " when { context.facts.calls + 9223372036854775807 < 0 };"

    verdict = engine_with(hard=overflow).decide(make_action(make_model()), make_facts(calls=1))

    assert (verdict.kind, verdict.code) == (VerdictKind.DENY, "policy_error")


def test_an_obligation_whose_evaluation_errors_denies() -> None:
    overflow = '@id("x.overflow") @obligation("modify") @transform("redact:PII")'
    overflow += " permit (principal, action, resource)"
    overflow += " when { context.facts.calls + 9223372036854775807 < 0 };"
    engine = engine_with(obligations=overflow)

    assert engine.decide(make_action(make_model()), make_facts(calls=1)).code == "policy_error"


@pytest.mark.parametrize(
    "broken",
    [
        {"max_class": 1.5},  # Cedar has no floats
        {"max_class": "2"},
        {"max_class": None},  # the fact is missing
        {"tags": None},
        {"budget_left_micros": 2**63},  # does not fit a Long
    ],
)
def test_facts_that_do_not_fit_the_schema_deny(broken: dict[str, Any]) -> None:
    verdict = ENGINE.decide(make_action(make_model()), make_facts(**broken))

    assert verdict.code == "policy_error"


@pytest.mark.parametrize("missing", ["clearance", "trains_on_data", "baa", "region"])
def test_a_resource_without_an_attribute_denies(missing: str) -> None:
    whole = make_model()
    attributes = {name: v for name, v in whole.attributes.items() if name != missing}

    verdict = ENGINE.decide(make_action(replace(whole, attributes=attributes)), make_facts())

    assert verdict.code == "policy_error"


def test_an_unknown_action_denies() -> None:
    assert ENGINE.decide(make_action(make_model(), kind="teleport"), make_facts()).code == (
        "unknown_action"
    )
    thing = replace(make_model(), kind="spaceship")
    assert ENGINE.decide(make_action(thing), make_facts()).code == "unknown_action"
    # a known action on the wrong kind of thing
    assert ENGINE.decide(make_action(make_model(), kind="tool_call"), make_facts()).code == (
        "policy_error"
    )


def test_an_engine_that_breaks_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(DEFAULT)
    monkeypatch.setattr(engine, "_schema", None)
    monkeypatch.setattr(engine, "_slice", lambda *_: 1 / 0)

    assert engine.decide(make_action(make_model()), make_facts()).code == "policy_error"


def test_an_empty_policy_allows_nothing() -> None:
    engine = Engine(replace(DEFAULT, hard="", obligations=""))

    assert engine.decide(make_action(make_model()), make_facts()).code == "no_policy_permits"


@pytest.mark.parametrize(
    "annotations",
    [
        '@obligation("sing")',
        "",
        '@obligation("modify") @transform("rot13:PII")',
        '@obligation("modify") @transform("redact:MOOD")',
        '@obligation("modify")',
        '@obligation("require_approval")',
        '@obligation("throttle") @wait_seconds("soon")',
    ],
)
def test_an_obligation_that_is_unknown_denies(annotations: str) -> None:
    owed = f'@id("x.sing") {annotations} permit ({TOOLS});'
    engine = engine_with(obligations=owed)

    verdict = engine.decide(make_action(make_tool(), kind="tool_call"), make_facts())

    assert (verdict.code, verdict.policies) == ("unknown_obligation", ("x.sing",))
    with pytest.raises(PolicyInvalid):
        rules.check(replace(DEFAULT, obligations=DEFAULT.obligations + owed))


def test_approval_and_modification_are_both_kept_approval_first() -> None:
    action = make_action(make_tool(), kind="tool_call")

    verdict = ENGINE.decide(action, make_facts(integrity=0, tags=frozenset({"PII", "PCI"})))

    assert verdict.kind is VerdictKind.REQUIRE_APPROVAL
    assert [(o.kind, o.value) for o in verdict.obligations] == [
        ("require_approval", "operator"),
        ("modify", "redact:PII"),
        ("modify", "redact:PCI"),
    ]
    assert [o.value for o in verdict.obliged("modify")] == ["redact:PII", "redact:PCI"]


def test_an_approval_does_not_stand_in_for_a_modification() -> None:
    action = make_action(make_tool(), kind="tool_call")
    facts = make_facts(integrity=0, tags=frozenset({"PII"}), approvals=frozenset({"operator"}))

    assert ENGINE.decide(action, facts).kind is VerdictKind.MODIFY


def test_throttle_says_how_long_to_wait() -> None:
    slow = '@id("rate.tools") @obligation("throttle") @wait_seconds("5") @reason("Too fast.")'
    slow += f" permit ({TOOLS}) when {{ context.facts.calls_last_minute >= 60 }};"
    engine = engine_with(obligations=slow)
    action = make_action(make_tool(), kind="tool_call")

    verdict = engine.decide(action, make_facts(calls_last_minute=60))

    assert (verdict.kind, verdict.obligations[0].value) == (VerdictKind.THROTTLE, "5")
    assert verdict.reason == "Too fast."
    assert engine.decide(action, make_facts(calls_last_minute=59)).is_allowed


def test_a_policy_about_one_node_applies_to_that_node_only() -> None:
    rule = '@id("one.node") @code("not_you") @reason("{principal} may not.")'
    rule += ' forbid (principal == Grove::Node::"complaint-handling@3/classify", action, resource);'
    engine = engine_with(hard=rule)
    action = make_action(make_model())

    assert engine.decide(action, make_facts()).reason == "complaint-handling@3/classify may not."
    other = replace(action, principal="complaint-handling@3/draft")
    assert engine.decide(other, make_facts()).is_allowed


def test_a_policy_about_a_workflow_applies_to_its_nodes() -> None:
    rule = '@id("one.workflow") @code("stopped") @reason("Stopped.")'
    rule += ' forbid (principal in Grove::Workflow::"complaint-handling", action, resource);'
    engine = engine_with(hard=rule)
    action = make_action(make_model())

    assert engine.decide(action, make_facts()).code == "stopped"
    assert engine.decide(replace(action, principal="loans@1/classify"), make_facts()).is_allowed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("permit (principal, action, resource);", "policy 1: every policy needs an @id"),
        ('@id("a") permit (principal, action, resource);' * 2, "Two policies have the id a."),
        ('@id("a") forbid (principal, action, resource);', "a: a forbid needs a @reason"),
        (
            '@id("a") @code("a") @reason("{no}") forbid (principal, action, resource);',
            "a: its reason names {no}",
        ),
        (
            '@id("a") @code("a") @reason("{no") forbid (principal, action, resource);',
            "a: its reason names",
        ),
        ('@id("a") permit (principal, action, resource) when { 1 };', "a"),
        ('@id("a") permit (principal, action, resource) when { resource.colour };', "colour"),
        ('@id("a") permit (principal == ?principal, action, resource);', "templates"),
        ("permit (", "cannot be read"),
    ],
)
def test_a_set_that_cannot_be_trusted_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PolicyInvalid, match=problem.replace("{", r"\{")):
        Engine(replace(DEFAULT, hard=text))


def test_one_id_in_both_sets_is_refused() -> None:
    twin = '@id("base.model") @obligation("throttle") @wait_seconds("1") '

    with pytest.raises(PolicyInvalid, match=r"Two policies have the id base\.model"):
        rules.check(replace(DEFAULT, obligations=twin + f"permit ({TOOLS});"))


def test_an_obligation_written_as_a_forbid_is_refused() -> None:
    odd = '@id("odd") @code("odd") @reason("Odd.") forbid (principal, action, resource);'

    with pytest.raises(PolicyInvalid, match="an obligation is written as a permit"):
        rules.check(replace(DEFAULT, obligations=odd))


def test_an_obligation_permits_nothing() -> None:
    owed = f'@id("x.wait") @obligation("throttle") @wait_seconds("1") permit ({TOOLS});'
    engine = Engine(replace(DEFAULT, hard="", obligations=owed))

    verdict = engine.decide(make_action(make_tool(), kind="tool_call"), make_facts())

    assert (verdict.code, verdict.obligations) == ("no_policy_permits", ())


def test_a_schema_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="schema cannot be read"):
        Engine(replace(DEFAULT, schema="entity {"))


WORDS = st.sampled_from(["PII", "PHI", "PCI", "SECRET", "EU", "US", "operator", "redact:PII"])
SETS = st.frozensets(WORDS)
FACTS = st.builds(
    make_facts,
    max_class=st.integers(0, 3),
    integrity=st.integers(0, 2),
    tags=SETS,
    residency=st.none() | SETS,
    declared=st.booleans(),
    est_cost_micros=st.integers(0, 2_000),
    approvals=SETS,
    transforms=SETS,
    run_max_class=st.integers(0, 3),
)
ACTIONS = st.one_of(
    st.builds(
        make_model, clearance=st.integers(0, 3), egress=st.sampled_from(["internal", "external"])
    ).map(make_action),
    st.builds(make_tool, clearance=st.integers(0, 3), side_effect=st.booleans()).map(
        lambda tool: make_action(tool, kind="tool_call")
    ),
)


@settings(max_examples=60, deadline=None)
@given(action=ACTIONS, facts=FACTS)
def test_a_stored_decision_is_replayed_to_the_same_verdict(action: Action, facts: Facts) -> None:
    verdict = ENGINE.decide(action, facts)
    stored = json.dumps([action.to_json(), facts.to_json(), verdict.to_json()])

    stored_action, stored_facts, stored_verdict = json.loads(stored)
    again = ENGINE.decide(Action.from_json(stored_action), Facts.from_json(stored_facts))

    assert again.to_json() == stored_verdict
    assert Verdict.from_json(stored_verdict).to_json() == stored_verdict


@settings(max_examples=60, deadline=None)
@given(action=ACTIONS, facts=FACTS)
def test_what_exceeds_its_clearance_is_never_allowed(action: Action, facts: Facts) -> None:
    clearance = action.resource.attributes["clearance"]
    assert isinstance(clearance, int)

    if facts.max_class > clearance or not facts.declared:
        assert ENGINE.decide(action, facts).kind is VerdictKind.DENY


def test_one_engine_serves_many_threads() -> None:
    cases = [(make_action(make_model(clearance=n % 4)), make_facts(calls=n)) for n in range(200)]

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda case: ENGINE.decide(*case).code, cases))

    assert verdicts == ["allowed" if n % 4 >= 2 else "data_class_too_high" for n in range(200)]


def test_a_resource_survives_json() -> None:
    resource = make_model(papers_expire_on=None)

    assert Resource.from_json(json.loads(json.dumps(resource.to_json()))) == resource
