"""The governed door: the only way from a node to the world.

1 action      what, with which resource, on whose behalf, and a digest of what would be sent
2 facts       the labels of what flows in, what this run has touched so far, what it may still spend
3 decide      compliance.policy; any error in there is a denial
4 obey        modify and decide again, wait, or refuse
5 record      decision, reservation and intent in one commit, BEFORE the act
6 act         the gateway; it takes nothing without a permit, and permits are made here only
7 filter      detectors on what came back: they add labels, never remove any
8 settle      usage and answer go with the wave's commit
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils.timezone import now

from compliance import policies, transforms
from compliance.detectors import tags_in
from compliance.labels import Integrity, Labels, join
from compliance.policy.actions import Action, ActionKind
from compliance.policy.facts import Facts
from compliance.policy.verdicts import ObligationKind, Verdict, VerdictKind
from runs import facts_of_runs, payloads
from runs.checkpoint import Row, event
from runs.errors import ClaimLost
from runs.live_run import LiveRun, Outcome, Settlement
from runs.models import CallStatus, Decision, ModelCall, RunClaim, RunFacts
from tenancy.context import tenant_context
from tenancy.errors import GroveError
from tenancy.models import new_id
from workflows.nodes import ModelAnswer, NodeFailed, NodeNote, Result
from workflows.providers import gateway, prices
from workflows.providers.contract import ModelRequest, ModelResponse, Permit, ProviderError, Target

LONGEST_THROTTLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision on record and, when it allows, the intent of the call."""

    decision_id: UUID
    verdict: Verdict
    call_id: UUID | None


