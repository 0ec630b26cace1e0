"""What a node is handed in a replay: a door that leads nowhere. It answers from the record, or not at all.

There is no gateway behind it, no tool and no table: all it can do is look things up in the evidence. What is asked is
compared with what was asked; where that is not the same, the record has no answer.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from urllib.parse import unquote

import orjson

from compliance import transforms
from compliance.detectors import tags_in
from compliance.labels import Integrity, Labels, join
from compliance.policy.actions import Action, ActionKind
from compliance.policy.engine import Engine
from compliance.policy.facts import Facts
from compliance.policy.verdicts import Verdict, VerdictKind
from runs.evidence import Act, Evidence, canonical
from runs.live_run import LiveRun, Start
from runs.models import CallStatus, Decision, ModelCall, NodeExecution, NodeStatus, Run, ToolCall
from workflows.nodes import (
    Answer,
    Inputs,
    Json,
    Kind,
    ModelAnswer,
    NodeFailed,
    Pause,
    Result,
    ToolAnswer,
)
from workflows.nodes.contract import Verdict as WaitVerdict
from workflows.providers.contract import ModelRequest
from workflows.providers.errors import RETRYABLE, PriceUnknown

CALLBACK = re.compile(r"https?://[^\s\"'\\]+?/api/v1/callbacks/([A-Za-z0-9_.:=-]+)")
BROKE = "internal_error"


class Unanswerable(Exception):
    """What is asked now is not what was asked then, or was not asked at all: the record has no answer to it."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(sentence)


