"""Policy texts read once: every policy with its annotations, checked, and sliced for an action.

Cedar gives back ids only, so @reason, @code and obligations are joined here, at load.
"""

import json
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cedarpy

from compliance import transforms
from compliance.errors import PolicyInvalid
from compliance.policy.reasons import PLACEHOLDERS
from compliance.policy.verdicts import ObligationKind

HERE = Path(__file__).parent
ID = re.compile(r"[a-z0-9][a-z0-9_.-]*")
VALUE_OF = {
    ObligationKind.MODIFY: "transform",
    ObligationKind.REQUIRE_APPROVAL: "approver",
    ObligationKind.THROTTLE: "wait_seconds",
}


@dataclass(frozen=True, slots=True)
class Texts:
    """The three texts that a policy snapshot consists of."""

    hard: str
    obligations: str
    schema: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy. `position` is its place in its text: the first forbid gives the code."""

    id: str
    position: int
    effect: str
    annotations: dict[str, str]
    tree: dict[str, Any]

    @property
    def reason(self) -> str:
        return self.annotations.get("reason") or self.annotations.get("title") or ""

    @property
    def obligation(self) -> tuple[str, str]:
        """Kind and value of what this policy asks for, as written."""
        kind = self.annotations.get("obligation", "")
        return kind, self.annotations.get(VALUE_OF.get(kind, ""), "")  # type: ignore[call-overload]


def default_texts() -> Texts:
    """What every tenant starts with."""
    return Texts(
        hard=(HERE / "hard.cedar").read_text(),
        obligations=(HERE / "obligations.cedar").read_text(),
        schema=(HERE / "schema.cedarschema").read_text(),
    )


def read_schema(text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise PolicyInvalid(f"The policy schema cannot be read: {error}") from error


def read(text: str, schema: cedarpy.Schema) -> dict[str, Rule]:
    """The policies of one text by id. Raises PolicyInvalid with every problem found."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyInvalid(f"The policies cannot be read: {error}") from error
    trees = [parsed["staticPolicies"][name] for name in _in_order(parsed["staticPolicies"])]
    rules = [
        Rule(
            id=(tree.get("annotations", {}).get("id") or ""),
            position=position,
            effect=tree["effect"],
            annotations={key: value or "" for key, value in tree.get("annotations", {}).items()},
            tree=tree,
        )
        for position, tree in enumerate(trees)
    ]
    problems = [*_problems(rules), *_schema_problems(text, schema)]
    if parsed["templates"]:
        problems.append("Policy templates with slots are not supported.")
    if problems:
        raise PolicyInvalid(" ".join(problems), problems=problems)
    return {rule.id: rule for rule in rules}


def check(texts: Texts) -> None:
    """Raise PolicyInvalid when these texts may not become a snapshot.

    Stricter than reading: a snapshot made elsewhere with obligations that are unknown here is
    still read, and its decisions deny.
    """
    schema = read_schema(texts.schema)
    hard = read(texts.hard, schema)
    obligations = read(texts.obligations, schema)
    check_apart(hard, obligations)
    problems = [
        f"{rule.id}: the obligation {rule.obligation!r} is not known."
        for rule in obligations.values()
        if not is_known(*rule.obligation)
    ]
    if problems:
        raise PolicyInvalid(" ".join(problems), problems=problems)


def check_apart(hard: dict[str, Rule], obligations: dict[str, Rule]) -> None:
    """Raise PolicyInvalid when both sets have a policy with the same id, or obligations forbid."""
    problems = [
        f"Two policies have the id {rule_id}."
        for rule_id in sorted(hard.keys() & obligations.keys())
    ]
    problems += [
        f"{rule.id}: an obligation is written as a permit."
        for rule in obligations.values()
        if rule.effect != "permit"
    ]
    if problems:
        raise PolicyInvalid(" ".join(problems), problems=problems)


def is_known(kind: str, value: str) -> bool:
    """Can we do what this obligation asks for?"""
    if kind == ObligationKind.MODIFY:
        return transforms.is_known(value)
    if kind == ObligationKind.REQUIRE_APPROVAL:
        return bool(value)
    return kind == ObligationKind.THROTTLE and value.isdecimal()


def applicable(
    rules: Iterable[Rule], *, action: str, principal: str, resource: str
) -> tuple[Rule, ...]:
    """The rules whose scope can match. A rule left out could never have applied: its scope names
    another action, principal or resource by `==` (Cedar calls this a sound policy slice)."""
    return tuple(
        rule
        for rule in rules
        if _may_match(rule.tree["action"], action)
        and _may_match(rule.tree["principal"], principal)
        and _may_match(rule.tree["resource"], resource)
    )


def policy_set(rules: Iterable[Rule]) -> cedarpy.PolicySet:
    """A parsed handle in which each policy carries its own id."""
    static = {rule.id: rule.tree for rule in rules}
    return cedarpy.PolicySet.from_json_str(
        json.dumps({"staticPolicies": static, "templates": {}, "templateLinks": []})
    )


def _may_match(scope: dict[str, Any], uid: str) -> bool:
    named = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    is_action = bool(named) and all(one.get("type") == "Grove::Action" for one in named)
    if scope["op"] == "==" or (scope["op"] == "in" and is_action):
        return any(_uid(one) == uid for one in named)
    return True


def _uid(entity: dict[str, Any]) -> str:
    return f'{entity["type"]}::"{entity["id"]}"'


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: int(name.removeprefix("policy")))


def _problems(rules: list[Rule]) -> Iterable[str]:
    seen: set[str] = set()
    for rule in rules:
        label = rule.id or f"policy {rule.position + 1}"
        if not ID.fullmatch(rule.id):
            yield f"{label}: every policy needs an @id of small letters, digits and . _ -."
        if rule.id in seen:
            yield f"Two policies have the id {rule.id}."
        seen.add(rule.id)
        if rule.effect == "forbid" and not (
            rule.annotations.get("reason") and rule.annotations.get("code")
        ):
            yield f"{label}: a forbid needs a @reason sentence and a @code."
        for unknown in sorted(_placeholders(rule.reason) - PLACEHOLDERS.keys()):
            yield f"{label}: its reason names {{{unknown}}}, which is not known."


def _placeholders(sentence: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}
    except ValueError:
        return {sentence}


def _schema_problems(text: str, schema: cedarpy.Schema) -> Iterable[str]:
    result = cedarpy.validate_policies(text, schema)
    return [] if result.validation_passed else [str(error) for error in result.errors]
