"""The governed door: the only way from a node to the world, and one road for models and tools.

1 action      what, with which resource, on whose behalf, and a digest of what would be sent
2 facts       the labels of what flows in, what this run has touched so far, what it may still spend
3 decide      compliance.policy; any error in there is a denial
4 obey        modify and decide again, wait, ask a person and park the node (runs/approvals.py), or refuse
5 record      decision, reservation and intent in one commit, BEFORE the act
6 act         the gateway or a tool; both take nothing without a permit, and permits are made here only
7 filter      detectors on what came back: they add labels, never remove any
8 settle      usage and answer go with the wave's commit

What a call is and which rows it leaves is in runs/governed_calls.py, the way to a decision in runs/wishes.py, that down
a group in runs/failover.py. The call that a node begins with has mostly come as far as 5 before its node starts: see
runs/first_calls.py.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from compliance.labels import Labels, join
from compliance.policy.verdicts import ObligationKind, Verdict, VerdictKind
from runs import approvals, caller_keys, facts_of_runs, governed_calls
from runs.approvals import Approvals
from runs.checkpoint import Row, event
from runs.done_before import DoneBefore
from runs.errors import ClaimLost
from runs.failover import Road
from runs.first_calls import Decided, NotAboard
from runs.governed_calls import Act, Caller, ModelAct, ToolAct
from runs.intents import Draft, RegisterMoved
from runs.live_run import LiveRun
from runs.models import CallStatus, ModelCall
from runs.outcomes import Settlement
from runs.tool_settlements import ToolSettlement
from runs.wishes import Wish
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.secret_store import SecretValue
from tenancy.secret_uses import Purpose, SecretUse, used_for
from workflows import budgets
from workflows.errors import ModelGroupUnknown
from workflows.nodes import ModelAnswer, NodeFailed, ToolAnswer
from workflows.permits import Permit, at_once
from workflows.providers import gateway
from workflows.providers.contract import ModelRequest, ProviderError, Target
from workflows.providers.errors import ModelUnavailable, PriceUnknown
from workflows.tools import registry
from workflows.tools.contract import ToolError, ToolResponse

LONGEST_THROTTLE_SECONDS = 30.0
TELLING = frozenset({PriceUnknown.code, budgets.CODE})  # denials that a node's failure names

A = TypeVar("A", ModelAct, ToolAct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted(Generic[A]):
    """A call as it may be made, after all that was owed, and the proof that it may."""

    act: A
    permit: Permit


class GovernedDoor:
    """The part of an attempt's door (runs/door.py) that leads out; collects what its outcome must settle."""

    def __init__(
        self, *, live: LiveRun, node_id: str, labels: Labels, decided: Decided | None = None
    ) -> None:
        self._live, self._decided = live, decided
        self._labels = labels
        self._settlements: list[Settlement] = []
        self._tool_settlements: list[ToolSettlement] = []
        self._tool_calls = 0
        self._events: list[Row] = []
        self.node_id = node_id
        self.attempt = live.attempts[node_id]
        self._caller = Caller(live=live, node_id=node_id, attempt=self.attempt)

    @cached_property
    def _approvals(self) -> Approvals:  # most nodes never call anybody
        return Approvals(self._caller)

    @cached_property
    def _done_before(self) -> DoneBefore:
        return DoneBefore(self._caller)

    @property
    def labels(self) -> Labels:
        return self._labels

    def now(self) -> datetime:
        """The attempt's clock."""
        raise NotImplementedError

    def _go_on_parked(self) -> None:
        """Somebody approved: what was done up to the question is not done again."""
        self._approvals.read()
        self._done_before.go_on()

    # -- model calls --------------------------------------------------------------------------------------------------

    def model(
        self,
        *,
        model_group: str,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
        timeout_seconds: int,
        labels: Labels,
    ) -> ModelAnswer:
        """One governed model call, with failover to the group's next deployment. Raises NodeFailed."""
        request = ModelRequest.of(
            messages=messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        )
        with tenant_context(self._live.tenant):
            try:
                done = self._done_before.next_model_call()
                if done is not None:
                    return self._answer_again(done, labels)
                return self._first_answer(model_group, request, labels)
            except ClaimLost:
                raise
            except GroveError as error:
                raise NodeFailed(error.code, error.sentence) from error

    def _first_answer(self, group: str, request: ModelRequest, labels: Labels) -> ModelAnswer:
        """Down the group, until one answers."""
        first = self._decided
        if first is not None and first.is_of(group, request, labels):
            road, planned = first.road, first.planned
        else:
            road, planned = Road(self._live, group, labels), None
        known = len(self._events)
        while True:
            try:
                act, told = planned or road.next_act(request)
                planned = None
                if told:
                    self._note_once(told[0], **told[1])
                return self._ask(act, labels)
            except NotAboard:
                del self._events[known:]
                road = Road(self._live, group, labels)
            except (RegisterMoved, ModelGroupUnknown, ModelUnavailable) as why:
                road.look_again(why)
            except ProviderError as error:
                road.leave(error, self._settlements[-1].call_id if self._settlements else None)

    def _answer_again(self, call: ModelCall, labels: Labels) -> ModelAnswer:
        """What this call was answered before the node was parked; it was paid for then."""
        text = self._done_before.text_of(call)
        self._note("model.reused", call=str(call.pk), model=call.model_answered)
        return ModelAnswer(
            text=text,
            model=call.model_answered,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            cost_micros=call.cost_micros,
            labels=governed_calls.labels_of_answer(text, labels),
        )

    def _ask(self, act: ModelAct, labels: Labels) -> ModelAnswer:
        own_key = self._key_of_caller(act.target)
        permitted = self._permitted(act, labels)
        act, call_id = permitted.act, permitted.permit.call_id
        use = self._use(Purpose.MODEL_CALL, labels, provider=act.target.provider)
        connection.close()  # none is held while the provider thinks
        try:
            with used_for(use):
                response = gateway.complete(
                    act.target,
                    act.request,
                    permit=permitted.permit,
                    credentials=own_key.expose() if own_key else None,
                )
        except ProviderError as error:
            failed = Settlement.failed(call_id, error.recorded_kind, error.sentence)
            self._settlements.append(failed)
            raise
        except (NotAboard, ClaimLost):
            raise
        except Exception as error:
            failed = Settlement.failed(call_id, "internal_error", _broke_here(error))
            self._settlements.append(failed)
            raise
        cost = act.cost(tokens_in=response.tokens_in, tokens_out=response.tokens_out)
        kept = self._caller.keep("runs_modelcall", call_id, {"text": response.text})
        self._settlements.append(
            Settlement(
                call_id=call_id,
                status=CallStatus.COMPLETED.value,
                finished_at=now(),
                model=response.model,
                response=kept.sealed,
                tokens_in=response.tokens_in,
                tokens_out=response.tokens_out,
                cost_micros=cost,
                error_kind=kept.code,
                error_sentence=kept.sentence,
            )
        )
        kept.check()
        return ModelAnswer(
            text=response.text,
            model=response.model,
            tokens_in=response.tokens_in,
            tokens_out=response.tokens_out,
            cost_micros=cost,
            labels=governed_calls.labels_of_answer(response.text, labels),
        )

    def _key_of_caller(self, target: Target) -> SecretValue | None:
        """Where this provider is called with the key of whoever started the run. Raises CallerKeyGone."""
        if target.auth != caller_keys.AUTH:
            return None
        return caller_keys.find(self._live.root_run_id, target.provider)

    def _use(self, purpose: Purpose, labels: Labels, **place: str) -> SecretUse:
        """What a secret is revealed for during this call."""
        return SecretUse(
            purpose=purpose,
            workflow=self._live.workflow_slug,
            data_class=labels.data_class.word,
            run_id=self._live.run_id,
            node_id=self.node_id,
            **place,
        )

    # -- tool calls ---------------------------------------------------------------------------------------------------

    def tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Any],
        idempotent: bool,
        timeout_seconds: int,
        labels: Labels,
    ) -> ToolAnswer:
        """One governed tool call. An effect that an earlier attempt had is not had again. Raises NodeFailed."""
        self._tool_calls += 1
        with tenant_context(self._live.tenant):
            try:
                act = governed_calls.tool_act(
                    self._caller,
                    ordinal=self._tool_calls,
                    name=name,
                    arguments=arguments,
                    idempotent=idempotent,
                    timeout_seconds=timeout_seconds,
                    labels=labels,
                )
                done = self._done_before.find_tool_call(act)
                if done is not None:
                    self._note("tool.reused", call=str(done.pk), tool=done.tool)
                    return self._done_before.answer_of(done)
                return self._act(act, labels)
            except ClaimLost:
                raise
            except ToolError as error:
                raise NodeFailed(f"tool_{error.kind}", error.sentence) from error
            except GroveError as error:
                raise NodeFailed(error.code, error.sentence) from error

    def _act(self, act: ToolAct, labels: Labels) -> ToolAnswer:
        permitted = self._permitted(act, labels)
        act, call_id = permitted.act, permitted.permit.call_id
        about = {"call": str(call_id), "tool": act.tool, "destination": act.target.name}
        self._note("tool.requested", effect=str(act.target.effect), **about)
        use = self._use(Purpose.TOOL_CALL, labels, destination=act.target.name)
        connection.close()  # none is held while the other side thinks
        try:
            with used_for(use):
                response = registry.call(act.target, act.request, permit=permitted.permit)
        except Exception as error:
            kind = error.recorded_kind if isinstance(error, ToolError) else "internal_error"
            told = error.sentence if isinstance(error, ToolError) else _broke_here(error)
            self._tool_settlements.append(ToolSettlement.failed(call_id, kind, told))
            self._note("tool.failed", code=str(kind), **about)
            raise
        answer = self._answer(call_id, response, labels)
        self._note("tool.completed", **about)
        return answer

    def _answer(self, call_id: UUID, response: ToolResponse, labels: Labels) -> ToolAnswer:
        found = join(labels, response.labels)
        if found.data_class > labels.data_class or not found.tags <= labels.tags:
            facts_of_runs.note_read(self._live.root_run_id, found)
        kept = self._caller.keep("runs_toolcall", call_id, response.output)
        self._tool_settlements.append(
            ToolSettlement(
                call_id=call_id,
                status=CallStatus.COMPLETED.value,
                finished_at=now(),
                response=kept.sealed,
                digest=self._caller.digest_of(response.output),
                labels=found.to_json(),
                error_kind=kept.code,
                error_sentence=kept.sentence,
            )
        )
        kept.check()
        return ToolAnswer(output=response.output, labels=found)

    # -- 1 to 5: until the decision stands on record ------------------------------------------------------------------

    def _permitted(self, act: A, labels: Labels) -> Permitted[A]:
        """Decide, obey and decide again until the call is allowed. Raises NodeFailed when it is not, and Parked."""
        carried_out: frozenset[str] = frozenset()
        waited, asked = 0.0, approvals.digest_of(act, self._caller)
        while True:
            wish = Wish(self._caller, act, labels, carried_out, self._approvals.of(asked))
            draft = self._live.intents.record(wish.decide)
            act, carried_out = cast("A", wish.final.act), wish.final.carried_out
            verdict = wish.final.verdict
            if verdict.kind is VerdictKind.ALLOW:
                return self._allowed(act, draft)
            self._tell(draft)
            if verdict.kind is VerdictKind.MODIFY:
                raise NodeFailed("obligation_repeats", "A policy asks for what was done already.")
            if verdict.kind is VerdictKind.THROTTLE:
                pause = max(float(o.value) for o in verdict.obliged(ObligationKind.THROTTLE))
                waited += pause
                if waited > LONGEST_THROTTLE_SECONDS:
                    raise NodeFailed("throttled", verdict.reason)
                connection.close()
                time.sleep(pause)
            elif verdict.kind is VerdictKind.REQUIRE_APPROVAL:
                self._demand_approval(act, asked, verdict)
            elif act.refusal is not None:
                raise NodeFailed(act.refusal.code, act.refusal.sentence)
            else:
                code = verdict.code if verdict.code in TELLING else "denied"
                raise NodeFailed(code, verdict.reason)

    def _demand_approval(self, act: Act, asked: str, verdict: Verdict) -> None:
        """Raises Parked, once the question is on record. Gives back when it was approved after all."""
        try:
            self._approvals.demand(act, asked, verdict, since=self.now())
        except approvals.Parked as parked:
            about = parked.pause.about
            self._note("approval.requested", approver=about["approver"], until=parked.pause.until)
            raise

    def _allowed(
        self, act: A, draft: Draft, *, leave: Callable[[], None] = at_once
    ) -> Permitted[A]:
        self._tell(draft)
        assert draft.call is not None  # noqa: S101 - an allowing draft has an intent
        permit = Permit(decision_id=draft.decision["id"], call_id=draft.call["id"], leave=leave)
        return Permitted(act=act, permit=permit)

    def _tell(self, draft: Draft) -> None:
        """Of its decisions, which are on record."""
        for decision in (*draft.earlier, draft.decision):
            self._note(
                "decision.made",
                decision=str(decision["id"]),
                verdict=decision["verdict"],
                policies=decision["policies"],
                resource=decision["resource_name"],
            )

    def _note(self, name: str, **body: Any) -> None:
        self._events.append(event(name, now(), self.node_id, **body))

    def _note_once(self, name: str, **body: Any) -> None:
        if all(told["name"] != name or told["body"] != body for told in self._events):
            self._note(name, **body)


def _broke_here(error: Exception) -> str:
    return f"This call broke on our side ({type(error).__name__})."
