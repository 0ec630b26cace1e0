"""A wish: one call that a node wants to make, on its way to a decision on record. It writes nothing by itself."""

import hashlib
from dataclasses import replace
from functools import cached_property
from uuid import UUID

import orjson
from django.utils.timezone import now

from compliance import policies
from compliance.labels import Labels
from compliance.policy.actions import Action
from compliance.policy.facts import Facts
from compliance.policy.verdicts import ObligationKind, Verdict, VerdictKind
from runs import facts_of_runs, limits
from runs.checkpoint import Row
from runs.governed_calls import Act, Caller
from runs.hot_path import blank
from runs.intents import Draft
from runs.models import Decision, RunFacts
from tenancy.models import new_id
from workflows.providers.errors import PriceUnknown


class Wish:
    """One call that a node wants to make, ready for as many decisions as it takes until one is on record.

    What is to be changed of it is changed here and decided again: all of that is one draft. `final` is the wish as it
    was decided on last, with its act and its verdict.
    """

    def __init__(
        self,
        caller: Caller,
        act: Act,
        labels: Labels,
        carried_out: frozenset[str],
        approved: frozenset[str] = frozenset(),
    ) -> None:
        self.caller, self.act = caller, act
        self.labels, self.carried_out, self.approved = labels, carried_out, approved
        self.micros, self._denial = estimate(act)
        self._action = to_action(act, caller)
        self._engine = policies.engine_for(caller.live.snapshot_id)
        self._call_id = new_id()
        self._changed: dict[frozenset[str], Wish] = {}
        self.final = self
        self.verdict: Verdict

    def decide(self, sofar: RunFacts, budget_in_the_way: UUID | None) -> Draft:
        """On these facts. They are changed to what they are once the call is on its way."""
        caller, act, live = self.caller, self.act, self.caller.live
        facts = facts_of_runs.gather(
            sofar,
            labels=self.labels,
            estimate_micros=self.micros,
            carried_out=self.carried_out,
            approved=self.approved,
            declared=act.refusal is None,
        )
        verdict = self._denial or self._engine.decide(self._action, facts)
        self.verdict = verdict = limits.hold(
            act, facts, verdict, budget_in_the_way=budget_in_the_way
        )
        decision = to_decision(caller, act, self._action, facts, verdict)
        self.final = self
        if verdict.kind is VerdictKind.MODIFY and (changed := self._change(verdict)):
            draft = changed.decide(sofar, budget_in_the_way)
            self.final = changed.final
            return replace(draft, earlier=(decision, *draft.earlier))
        draft = Draft(
            run_id=live.run_id, token=live.token, register=act.register, decision=decision
        )
        if verdict.kind is not VerdictKind.ALLOW:
            return draft
        call = act.intent(caller, self._call_id, self, decision["id"])
        facts_of_runs.touch(
            sofar,
            labels=self.labels,
            destination=act.target.destination,
            reserved_micros=self.micros,
            tool=act.tool,
        )
        return replace(draft, what=act.what, call=call, request_sealed=self._sealed, facts=sofar)

    def _change(self, verdict: Verdict) -> "Wish | None":
        """The same with what is owed carried out, once; None where it was before."""
        owed = [each.value for each in verdict.obliged(ObligationKind.MODIFY)]
        if self.carried_out.issuperset(owed):
            return None
        done = self.carried_out | frozenset(owed)
        if done not in self._changed:
            act = self.act.transformed(owed)
            self._changed[done] = Wish(self.caller, act, self.labels, done, self.approved)
        return self._changed[done]

    @cached_property
    def _sealed(self) -> bytes:
        """Once only: a large request is kept in the store."""
        table, asked = self.act.table, self.act.request.to_json()
        return self.caller.seal(table, self._call_id, "request_sealed", asked)


def to_action(act: Act, caller: Caller) -> Action:
    live = caller.live
    return Action(
        kind=act.kind,
        principal=f"{live.path}/{caller.node_id}",
        tenant=str(live.tenant.pk),
        resource=act.resource(tenant=str(live.tenant.pk)),
        on_behalf_of=live.on_behalf_of,
        arguments_digest=caller.digest_of(act.request.to_json()),
    )


def estimate(act: Act) -> tuple[int, Verdict | None]:
    """What it may cost and, where nobody knows, more than anything costs: with the denial that follows from it."""
    try:
        return act.estimate(), None
    except PriceUnknown as error:
        denial = Verdict(kind=VerdictKind.DENY, code=error.code, reason=error.sentence)
        return facts_of_runs.MORE_THAN_ANYTHING_MICROS, denial


def to_decision(caller: Caller, act: Act, action: Action, facts: Facts, verdict: Verdict) -> Row:
    shown = action.to_json()
    return blank(Decision) | {
        "id": new_id(),
        "tenant_id": caller.live.tenant.pk,
        "run_id": caller.live.run_id,
        "node_id": caller.node_id,
        "attempt": caller.attempt,
        "action_kind": str(action.kind),
        "resource_kind": str(action.resource.kind),
        "resource_id": action.resource.id,
        "resource_name": act.target.name,
        "verdict": str(verdict.kind),
        "code": verdict.code,
        "reason": verdict.reason,
        "policies": list(verdict.policies),
        "obligations": [obligation.to_json() for obligation in verdict.obligations],
        "action": shown,
        "action_digest": _digest_of(shown),
        "facts": facts.to_json(),
        "snapshot_id": caller.live.snapshot_id,
        "engine_us": verdict.engine_us,
        "at": now(),
    }


def _digest_of(action: Row) -> str:
    return hashlib.sha256(orjson.dumps(action, option=orjson.OPT_SORT_KEYS)).hexdigest()
