"""The policy every tenant starts with: one row, one rule."""

from datetime import date
from typing import Any

import pytest

from compliance.policy import actions, rules
from compliance.policy.engine import Engine
from tests.compliance.policy.cases import make_action, make_facts, make_model, make_tool

ENGINE = Engine(rules.default_texts())

MODEL_CALLS: list[tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = [
    # what the deployment is, what is known, the code, the policies that said so
    ({}, {}, "allowed", ("base.model",)),
    ({}, {"declared": False}, "no_policy_permits", ()),
    ({"tenant": "beta"}, {}, "no_policy_permits", ()),
    ({"clearance": 1}, {}, "data_class_too_high", ("class.clearance",)),
    ({"clearance": 2}, {"max_class": 2}, "allowed", ("base.model",)),
    ({"trains_on_data": True}, {"max_class": 1}, "provider_trains_on_data", ("provider.trains",)),
    ({"trains_on_data": True}, {"max_class": 0}, "allowed", ("base.model",)),
    ({"papers_expire_on": date(2026, 11, 20)}, {}, "papers_expired", ("provider.papers",)),
    # on their last day papers are still good
    ({"papers_expire_on": date(2026, 11, 21)}, {}, "allowed", ("base.model",)),
    ({"baa": True}, {"tags": frozenset({"PHI"})}, "phi_without_papers", ("hipaa.phi",)),
    ({"zero_retention": True}, {"tags": frozenset({"PHI"})}, "phi_without_papers", ("hipaa.phi",)),
    (
        {"baa": True, "zero_retention": True},
        {"tags": frozenset({"PHI"})},
        "allowed",
        ("base.model",),
    ),
    # health data that never leaves needs no papers
    ({"egress": "internal"}, {"tags": frozenset({"PHI"})}, "allowed", ("base.model",)),
    ({}, {"residency": frozenset({"EU"})}, "allowed", ("base.model",)),
    ({}, {"residency": frozenset({"US"})}, "residency", ("gdpr.residency",)),
    ({"region": ""}, {"residency": frozenset({"EU"})}, "residency", ("gdpr.residency",)),
    # labels that contradict each other leave no place at all
    ({}, {"residency": frozenset()}, "residency", ("gdpr.residency",)),
    ({}, {"est_cost_micros": 1_000}, "allowed", ("base.model",)),
    ({}, {"est_cost_micros": 1_001}, "budget_exceeded", ("budget.run",)),
    ({}, {"tags": frozenset({"PII"})}, "modify", ("base.model", "redact.pii")),
    ({"egress": "internal"}, {"tags": frozenset({"PII"})}, "allowed", ("base.model",)),
    (
        {},
        {"tags": frozenset({"PII"}), "transforms": frozenset({"redact:PII"})},
        "allowed",
        ("base.model",),
    ),
    ({}, {"tags": frozenset({"PCI"})}, "modify", ("base.model", "redact.pci")),
    (
        {"egress": "internal"},
        {"tags": frozenset({"SECRET"})},
        "modify",
        ("base.model", "redact.secret"),
    ),
]


@pytest.mark.parametrize(("deployment", "known", "code", "policies"), MODEL_CALLS)
def test_model_calls(
    deployment: dict[str, Any], known: dict[str, Any], code: str, policies: tuple[str, ...]
) -> None:
    action = make_action(make_model(**deployment))

    verdict = ENGINE.decide(action, make_facts(**known))

    assert (verdict.code, verdict.policies) == (code, policies)


TOOL_CALLS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "allowed"),
    ({}, {"declared": False}, "destination_undeclared"),
    ({"clearance": 1}, {}, "data_class_too_high"),
    ({"min_integrity": 1}, {"integrity": 0}, "integrity_too_low"),
    ({}, {"integrity": 0}, "require_approval"),
    ({}, {"integrity": 0, "approvals": frozenset({"operator"})}, "allowed"),
    # an approval by another role is none
    ({}, {"integrity": 0, "approvals": frozenset({"author"})}, "require_approval"),
    ({"side_effect": False}, {"integrity": 0}, "allowed"),
    # a version that is added can be taken back
    ({"reversible": True}, {"integrity": 0}, "allowed"),
    ({"papers_expire_on": date(2020, 1, 1)}, {}, "papers_expired"),
    ({"papers_expire_on": date(2099, 1, 1)}, {}, "allowed"),
    ({}, {"tags": frozenset({"PHI"})}, "phi_without_papers"),
    ({"baa": True}, {"tags": frozenset({"PHI"})}, "phi_without_papers"),
    ({"baa": True, "zero_retention": True}, {"tags": frozenset({"PHI"})}, "allowed"),
    ({"egress": "internal"}, {"tags": frozenset({"PHI"})}, "allowed"),
    ({"region": "US"}, {"residency": frozenset({"EU"})}, "residency"),
    ({}, {"tags": frozenset({"PII"})}, "modify"),
    # the order of things: sending is refused after restricted data was read, not before
    ({}, {"run_max_class": 3}, "restricted_external_send"),
    ({"egress": "internal"}, {"run_max_class": 3}, "allowed"),
]


@pytest.mark.parametrize(("attributes", "known", "code"), TOOL_CALLS)
def test_tool_calls(attributes: dict[str, Any], known: dict[str, Any], code: str) -> None:
    action = make_action(make_tool(**attributes), kind="tool_call")

    assert ENGINE.decide(action, make_facts(**known)).code == code


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("data_access", actions.data_source(id="crm", tenant="acme", clearance=2)),
        ("agent_spawn", actions.agent(id="triage", tenant="acme", clearance=2)),
    ],
)
def test_data_access_and_agents_need_a_declared_edge(kind: str, resource: actions.Resource) -> None:
    action = make_action(resource, kind=kind)

    assert ENGINE.decide(action, make_facts()).code == "allowed"
    assert ENGINE.decide(action, make_facts(declared=False)).code == "no_policy_permits"
    assert ENGINE.decide(action, make_facts(max_class=3)).code == "data_class_too_high"


def test_a_refusal_names_the_thing_refused() -> None:
    verdict = ENGINE.decide(make_action(make_model(clearance=1)), make_facts())

    assert verdict.reason == "openai-eu/large may see at most internal data; this is confidential."


def test_every_forbid_that_applies_is_named_first_one_first() -> None:
    action = make_action(make_model(clearance=1))

    verdict = ENGINE.decide(action, make_facts(residency=frozenset({"US"}), est_cost_micros=9_999))

    assert verdict.code == "data_class_too_high"
    assert verdict.policies == ("class.clearance", "gdpr.residency", "budget.run")
    assert "This data may stay in US only; openai-eu/large is in EU." in verdict.reason


def test_default_texts_pass_the_check_for_snapshots() -> None:
    rules.check(rules.default_texts())
