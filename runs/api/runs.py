"""Runs: start, list, inspect, resume, cancel, follow."""

from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import caller_keys, cancel, payloads, records, resume, sse, start
from runs.api.serializers import (
    DecisionShown,
    EventShown,
    ModelCallShown,
    NodeExecutionShown,
    NodePayload,
    Payloads,
    RecordShown,
    RunShown,
    StartRun,
)
from runs.errors import VersionNotStaged
from runs.filters import FIELDS, PURPOSES, filter_runs, get_order
from runs.models import Decision, NodeExecution, Run, RunEvent, RunStatus
from tenancy.access import may_still, permission_required
from tenancy.api.idempotency import fingerprint_of, idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.money import to_micros
from tenancy.permissions import Permission
from workflows import environments
from workflows.models import Environment, Workflow, WorkflowVersion

FILTERS = [
    OpenApiParameter(
        "q",
        description="The question as people write it on the page of runs: "
        '`status:failed -workflow:triage started:>=2026-11-01 owner:"A and B"`. '
        f"Names: {', '.join(FIELDS)}. Other parameters narrow it further.",
    ),
    OpenApiParameter(
        "status",
        description=f"One or more states, comma-separated: {', '.join(RunStatus.values)}. "
        "`-failed` leaves those out.",
    ),
    OpenApiParameter(
        "workflow",
        description="One or more names of workflows, comma-separated; `-name` leaves one out.",
    ),
    OpenApiParameter(
        "version",
        description="Numbers of versions, comma-separated, such as `3` or `name-of-workflow@3`; "
        "`-3` leaves one out.",
    ),
    OpenApiParameter("error", description="Error codes that runs failed with, comma-separated."),
    OpenApiParameter("node", description="Nodes that runs failed at, comma-separated."),
    OpenApiParameter(
        "class",
        description="Data classes, comma-separated: " + ", ".join(FIELDS["class"].words) + ".",
    ),
    OpenApiParameter(
        "by",
        description="Who started them: addresses or names of people, names of tokens, or `me`.",
    ),
    OpenApiParameter(
        "denied", enum=["yes", "no"], description="Whether a policy denied them something."
    ),
    OpenApiParameter("owner", description="The owner label that the runs were started with."),
    OpenApiParameter(
        "since", description="Made at this RFC 3339 time or date, or after it, to the millisecond."
    ),
    OpenApiParameter(
        "until", description="Made before this RFC 3339 time or date, to the millisecond."
    ),
    OpenApiParameter("parent", UUID, description="The id of a run: only its child runs."),
    OpenApiParameter(
        "children",
        enum=["hidden", "shown"],
        description="`hidden` leaves child runs out; without effect beside `parent`.",
    ),
    OpenApiParameter(
        "purpose",
        enum=list(PURPOSES),
        description="What the runs were made for: work, a trial on staging, a replay from evidence, or a what-if.",
    ),
]
ORDER = OpenApiParameter("order", enum=["oldest"], description="Else the newest come first.")
CALLER_KEY = OpenApiParameter(
    caller_keys.HEADER,
    location=OpenApiParameter.HEADER,
    description="`provider=key`, once for each provider that is called with the caller's own key. "
    "Used for this run, held in memory only, never stored.",
)
CONTENT = ("input_sealed", "output_sealed", "response_sealed")


