"""Model and tool calls in a replay: answered from the record, or not at all.

There is no gateway behind this, no tool and no table. What is asked is compared with what was asked; where that is not
the same, the record has no answer to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from compliance import transforms
from compliance.detectors import tags_in
from compliance.labels import Integrity, Labels, join
from compliance.policy.actions import Action, ActionKind
from compliance.policy.engine import Engine
from compliance.policy.facts import Facts
from compliance.policy.verdicts import Verdict, VerdictKind
from runs.evidence import Act, Evidence, canonical
from runs.models import CallStatus, Decision, ModelCall, NodeExecution, NodeStatus, ToolCall
from workflows import departures
from workflows.nodes import ModelAnswer, NodeFailed, ToolAnswer
from workflows.providers.contract import ModelRequest
from workflows.providers.errors import RETRYABLE, PriceUnknown

BROKE = "internal_error"


class Unanswerable(Exception):
    """What is asked now is not what was asked then, or was not asked at all: the record has no answer to it."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is to be different from the run: another policy, other deployments of a model group. Nothing by default."""

    engine: Engine | None = None
    model_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


class ReplayCalls:
    """The part of a replay's door where the governed door would be. `row` is the attempt on record, if it is."""

    def __init__(
        self,
        *,
        evidence: Evidence,
        node_id: str,
        attempt: int,
        row: NodeExecution | None,
        what_if: WhatIf,
    ) -> None:
        self._evidence = evidence
        self._row = row
        self._what_if = what_if
        self._tool_calls = 0
        self._place = (node_id, attempt)
        self._acts = list(evidence.acts.get(self._place, ()))
        self.node_id = node_id
        self.attempt = attempt
        self.changed_decision: Decision | None = None  # the first that would be another

    # -- calls --------------------------------------------------------------------------------------------------------

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
        """The recorded answer to this very request, failover included."""
        request = ModelRequest.of(
            messages=messages,
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        ).to_json()
        asked = self._evidence.digest_of(request)
        failed: ModelCall | None = None
        tried = 0
        while act := self._next_act(ActionKind.MODEL_CALL):
            if failed is not None and act.arguments_digest != asked:
                break  # another question of the same attempt
            self._acts.remove(act)
            self._check_request(act, asked, request)
            self._check_group(act, model_group, tried)
            self._check_allowed(act)
            call = cast(ModelCall, act.call)
            if call.status == CallStatus.COMPLETED:
                return self._model_answer(call, labels)
            failed, tried = call, tried + 1
            if departures.to_kind(call.error_kind) not in RETRYABLE:
                break
        if failed is None:
            raise self._not_asked("a model")
        code = (
            BROKE
            if failed.error_kind == BROKE
            else f"model_{departures.to_kind(failed.error_kind)}"
        )
        raise NodeFailed(code, failed.error_sentence)

    def tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Any],
        idempotent: bool,
        timeout_seconds: int,
        labels: Labels,
    ) -> ToolAnswer:
        """The recorded answer to this very call, of an earlier attempt where its effect was not had again."""
        self._tool_calls += 1
        request = {"tool": name, "arguments": dict(arguments)}
        asked = self._evidence.digest_of(request)
        if (done := self._find_earlier(asked)) is not None:
            return self._tool_answer(done)
        act = self._next_act(ActionKind.TOOL_CALL)
        if act is None:
            raise self._not_asked(f"“{name}”")
        self._acts.remove(act)
        self._check_request(act, asked, request)
        self._check_allowed(act)
        call = cast(ToolCall, act.call)
        if call.status == CallStatus.COMPLETED:
            return self._tool_answer(call)
        code = BROKE if call.error_kind == BROKE else f"tool_{departures.to_kind(call.error_kind)}"
        raise NodeFailed(code, call.error_sentence)

    def _next_act(self, kind: ActionKind) -> Act | None:
        return self._acts[0] if self._acts and self._acts[0].kind == kind else None

    def _model_answer(self, call: ModelCall, labels: Labels) -> ModelAnswer:
        text = self._evidence.open(call, "response_sealed")["text"]
        found = Labels(integrity=Integrity.UNTRUSTED, tags=tags_in(text))
        return ModelAnswer(
            text=text,
            model=call.model_answered,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            cost_micros=call.cost_micros,
            labels=join(labels, found),
        )

    def _tool_answer(self, call: ToolCall) -> ToolAnswer:
        output = self._evidence.open(call, "response_sealed")
        return ToolAnswer(output=output, labels=Labels.from_json(call.labels or {}))

    def _find_earlier(self, asked: str) -> ToolCall | None:
        """What an earlier attempt did, where this one did not do it again: the same call by its key."""
        run_id = str(self._evidence.run.pk)
        key = self._evidence.digest_of(["tool call", run_id, self.node_id, self._tool_calls])
        calls = [
            act.call
            for attempt in range(1, self.attempt + 1)
            for act in self._evidence.acts.get((self.node_id, attempt), ())
            if isinstance(act.call, ToolCall) and act.call.idempotency_key == key
        ]
        if any(call.attempt == self.attempt for call in calls):
            return None
        done = [
            call
            for call in calls
            if call.status == CallStatus.COMPLETED and call.request_digest == asked
        ]
        return done[-1] if done and done[-1].has_effect else None

    # -- is it what was asked, and would it be allowed ----------------------------------------------------------------

    def _check_request(self, act: Act, asked: str, request: Mapping[str, Any]) -> None:
        if act.arguments_digest == asked:
            return
        differs = ["arguments"]
        if act.call is not None:
            recorded = self._evidence.open(act.call, "request_sealed")
            now = self._masked(act, request)
            differs = [
                name for name in now if canonical(now[name]) != canonical(recorded.get(name))
            ]
        names = {"messages": "prompt"}
        told = " and ".join(names.get(name, name) for name in differs) or "request"
        raise Unanswerable(
            f"{names.get(differs[0], differs[0]) if differs else 'request'}_differs",
            f"Its {told} {'differs' if len(differs) == 1 else 'differ'} from what was asked then.",
        )

    def _masked(self, act: Act, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """As it would have been sent: what was recorded is what was left after masking."""
        owed = [
            each["value"]
            for decision in act.decisions
            for each in decision.obligations
            if decision.verdict == VerdictKind.MODIFY and each["kind"] == "modify"
        ]
        if not owed or "messages" not in request:
            return request
        messages = [
            {**message, "content": transforms.apply_all(owed, message["content"])}
            for message in request["messages"]
        ]
        return {**request, "messages": messages}

    def _check_group(self, act: Act, group: str, tried: int) -> None:
        if isinstance(act.call, ModelCall) and act.call.model_group != group:
            raise Unanswerable(
                "model_differs",
                f"It asks the model group “{group}”; the record has an answer of “{act.call.model_group}”.",
            )
        order = self._what_if.model_groups.get(group)
        if order is not None and act.resource != (order[tried] if tried < len(order) else ""):
            first = order[tried] if tried < len(order) else "nobody"
            raise Unanswerable(
                "model_differs",
                f"It would ask “{first}”; the record has an answer of “{act.resource}”.",
            )

    def _check_allowed(self, act: Act) -> None:
        """Raise NodeFailed where this act was refused, or would be by the other policy."""
        for decision in act.decisions:
            verdict = decide_again(self._what_if.engine, decision)
            if verdict is None or not differs_from(verdict, decision):
                continue
            self.changed_decision = self.changed_decision or decision
            if verdict.kind in (VerdictKind.DENY, VerdictKind.REQUIRE_APPROVAL):
                raise _refused(verdict.kind, verdict.code, verdict.reason, declared=True)
            raise Unanswerable(
                "decision_differs",
                f"The policy would answer {verdict.kind} and no longer {decision.verdict}: "
                "the record has no answer to what follows.",
            )
        last = act.last
        if last.verdict != VerdictKind.ALLOW:
            self._fail_as_then()
            declared = bool(last.facts.get("declared", True))
            raise _refused(VerdictKind(last.verdict), last.code, last.reason, declared=declared)

    def _fail_as_then(self) -> None:
        """Raise NodeFailed where nothing more is on record of this attempt but that it failed."""
        row = self._row
        if row is not None and row.status == NodeStatus.FAILED and not self._acts:
            raise NodeFailed(row.error_code, row.error_sentence)

    def _not_asked(self, what: str) -> Exception:
        """It failed then before anything was decided; or nothing like it was asked."""
        self._fail_as_then()
        return Unanswerable("not_on_record", f"It asks {what}, which it did not ask then.")


# -- decisions, once more ---------------------------------------------------------------------------------------------


def decide_again(engine: Engine | None, decision: Decision) -> Verdict | None:
    """What this engine says to a recorded action with its recorded facts. None: nobody asks, or no policy is asked."""
    ours = decision.code == PriceUnknown.code or not decision.facts.get("declared", True)
    if engine is None or ours:
        return None
    return engine.decide(Action.from_json(decision.action), Facts.from_json(decision.facts))


def differs_from(verdict: Verdict, decision: Decision) -> bool:
    """Another answer, or the same one with something else owed."""
    owed = sorted((each.kind, each.value) for each in verdict.obligations)
    was_owed = sorted((each["kind"], each["value"]) for each in decision.obligations)
    return str(verdict.kind) != decision.verdict or owed != was_owed


def _refused(kind: VerdictKind, code: str, reason: str, *, declared: bool) -> NodeFailed:
    """As the governed door says it."""
    if kind is VerdictKind.REQUIRE_APPROVAL:
        return NodeFailed("approval_required", reason)
    if kind is VerdictKind.THROTTLE:
        return NodeFailed("throttled", reason)
    if kind is VerdictKind.MODIFY:
        return NodeFailed("obligation_repeats", reason)
    ours = code == PriceUnknown.code or not declared
    return NodeFailed(code if ours else "denied", reason)