ReplayChild = Callable[[Run], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is to be different from the run: another policy, other deployments of a model group. Nothing by default."""

    engine: Engine | None = None
    model_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


class ReplayDoor:
    """Made for one attempt, or for what follows its pause. `row` is that attempt on record, if it is."""

    def __init__(
        self,
        *,
        live: LiveRun,
        start: Start,
        evidence: Evidence,
        row: NodeExecution | None,
        what_if: WhatIf,
        replay_child: ReplayChild,
    ) -> None:
        self._live = live
        self._start = start
        self._evidence = evidence
        self._row = row
        self._what_if = what_if
        self._replay_child = replay_child
        self._tool_calls = 0
        self.node_id = start.path
        self.attempt = live.attempts[start.path]
        self._place = (self.node_id, self.attempt)
        self._acts = list(evidence.acts.get(self._place, ())) if start.pause is None else []
        self.labels = _labels_into(live, start)
        self.callback_url = ""
        self.changed_decision: Decision | None = None  # the first that would be another

    # -- what it sees of its run --------------------------------------------------------------------------------------

    @property
    def run_input(self) -> Any:
        return self._live.run_input

    @property
    def branches(self) -> frozenset[str]:
        edges = self._start.scope.nodes.graph.edges_out_of(self._start.node)
        return frozenset(edge.branch for edge in edges if edge.branch)

    def now(self) -> datetime:
        """The recorded moment of this attempt."""
        if self._start.pause is not None:
            moments = self._evidence.resumed_at.get(self._place)
            return moments[-1] if moments else self._start.at
        recorded = self._row.started_at if self._row else None
        return recorded or self._start.at

    def work(self, kind: Kind, config: Any, inputs: Inputs) -> Result | Pause:
        """Run the node, or after a pause hand it the answer on record. Raises NodeFailed, Unanswerable."""
        if self._start.pause is None:
            return kind.run(self, config, inputs)
        assert kind.resume is not None  # noqa: S101 - whatever pauses can go on
        return kind.resume(self, config, inputs, self._answer_to(self._start.pause))

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
        request = ModelRequest(
            messages=tuple(dict(message) for message in messages),
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
            if call.error_kind not in RETRYABLE:
                break
        if failed is None:
            raise self._not_asked("a model")
        code = BROKE if failed.error_kind == BROKE else f"model_{failed.error_kind}"
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
        code = BROKE if call.error_kind == BROKE else f"tool_{call.error_kind}"
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
            for (path, attempt), acts in self._evidence.acts.items()
            if path == self.node_id and attempt <= self.attempt
            for act in acts
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
            declared = bool(last.facts.get("declared", True))
            raise _refused(VerdictKind(last.verdict), last.code, last.reason, declared=declared)

    def _not_asked(self, what: str) -> Exception:
        """It failed then before anything was decided; or nothing like it was asked."""
        row = self._row
        if row is not None and row.status == NodeStatus.FAILED and not self._acts:
            return NodeFailed(row.error_code, row.error_sentence)
        return Unanswerable("not_on_record", f"It asks {what}, which it did not ask then.")

    # -- questions and child runs -------------------------------------------------------------------------------------

    def ask(
        self,
        *,
        kind: Literal["callback", "approval"],
        question: Json,
        schema: Mapping[str, Any] | None,
        expires_at: datetime,
        approver: str = "",
    ) -> Pause:
        wait = self._evidence.waits.get(self._place)
        if wait is None:
            raise self._not_asked("somebody a question")
        if canonical(self._evidence.open(wait, "question_sealed")) != canonical(question):
            raise Unanswerable("question_differs", "Its question differs from what was asked then.")
        if wait.approver != approver:
            raise Unanswerable("approver_differs", "Somebody else would have been asked.")
        if kind == "callback":
            self.callback_url = self._recorded_address(wait.token_digest or "")
        about: dict[str, Json] = {"wait": str(wait.pk)}
        if approver:
            about["approver"] = approver
        return Pause(kind=kind, until=wait.expires_at, about=about)

    def _recorded_address(self, digest: str) -> str:
        """The address that was told of then: only its digest is kept, but what was sent holds it."""
        for act in self._acts:
            if isinstance(act.call, ToolCall):
                sent = orjson.dumps(self._evidence.open(act.call, "request_sealed")).decode()
                for found in CALLBACK.finditer(unquote(sent)):
                    if hashlib.sha256(found.group(1).encode()).hexdigest() == digest:
                        return found.group(0)
        return ""

    def child(self, *, workflow: str, run_input: Json) -> Pause:
        child = self._evidence.children.get(self._place)
        if child is not None:
            pinned = f"{child.version.workflow.slug}@{child.version.number}"
            if pinned != workflow:
                raise Unanswerable(
                    "child_differs", f"It would start {workflow}; the record has a run of {pinned}."
                )
        return self._pause_for(child, run_input)

    def child_of_body(self, inputs: Inputs) -> Pause:
        return self._pause_for(self._evidence.children.get(self._place), dict(inputs))

    def _pause_for(self, child: Run | None, run_input: Json) -> Pause:
        if child is None:
            raise self._not_asked("for a child run")
        if canonical(self._evidence.open(child, "input_sealed")) != canonical(run_input):
            raise Unanswerable("input_differs", "Its child run would be given another input.")
        return Pause(kind="child", about={"run": str(child.pk)})

    def _answer_to(self, pause: Pause) -> Answer:
        if pause.kind == "delay":
            return Answer(kind="delay", about=pause.about)
        if pause.kind == "child":
            return self._replay_child(self._evidence.children[self._place])
        wait = self._evidence.waits[self._place]
        if wait.answered_at is None:
            return Answer(kind=pause.kind, expired=True, about=pause.about)
        value = self._evidence.open(wait, "answer_sealed")
        decided = pause.kind == "approval"
        return Answer(
            kind=pause.kind,
            output=None if decided else value,
            verdict=cast(WaitVerdict, wait.verdict),
            by=f"{wait.answered_by_kind}:{wait.answered_by_id}",
            sentence=value["reason"] if decided else "",
            about=pause.about,
        )


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


def _labels_into(live: LiveRun, start: Start) -> Labels:
    """The joined labels of all that a node reads; an input node reads the run's input."""
    if start.scope is live.top and start.spec.kind == "input":
        return live.input_labels
    return start.scope.labels_into(start.node)
