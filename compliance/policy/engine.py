"""The policy engine: one action and its facts in, one verdict out. No clock, no database.

It fails closed: whatever goes wrong in here is a denial with a code.
"""

import logging
import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cedarpy
import orjson

from compliance.policy import reading, rules
from compliance.policy.actions import Action, ActionKind, Resource, ResourceKind
from compliance.policy.facts import Facts
from compliance.policy.reading import Reading
from compliance.policy.reasons import Sentence
from compliance.policy.rules import Rule, Texts
from compliance.policy.verdicts import Obligation, ObligationKind, Verdict, VerdictKind

logger = logging.getLogger(__name__)

CACHED_SLICES = 512
CACHED_ENTITIES = 2048
KNOWN_ANSWERS = 4096
CEDAR_ACTION = {
    ActionKind.MODEL_CALL: "ModelCall",
    ActionKind.TOOL_CALL: "ToolCall",
    ActionKind.DATA_ACCESS: "DataAccess",
    ActionKind.AGENT_SPAWN: "AgentSpawn",
}
CEDAR_TYPE = {
    ResourceKind.MODEL: "Model",
    ResourceKind.TOOL: "Tool",
    ResourceKind.DATA_SOURCE: "DataSource",
    ResourceKind.AGENT: "Agent",
}
ORDER = (ObligationKind.REQUIRE_APPROVAL, ObligationKind.THROTTLE, ObligationKind.MODIFY)


class PolicyError(Exception):
    """The engine could not evaluate the policies for this action."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The policies that can apply to one principal's action on one resource, and what they look at."""

    policies: cedarpy.PolicySet
    reading: Reading