class NodeDoor:
    """What a node is handed as `ctx`. Made for one attempt of one node; collects what its outcome must settle."""

    def __init__(self, *, live: LiveRun, node_id: str, labels: Labels) -> None:
        self._live = live
        self._labels = labels
        self._settlements: list[Settlement] = []
        self._events: list[Row] = []
        self.node_id = node_id
        self.attempt = live.attempts[node_id]

    @property
    def labels(self) -> Labels:
        return self._labels

    @property
    def run_input(self) -> Any:
        return self._live.run_input

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
        request = ModelRequest(
            messages=tuple(dict(message) for message in messages),
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        )
        with tenant_context(self._live.tenant):
            try:
                return self._first_answer(model_group, request, labels)
            except ClaimLost:
                raise
            except GroveError as error:
                raise NodeFailed(error.code, error.sentence) from error

    def _first_answer(self, group: str, request: ModelRequest, labels: Labels) -> ModelAnswer:
        failures: list[ProviderError] = []
        for target in gateway.route(group, labels, frozen=self._live.model_groups.get(group)):
            if failures:
                self._note("provider.failover", to=target.name, after=failures[-1].kind)
            try:
                return self._call(group, target, request, labels)
            except ProviderError as error:
                failures.append(error)
                if not error.retryable:
                    break
        if not failures:
            raise NodeFailed(
                "no_deployment", f"No deployment of model group “{group}” may take this call."
            )
        raise NodeFailed(f"model_{failures[-1].kind}", failures[-1].sentence)

    def _call(
        self, group: str, target: Target, request: ModelRequest, labels: Labels
    ) -> ModelAnswer:
        request, recorded = self._permitted(group, target, request, labels)
        assert recorded.call_id is not None  # noqa: S101 - an allowing record has an intent
        permit = Permit(decision_id=recorded.decision_id, call_id=recorded.call_id)
        connection.close()  # none is held while the provider thinks
        try:
            response = gateway.complete(target, request, permit=permit)
        except ProviderError as error:
            self._settle_failed(recorded.call_id, error.kind, error.sentence)
            raise
        except Exception as error:
            sentence = f"This call broke on our side ({type(error).__name__})."
            self._settle_failed(recorded.call_id, "internal_error", sentence)
            raise
        cost = prices.cost(
            target, tokens_in=response.tokens_in, tokens_out=response.tokens_out, at=now()
        )
        self._settle(recorded.call_id, response, cost.micros)
        return ModelAnswer(
            text=response.text,
            model=response.model,
            tokens_in=response.tokens_in,
            tokens_out=response.tokens_out,
            cost_micros=cost.micros,
            labels=_labels_of_answer(response.text, labels),
        )

    # -- 1 to 5: until the decision stands on record ------------------------------------------------------------------

    def _permitted(
        self, group: str, target: Target, request: ModelRequest, labels: Labels
    ) -> tuple[ModelRequest, Recorded]:
        """Decide, obey and decide again until the call is allowed. Raises NodeFailed when it is not."""
        carried_out: frozenset[str] = frozenset()
        waited = 0.0
        while True:
            recorded = self._record(group, target, request, labels, carried_out)
            verdict = recorded.verdict
            if verdict.kind is VerdictKind.ALLOW:
                return request, recorded
            if verdict.kind is VerdictKind.MODIFY:
                owed = [o.value for o in verdict.obliged(ObligationKind.MODIFY)]
                if carried_out.issuperset(owed):
                    raise NodeFailed(
                        "obligation_repeats", "A policy asks for what was done already."
                    )
                request = _transformed(request, owed)
                carried_out |= frozenset(owed)
            elif verdict.kind is VerdictKind.THROTTLE:
                pause = max(float(o.value) for o in verdict.obliged(ObligationKind.THROTTLE))
                waited += pause
                if waited > LONGEST_THROTTLE_SECONDS:
                    raise NodeFailed("throttled", verdict.reason)
                connection.close()
                time.sleep(pause)
            elif verdict.kind is VerdictKind.REQUIRE_APPROVAL:
                raise NodeFailed("approval_required", verdict.reason)
            else:
                raise NodeFailed("denied", verdict.reason)

    def _record(
        self,
        group: str,
        target: Target,
        request: ModelRequest,
        labels: Labels,
        carried_out: frozenset[str],
    ) -> Recorded:
        live = self._live
        engine = policies.engine_for(live.snapshot_id)
        estimate = prices.estimate(target, request, at=now())
        action = Action(
            kind=ActionKind.MODEL_CALL,
            principal=f"{live.path}/{self.node_id}",
            tenant=str(live.tenant.pk),
            resource=target.resource(tenant=str(live.tenant.pk)),
            on_behalf_of=live.on_behalf_of,
            arguments_digest=self._digest_of(request),
        )
        with transaction.atomic():
            sofar = RunFacts.objects.select_for_update().get(root_run_id=live.root_run_id)
            self._check_claim()
            facts = facts_of_runs.gather(
                sofar, labels=labels, estimate_micros=estimate.micros, carried_out=carried_out
            )
            verdict = engine.decide(action, facts)
            decision = self._write_decision(action, facts, verdict, target)
            call = None
            if verdict.kind is VerdictKind.ALLOW:
                call = self._write_intent(decision, group, target, request, estimate.micros)
                facts_of_runs.touch(
                    sofar,
                    labels=labels,
                    destination=target.destination,
                    reserved_micros=estimate.micros,
                )
        self._note(
            "decision.made",
            decision=str(decision.pk),
            verdict=str(verdict.kind),
            policies=list(verdict.policies),
            resource=target.name,
        )
        return Recorded(decision_id=decision.pk, verdict=verdict, call_id=call.pk if call else None)

    def _check_claim(self) -> None:
        live = self._live
        held = RunClaim.objects.filter(
            run_id=live.run_id, token=live.token, worker_id__isnull=False
        )
        if not held.exists():
            raise ClaimLost

    def _write_decision(
        self, action: Action, facts: Facts, verdict: Verdict, target: Target
    ) -> Decision:
        shown = action.to_json()
        return Decision.objects.create(
            run_id=self._live.run_id,
            node_id=self.node_id,
            attempt=self.attempt,
            action_kind=str(action.kind),
            resource_kind=str(action.resource.kind),
            resource_id=action.resource.id,
            resource_name=target.name,
            verdict=str(verdict.kind),
            code=verdict.code,
            reason=verdict.reason,
            policies=list(verdict.policies),
            obligations=[obligation.to_json() for obligation in verdict.obligations],
            action=shown,
            action_digest=hashlib.sha256(
                orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)
            ).hexdigest(),
            facts=facts.to_json(),
            snapshot_id=self._live.snapshot_id,
            engine_us=verdict.engine_us,
            at=now(),
        )

    def _write_intent(
        self,
        decision: Decision,
        group: str,
        target: Target,
        request: ModelRequest,
        reserved_micros: int,
    ) -> ModelCall:
        call_id = new_id()
        return ModelCall.objects.create(
            id=call_id,
            run_id=self._live.run_id,
            decision=decision,
            deployment_id=target.deployment_id,
            node_id=self.node_id,
            attempt=self.attempt,
            model_group=group,
            model_requested=target.model,
            request_sealed=self._seal(call_id, "request_sealed", request.to_json()),
            reserved_micros=reserved_micros,
            started_at=now(),
        )

    def _digest_of(self, request: ModelRequest) -> str:
        """Keyed with the run's data key: a plain hash of a short prompt would not be anonymous."""
        shown = orjson.dumps(request.to_json(), option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(shown, key=self._live.key.secret, digest_size=32).hexdigest()

    # -- 8: what the wave's commit settles ----------------------------------------------------------------------------

    def _settle(self, call_id: UUID, response: ModelResponse, cost_micros: int) -> None:
        self._settlements.append(
            Settlement(
                call_id=call_id,
                status=CallStatus.COMPLETED.value,
                finished_at=now(),
                model=response.model,
                response=self._seal(call_id, "response_sealed", {"text": response.text}),
                tokens_in=response.tokens_in,
                tokens_out=response.tokens_out,
                cost_micros=cost_micros,
            )
        )

    def _settle_failed(self, call_id: UUID, kind: str, sentence: str) -> None:
        self._settlements.append(
            Settlement(
                call_id=call_id,
                status=CallStatus.FAILED.value,
                finished_at=now(),
                error_kind=str(kind),
                error_sentence=sentence,
            )
        )

    def completed(self, execution_id: UUID, result: Result) -> Outcome:
        """The outcome of an attempt that ended well: its output sealed, its labels never looser than its inputs'."""
        self._note_all(result.notes)
        sealed = payloads.seal(
            self._live.key,
            result.output,
            tenant_id=self._live.tenant.pk,
            table="runs_nodeexecution",
            row=execution_id,
            column="output_sealed",
        )
        return Outcome(
            node_id=self.node_id,
            execution_id=execution_id,
            finished_at=now(),
            output=result.output,
            sealed=sealed,
            labels=result.labels or self._labels,
            branch=result.branch,
            settlements=tuple(self._settlements),
            events=tuple(self._events),
        )

    def failed(
        self, execution_id: UUID, code: str, sentence: str, notes: Sequence[NodeNote] = ()
    ) -> Outcome:
        self._note_all(notes)
        return Outcome(
            node_id=self.node_id,
            execution_id=execution_id,
            finished_at=now(),
            error_code=code,
            error_sentence=sentence,
            settlements=tuple(self._settlements),
            events=tuple(self._events),
        )

    def _note(self, name: str, **body: Any) -> None:
        self._events.append(event(name, now(), self.node_id, **body))

    def _note_all(self, notes: Sequence[NodeNote]) -> None:
        for note in notes:
            self._note(note.event, **note.body)

    def _seal(self, row: UUID, column: str, value: Any) -> bytes:
        return payloads.seal(
            self._live.key,
            value,
            tenant_id=self._live.tenant.pk,
            table="runs_modelcall",
            row=row,
            column=column,
        ).payload


def _transformed(request: ModelRequest, owed: Sequence[str]) -> ModelRequest:
    messages = tuple(
        {**message, "content": transforms.apply_all(owed, message["content"])}
        for message in request.messages
    )
    return replace(request, messages=messages)


def _labels_of_answer(text: str, sent: Labels) -> Labels:
    """A model's words are as confidential as what it was shown, carry what the detectors find, and are not trusted."""
    found = Labels(integrity=Integrity.UNTRUSTED, tags=tags_in(text))
    return join(sent, found)
