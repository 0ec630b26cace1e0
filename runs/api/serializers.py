"""How runs look from outside. They shape and check; they decide nothing."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from runs.models import Decision, ModelCall, NodeExecution, Run, RunEvent, ToolCall, Wait
from tenancy.api.rows import RowShown
from tenancy.api.shapes import Amount
from tenancy.money import to_money
from workflows.models import Environment


class StartRun(serializers.Serializer[Any]):
    """What starts a run. Without a version the published one is taken."""

    workflow = serializers.SlugField(help_text="The workflow's name.")
    version = serializers.IntegerField(required=False, min_value=1)
    environment = serializers.ChoiceField(
        Environment.choices,
        required=False,
        default=Environment.PROD.value,
        help_text="`staging` takes the version that stands there, `prod` the published one.",
    )
    input = serializers.JSONField(help_text="Must match the workflow's input schema.")
    owner_label = serializers.CharField(
        required=False,
        default="",
        max_length=200,
        allow_blank=True,
        help_text="Whose data this is.",
    )
    subject = serializers.CharField(
        required=False,
        default="",
        max_length=500,
        allow_blank=True,
        help_text="Whom it is about; kept as a keyed digest only.",
    )
    budget = Amount(
        required=False,
        help_text="What this run may spend. The definition's budget holds, too: the lower one counts.",
    )


class RunError(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()
    node = serializers.CharField()


class Starter(serializers.Serializer[Any]):
    """Who started a run: a user, a token, a service or the system."""

    kind = serializers.CharField()
    id = serializers.CharField()


class RunShown(RowShown):
    workflow = serializers.CharField(source="workflow.slug")
    version = serializers.IntegerField(source="version.number")
    labels = serializers.JSONField()
    manifest = serializers.JSONField()
    cost = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    started_by = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id",
            "workflow",
            "version",
            "status",
            "owner_label",
            "labels",
            "created_at",
            "started_at",
            "finished_at",
            "disposed_at",
            "started_by",
            "nodes_total",
            "nodes_done",
            "tokens_in",
            "tokens_out",
            "cost",
            "error",
            "definition_digest",
            "manifest",
            "manifest_digest",
            "input_commitment",
            "output_commitment",
            "event_seq",
            "takeovers",
            "root_run",
            "parent_run",
            "parent_node",
            "forked_from",
            "forked_at",
            "purpose",
            "response_node",
            "response_at",
        )

    @extend_schema_field(Amount)
    def get_cost(self, run: Run) -> dict[str, str]:
        return to_money(run.cost_micros, run.currency)

    @extend_schema_field(RunError(allow_null=True))
    def get_error(self, run: Run) -> dict[str, str] | None:
        if not run.error_code:
            return None
        return {"code": run.error_code, "sentence": run.error_sentence, "node": run.error_node}

    @extend_schema_field(Starter)
    def get_started_by(self, run: Run) -> dict[str, str]:
        return {"kind": run.started_by_kind, "id": run.started_by_id}


class NodeExecutionShown(RowShown):
    node = serializers.CharField(source="node_id")
    labels = serializers.JSONField()
    skipped_because = serializers.JSONField()
    waits_for = serializers.JSONField()
    duration_ms = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField()

    class Meta:
        model = NodeExecution
        fields = (
            "id",
            "node",
            "kind",
            "attempt",
            "status",
            "started_at",
            "finished_at",
            "duration_ms",
            "branch",
            "skipped_because",
            "waits_for",
            "due_at",
            "error_code",
            "error_sentence",
            "labels",
            "model",
            "tokens_in",
            "tokens_out",
            "cost",
            "output_commitment",
            "worker",
        )

    def get_duration_ms(self, row: NodeExecution) -> int | None:
        if row.started_at is None or row.finished_at is None:
            return None
        return int((row.finished_at - row.started_at).total_seconds() * 1000)

    @extend_schema_field(Amount)
    def get_cost(self, row: NodeExecution) -> dict[str, str]:
        return to_money(row.cost_micros, row.run.currency)


class DecisionShown(RowShown):
    node = serializers.CharField(source="node_id")
    policies = serializers.JSONField()
    obligations = serializers.JSONField()
    facts = serializers.JSONField()
    action = serializers.JSONField()

    class Meta:
        model = Decision
        fields = (
            "id",
            "run",
            "node",
            "attempt",
            "at",
            "verdict",
            "code",
            "reason",
            "policies",
            "obligations",
            "action",
            "action_digest",
            "facts",
            "snapshot",
            "engine_us",
        )


class ModelCallShown(RowShown):
    node = serializers.CharField(source="node_id")
    cost = serializers.SerializerMethodField()

    class Meta:
        model = ModelCall
        fields = (
            "id",
            "node",
            "attempt",
            "decision",
            "deployment",
            "model_group",
            "model_requested",
            "model_answered",
            "status",
            "tokens_in",
            "tokens_out",
            "cost",
            "error_kind",
            "error_sentence",
            "started_at",
            "finished_at",
        )

    @extend_schema_field(Amount)
    def get_cost(self, call: ModelCall) -> dict[str, str]:
        return to_money(call.cost_micros, call.currency)


class ToolCallShown(RowShown):
    node = serializers.CharField(source="node_id")
    labels = serializers.JSONField()

    class Meta:
        model = ToolCall
        fields = (
            "id",
            "node",
            "attempt",
            "decision",
            "tool",
            "destination",
            "effect",
            "idempotent",
            "idempotency_key",
            "status",
            "request_digest",
            "result_digest",
            "labels",
            "error_kind",
            "error_sentence",
            "started_at",
            "finished_at",
        )


class EventShown(RowShown):
    node = serializers.CharField(source="node_id")
    body = serializers.JSONField()

    class Meta:
        model = RunEvent
        fields = ("seq", "name", "node", "body", "at")


class WaitShown(RowShown):
    """A question of a run, without what is asked and answered."""

    workflow = serializers.CharField(source="run.workflow.slug")
    node = serializers.CharField(source="node_id")
    answer_schema = serializers.JSONField()
    answered_by = serializers.SerializerMethodField()

    class Meta:
        model = Wait
        fields = (
            "id",
            "run",
            "workflow",
            "node",
            "attempt",
            "kind",
            "approver",
            "answer_schema",
            "asked_at",
            "expires_at",
            "answered_at",
            "answered_by",
            "withdrawn_at",
            "verdict",
        )

    @extend_schema_field(Starter(allow_null=True))
    def get_answered_by(self, wait: Wait) -> dict[str, str] | None:
        if wait.answered_at is None:
            return None
        return {"kind": wait.answered_by_kind, "id": wait.answered_by_id}


class WaitContent(serializers.Serializer[Any]):
    question = serializers.JSONField(allow_null=True)
    answer = serializers.JSONField(allow_null=True)


class WaitAsked(WaitShown):
    """`content` is null for those who may not see payloads, and after disposal."""

    content = WaitContent(allow_null=True)

    class Meta(WaitShown.Meta):
        fields = (*WaitShown.Meta.fields, "content")  # type: ignore[assignment]


class DecideWait(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["approved", "refused"])
    reason = serializers.CharField(
        required=False,
        default="",
        max_length=5_000,
        allow_blank=True,
        help_text="Why. A refusal needs one.",
    )


class AnswerTaken(RowShown):
    class Meta:
        model = Wait
        fields = ("id", "answered_at")


class Payloads(serializers.Serializer[Any]):
    """Content. Null where there is none yet. `response` is the early one, of a node that responds here."""

    input = serializers.JSONField()
    response = serializers.JSONField()
    output = serializers.JSONField()


class RecordShown(serializers.Serializer[Any]):
    """`holds` is null while the run has not ended; `fault` says what does not hold."""

    holds = serializers.BooleanField(allow_null=True)
    fault = serializers.CharField(allow_blank=True)
    recorded = serializers.CharField(allow_blank=True)
    recomputed = serializers.CharField(allow_blank=True)
    recorded_departures = serializers.CharField(
        allow_blank=True, help_text="Empty where the entry is older than this digest."
    )
    recomputed_departures = serializers.CharField(allow_blank=True)
    entry = serializers.UUIDField(allow_null=True)


class NodePayload(serializers.Serializer[Any]):
    output = serializers.JSONField()


class ToolCallPayload(serializers.Serializer[Any]):
    """What was asked and what came back. Null where there is none yet."""

    request = serializers.JSONField()
    response = serializers.JSONField()
