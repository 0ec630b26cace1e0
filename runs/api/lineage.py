"""What becomes of a run that has ended: forks of it, replays of it, and how it compares with another."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance.models import PolicySnapshot
from runs import comparison, fork, replay
from runs.api.lineage_shapes import (
    AT,
    VERSION,
    ComparedWith,
    ComparisonShown,
    ForkAsked,
    ForkPlanShown,
    ReplayAsked,
    ReplayShown,
    comparison_to_json,
)
from runs.api.serializers import RunShown
from runs.models import Run
from tenancy.access import actor_of, can
from tenancy.api.idempotency import fingerprint_of, idempotent
from tenancy.permissions import Permission
from workflows.models import DefinitionRevision, WorkflowVersion


class ForkRun(APIView):
    required_permissions = {"get": Permission.RUN_START, "post": Permission.RUN_START}

    @extend_schema(
        operation_id="runs_fork_plan",
        parameters=[
            OpenApiParameter("at", required=True, description=AT),
            OpenApiParameter("version", int, description=VERSION),
        ],
        responses=ForkPlanShown,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """What a fork would take over and run again, and what would be done outside once more. Changes nothing."""
        run = _get_run(run_id)
        asked = ForkAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        planned = fork.plan(run, wanted["at"], _version(run, wanted.get("version")))
        return Response(ForkPlanShown(planned).data)

    @extend_schema(operation_id="runs_fork", request=ForkAsked, responses={202: RunShown})
    @idempotent()
    def post(self, request: Request, run_id: UUID) -> Response:
        """Start a new run that goes on from a node of one that has ended. Counts as a start.

        409 `side_effects_unconfirmed` lists what would be done outside once more: confirm it, with a reason.
        """
        run = _get_run(run_id)
        asked = ForkAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        forked = fork.fork(
            run=run,
            at=wanted["at"],
            by=actor_of(request._request),
            version=_version(run, wanted.get("version")),
            reason=wanted["reason"],
            confirm=wanted["confirm"],
            purpose=wanted["purpose"],
            idempotency_key=fingerprint_of(request),
        )
        return Response(
            RunShown(forked).data, status=202, headers={"Location": f"/api/v1/runs/{forked.pk}"}
        )


class ReplayRun(APIView):
    required_permissions = {"post": Permission.PAYLOAD_VIEW}

    @extend_schema(operation_id="runs_replay", request=ReplayAsked, responses=ReplayShown)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Replay a run from what it recorded, without network or effect, and compare node by node.

        410 after disposal; 409 where the evidence is not complete, with what is `missing`.
        """
        run = _get_run(run_id)
        asked = ReplayAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        snapshot = None
        if "policy" in wanted:
            snapshot = get_object_or_404(PolicySnapshot, number=wanted["policy"])
        report = replay.replay(
            run,
            by=actor_of(request._request),
            version=_version(run, wanted.get("version")),
            revision=_revision(run, wanted.get("revision")),
            snapshot=snapshot,
            model_groups=wanted.get("model_groups"),
        )
        return Response(report.to_json())


class CompareRuns(APIView):
    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(
        operation_id="runs_compare",
        parameters=[
            OpenApiParameter("with", UUID, required=True, description="The other run."),
            OpenApiParameter("cursor", int, description="From where the nodes are told."),
            OpenApiParameter("limit", int, description="How many nodes, at most 200."),
        ],
        responses=ComparisonShown,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """Two runs side by side. Outputs are compared by content where you may read payloads."""
        given = request.query_params
        paging = {name: given[name] for name in ("cursor", "limit") if name in given}
        asked = ComparedWith(data={"other": given.get("with"), **paging})
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = comparison.compare(
            _get_run(run_id),
            _get_run(wanted["other"]),
            may_read=can(request._request, Permission.PAYLOAD_VIEW),
        )
        return Response(comparison_to_json(found, cursor=wanted["cursor"], limit=wanted["limit"]))


def _get_run(run_id: UUID) -> Run:
    runs = Run.objects.select_related(
        "workflow", "version__workflow", "version__revision", "snapshot"
    )
    return get_object_or_404(runs, pk=run_id)


def _revision(run: Run, number: int | None) -> DefinitionRevision | None:
    if number is None:
        return None
    revisions = DefinitionRevision.objects.select_related("workflow")
    return get_object_or_404(revisions, workflow_id=run.workflow_id, number=number)


def _version(run: Run, number: int | None) -> WorkflowVersion | None:
    if number is None:
        return None
    versions = WorkflowVersion.objects.select_related("workflow", "revision")
    return get_object_or_404(versions, workflow_id=run.workflow_id, number=number)