class Runs(APIView):
    required_permissions = {"get": Permission.RUN_VIEW, "post": Permission.RUN_START}

    @extend_schema(
        operation_id="runs_list", parameters=[*FILTERS, ORDER], responses=page_shape(RunShown)
    )
    def get(self, request: Request) -> Response:
        """Runs, newest first unless asked otherwise, in pages by key."""
        asker = request._request.actor  # type: ignore[attr-defined]
        rows = filter_runs(_runs(), request.query_params, me=asker.id)
        order = get_order(request.query_params.get("order", ""))
        return page_of(
            rows, request, to_json=lambda run: RunShown(run).data, order=order, keys_first=True
        )

    @extend_schema(
        operation_id="runs_start",
        request=StartRun,
        parameters=[CALLER_KEY],
        responses={202: RunShown},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Start a run. 202: it is on record, and a worker takes it up."""
        asked = StartRun(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        budget = wanted.get("budget")
        given = caller_keys.read_header(request.headers.get(caller_keys.HEADER, ""))
        run = start.start(
            version=_version(wanted["workflow"], wanted.get("version"), wanted["environment"]),
            environment=wanted["environment"],
            run_input=wanted["input"],
            by=request._request.actor,  # type: ignore[attr-defined]
            owner_label=wanted["owner_label"],
            subject=wanted["subject"],
            idempotency_key=fingerprint_of(request),
            budget_micros=to_micros(budget["amount"]) if budget else None,
            budget_currency=budget["currency"] if budget else "",
        )
        caller_keys.keep(run.pk, given)
        return _accepted(run)


class OneRun(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="runs_get", responses=RunShown)
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(RunShown(get_object_or_404(_runs(), pk=run_id)).data)


class RunPayloads(APIView):
    required_permissions = {"get": Permission.PAYLOAD_VIEW}

    @extend_schema(operation_id="runs_payloads", responses=Payloads)
    def get(self, request: Request, run_id: UUID) -> Response:
        """The run's input, its early response and its output. 410 after disposal."""
        run = get_object_or_404(Run, pk=run_id)
        return Response(
            {
                "input": payloads.open_payload(run, "input_sealed"),
                "response": payloads.open_payload(run, "response_sealed"),
                "output": payloads.open_payload(run, "output_sealed"),
            }
        )


class Children(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="runs_children", responses=page_shape(RunShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        """The runs that nodes of this run started, in the order of their start."""
        run = get_object_or_404(_runs(), pk=run_id)
        rows = _runs().filter(parent_run=run)
        return page_of(rows, request, to_json=lambda row: RunShown(row).data, order=("id",))


class RunRecord(APIView):
    required_permissions = {"get": Permission.LEDGER_VIEW}

    @extend_schema(operation_id="runs_record", responses=RecordShown)
    def get(self, request: Request, run_id: UUID) -> Response:
        """Whether the run's rows are still what the ledger committed to when it ended."""
        check = records.check_record(get_object_or_404(Run, pk=run_id))
        return Response(
            {
                "holds": check and check.holds,
                "fault": check.fault if check else "",
                "recorded": check.recorded if check else "",
                "recomputed": check.recomputed if check else "",
                "recorded_departures": check.recorded_departures if check else "",
                "recomputed_departures": check.recomputed_departures if check else "",
                "entry": str(check.entry_id) if check else None,
            }
        )


class ResumeRun(APIView):
    required_permissions = {"post": Permission.RUN_RESUME}

    @extend_schema(
        operation_id="runs_resume",
        request=None,
        parameters=[CALLER_KEY],
        responses={202: RunShown},
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        """Resume a failed run from its checkpoint. Of many at once one succeeds, the others get 409."""
        run = get_object_or_404(_runs(), pk=run_id)
        given = caller_keys.read_header(request.headers.get(caller_keys.HEADER, ""))
        caller_keys.keep(run.root_run_id or run.pk, given)
        resume.resume(run=run, by=request._request.actor)  # type: ignore[attr-defined]
        return _accepted(get_object_or_404(_runs(), pk=run_id))


class CancelRun(APIView):
    required_permissions = {"post": Permission.RUN_CANCEL}

    @extend_schema(operation_id="runs_cancel", request=None, responses={202: RunShown})
    def post(self, request: Request, run_id: UUID) -> Response:
        """Cancel a run that has not ended."""
        run = get_object_or_404(_runs(), pk=run_id)
        cancel.cancel(run=run, by=request._request.actor)  # type: ignore[attr-defined]
        return _accepted(get_object_or_404(_runs(), pk=run_id))


class NodeExecutions(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="node_executions_list", responses=page_shape(NodeExecutionShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        """All attempts of all nodes of a run, in the order they were written."""
        run = get_object_or_404(_runs(), pk=run_id)
        rows = run.node_executions.defer("output_sealed")
        return page_of(
            rows, request, to_json=lambda row: NodeExecutionShown(row).data, order=("id",)
        )


class NodeOutput(APIView):
    required_permissions = {"get": Permission.PAYLOAD_VIEW}

    @extend_schema(operation_id="node_executions_payload", responses=NodePayload)
    def get(self, request: Request, run_id: UUID, execution_id: UUID) -> Response:
        row = get_object_or_404(
            NodeExecution.objects.select_related("run"), pk=execution_id, run_id=run_id
        )
        return Response({"output": payloads.open_payload(row, "output_sealed")})


class Decisions(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(operation_id="decisions_list", responses=page_shape(DecisionShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        run = get_object_or_404(_runs(), pk=run_id)
        rows = Decision.objects.filter(run=run)
        return page_of(rows, request, to_json=lambda row: DecisionShown(row).data, order=("id",))


class OneDecision(APIView):
    required_permissions = {"get": Permission.DECISION_VIEW}

    @extend_schema(operation_id="decisions_get", responses=DecisionShown)
    def get(self, request: Request, decision_id: UUID) -> Response:
        return Response(DecisionShown(get_object_or_404(Decision, pk=decision_id)).data)


class ModelCalls(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="model_calls_list", responses=page_shape(ModelCallShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        run = get_object_or_404(_runs(), pk=run_id)
        rows = run.model_calls.defer("request_sealed", "response_sealed")
        return page_of(rows, request, to_json=lambda row: ModelCallShown(row).data, order=("id",))


class Events(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(operation_id="events_list", responses=page_shape(EventShown))
    def get(self, request: Request, run_id: UUID) -> Response:
        """Events in the order of their numbers. `events/stream` follows them live."""
        run = get_object_or_404(_runs(), pk=run_id)
        rows = RunEvent.objects.filter(run=run)
        return page_of(rows, request, to_json=lambda row: EventShown(row).data, order=("seq",))


@require_GET
@permission_required(Permission.RUN_VIEW)
def follow_events(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    """Server-sent events of a run, replayed after `Last-Event-ID`."""
    run = get_object_or_404(Run.objects.select_related("tenant"), pk=run_id)
    return sse.respond(request, run, may_read=lambda: may_still(request, Permission.RUN_VIEW))


def _runs() -> QuerySet[Run]:
    """Without their content, which may be large."""
    return Run.objects.select_related("workflow", "version").defer(*CONTENT)


def _version(slug: str, number: int | None, environment: str) -> WorkflowVersion:
    versions = WorkflowVersion.objects.select_related("workflow", "revision")
    if number is None and environment == Environment.STAGING:
        workflow = get_object_or_404(Workflow.objects.living(), slug=slug)
        staged = environments.find_staged(workflow)
        if staged is None:
            raise VersionNotStaged(f"No version of “{workflow}” stands on staging.")
        return staged
    if number is None:
        return get_object_or_404(versions, workflow__slug=slug, workflow__published_id=F("id"))
    return get_object_or_404(versions, workflow__slug=slug, number=number)


def _accepted(run: Run) -> Response:
    shown: dict[str, Any] = dict(RunShown(run).data)
    return Response(shown, status=202, headers={"Location": f"/api/v1/runs/{run.pk}"})
