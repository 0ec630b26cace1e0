"""Actions and facts to change one thing at a time in."""

from datetime import date
from typing import Any

from compliance.policy import actions
from compliance.policy.actions import Action, Resource
from compliance.policy.facts import Facts

TODAY = date(2026, 11, 21)


def make_facts(**changes: Any) -> Facts:
    facts: dict[str, Any] = {
        "max_class": 2,
        "integrity": 2,
        "tags": frozenset(),
        "residency": None,
        "declared": True,
        "est_cost_micros": 10,
        "budget_left_micros": 1_000,
        "today": TODAY,
    }
    return Facts(**{**facts, **changes})


def make_model(**changes: Any) -> Resource:
    attributes: dict[str, Any] = {
        "id": "openai-eu/large",
        "tenant": "acme",
        "provider": "openai-eu",
        "clearance": 2,
        "egress": "external",
        "region": "EU",
        "trains_on_data": False,
    }
    return actions.model(**{**attributes, **changes})


def make_tool(**changes: Any) -> Resource:
    attributes: dict[str, Any] = {"id": "send_letter", "tenant": "acme", "clearance": 3}
    return actions.tool(**{**attributes, **changes})


def make_action(resource: Resource, *, kind: str = "model_call", tenant: str = "acme") -> Action:
    return Action(
        kind=kind,
        principal="complaint-handling@3/classify",
        tenant=tenant,
        resource=resource,
        on_behalf_of="user:ann",
        arguments_digest="ab" * 32,
    )