class Engine:
    """The policies of one snapshot, parsed once. Safe to use from many threads: everything that
    is shared is immutable or a locked cache."""

    def __init__(self, texts: Texts) -> None:
        """Raises PolicyInvalid for texts that cannot be used."""
        self._schema = rules.read_schema(texts.schema)
        self._hard = rules.read(texts.hard, self._schema)
        self._obligations = rules.read(texts.obligations, self._schema)
        rules.check_apart(self._hard, self._obligations)
        self._slice = lru_cache(maxsize=CACHED_SLICES)(self._make_slice)
        self._entities = lru_cache(maxsize=CACHED_ENTITIES)(self._read_entities)
        self._known: dict[Hashable, tuple[str, ...]] = {}

    def decide(self, action: Action, facts: Facts) -> Verdict:
        """1. the HARD set must permit and not forbid; 2. the OBLIGATIONS set says what is owed;
        3. what is met already is dropped, the gravest of the rest names the verdict."""
        started = time.perf_counter_ns()
        try:
            verdict = self._decide(action, facts)
        except PolicyError as error:
            logger.warning("A policy could not be evaluated", extra={"action": "policy_error"})
            verdict = _deny("policy_error", f"The policy could not be evaluated: {error}")
        except Exception:  # fail closed: an engine that breaks denies
            logger.exception("The policy engine failed", extra={"action": "policy_error"})
            verdict = _deny("policy_error", "The policy engine failed, so nothing is allowed.")
        return replace(verdict, engine_us=(time.perf_counter_ns() - started) // 1000)

    def _decide(self, action: Action, facts: Facts) -> Verdict:
        if action.kind not in CEDAR_ACTION or action.resource.kind not in CEDAR_TYPE:
            pair = f"{action.kind} on {action.resource.kind}"
            return _deny("unknown_action", f"{pair} is not an action that is known.")
        sentence = Sentence(action, facts)
        applying = self._applying(action, facts)
        hard = [self._hard[rule_id] for rule_id in applying if rule_id in self._hard]
        if not hard or any(rule.effect == "forbid" for rule in hard):
            return self._denial(hard, sentence)
        owed = [self._obligations[rule_id] for rule_id in applying if rule_id not in self._hard]
        return _verdict(hard, sorted(owed, key=_position), facts, sentence)

    def _applying(self, action: Action, facts: Facts) -> tuple[str, ...]:
        """The policies that decide, from memory where all that they look at was the same before."""
        entities = _entities_json(action)
        name, principal, resource = _uids(action)
        found = self._slice(name, _quoted(principal), _quoted(resource))
        looked_at = found.reading.of(facts, action.on_behalf_of)
        question = (name, entities, looked_at)
        answer = self._known.get(question) if looked_at is not None else None
        if answer is None:
            answer = self._ask(_request(action, facts), found.policies, self._entities(entities))
            if looked_at is not None:
                if len(self._known) >= KNOWN_ANSWERS:
                    self._known.clear()
                self._known[question] = answer
        return answer

    def _ask(
        self, request: dict[str, Any], policies: cedarpy.PolicySet, entities: cedarpy.Entities
    ) -> tuple[str, ...]:
        """The ids of the policies that decide: the forbids that apply or, without any, the permits.

        Both sets go in one question, since putting it is what takes the time: a permit of the
        OBLIGATIONS set among the answers is owed, and permits nothing. Raises PolicyError when
        anything at all could not be evaluated: Cedar itself would skip that policy.
        """
        answer = cedarpy.is_authorized(request, policies, entities, self._schema)
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            raise PolicyError("; ".join(answer.diagnostics.errors) or "no decision was reached")
        return tuple(answer.diagnostics.reasons)

    def _denial(self, forbidding: list[Rule], sentence: Sentence) -> Verdict:
        if not forbidding:
            reason = f"No policy permits this use of {sentence['resource']}."
            return _deny("no_policy_permits", reason)
        forbidding.sort(key=_position)
        return Verdict(
            kind=VerdictKind.DENY,
            code=forbidding[0].annotations["code"],
            reason=" ".join(rule.reason.format_map(sentence) for rule in forbidding),
            policies=tuple(rule.id for rule in forbidding),
        )

    def _make_slice(self, action: str, principal: str, resource: str) -> Slice:
        every = (*self._hard.values(), *self._obligations.values())
        some = rules.applicable(every, action=action, principal=principal, resource=resource)
        return Slice(rules.policy_set(some), reading.of_rules(some))

    def _read_entities(self, entities: bytes) -> cedarpy.Entities:
        try:
            return cedarpy.Entities.from_json_str(entities.decode(), self._schema)
        except ValueError as error:
            raise PolicyError(f"the resource does not fit the schema: {error}") from error


def _verdict(permits: list[Rule], owed: list[Rule], facts: Facts, sentence: Sentence) -> Verdict:
    for rule in owed:
        if not rules.is_known(*rule.obligation):
            kind, value = rule.obligation
            return _deny(
                "unknown_obligation",
                f"The policy {rule.id} asks for {kind or 'nothing'} {value}".rstrip()
                + ", which is not known here.",
                policies=(rule.id,),
            )
    due = [rule for rule in owed if not _is_met(*rule.obligation, facts)]
    due.sort(key=lambda rule: ORDER.index(ObligationKind(rule.obligation[0])))
    permitting = sorted(permits, key=_position)
    policies = (*(rule.id for rule in permitting), *(rule.id for rule in due))
    if not due:
        reason = " ".join(
            f"{rule.reason.rstrip('.')}.".format_map(sentence) for rule in permitting if rule.reason
        )
        return Verdict(kind=VerdictKind.ALLOW, code="allowed", reason=reason, policies=policies)
    kind = VerdictKind(due[0].obligation[0])
    return Verdict(
        kind=kind,
        code=due[0].annotations.get("code") or str(kind),
        reason=" ".join(rule.reason.format_map(sentence) for rule in due),
        policies=policies,
        obligations=tuple(
            Obligation(kind=rule.obligation[0], value=rule.obligation[1], policy=rule.id)
            for rule in due
        ),
    )


def _is_met(kind: str, value: str, facts: Facts) -> bool:
    if kind == ObligationKind.MODIFY:
        return value in facts.transforms
    return kind == ObligationKind.REQUIRE_APPROVAL and value in facts.approvals


def _deny(code: str, reason: str, policies: tuple[str, ...] = ()) -> Verdict:
    return Verdict(kind=VerdictKind.DENY, code=code, reason=reason, policies=policies)


def _request(action: Action, facts: Facts) -> dict[str, Any]:
    context = {"facts": _without_none(facts.to_json()), "on_behalf_of": action.on_behalf_of}
    name, principal, resource = _uids(action)
    return {
        "principal": principal,
        "action": name,
        "resource": resource,
        "context": orjson.dumps(context).decode(),
    }


def _uids(action: Action) -> tuple[str, dict[str, str], dict[str, str]]:
    """What is done, by whom, and with what."""
    name = f'Grove::Action::"{CEDAR_ACTION[ActionKind(action.kind)]}"'
    return name, _uid("Node", action.principal), _resource_uid(action.resource)


def _entities_json(action: Action) -> bytes:
    """Only what this decision can look at: the principal with its workflow, and the resource."""
    workflow = _uid("Workflow", action.principal.partition("/")[0].partition("@")[0])
    resource = action.resource
    return orjson.dumps(
        [
            _entity(workflow, {}),
            _entity(_uid("Node", action.principal), _tenant(action.tenant), [workflow]),
            _entity(
                _resource_uid(resource),
                {**_tenant(resource.tenant), **_without_none(resource.attributes)},
            ),
        ]
    )


def _entity(
    uid: dict[str, str], attributes: Mapping[str, Any], parents: Iterable[dict[str, str]] = ()
) -> dict[str, Any]:
    return {"uid": uid, "attrs": attributes, "parents": list(parents)}


def _tenant(id: str) -> dict[str, Any]:
    return {"tenant": {"__entity": _uid("Tenant", id)}}


def _resource_uid(resource: Resource) -> dict[str, str]:
    return _uid(CEDAR_TYPE[ResourceKind(resource.kind)], resource.id)


def _uid(kind: str, id: str) -> dict[str, str]:
    return {"type": f"Grove::{kind}", "id": id}


def _quoted(uid: dict[str, str]) -> str:
    return f'{uid["type"]}::"{uid["id"]}"'


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _position(rule: Rule) -> int:
    return rule.position
