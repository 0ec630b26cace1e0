"""Saved cases and dry runs, for programs."""

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import case_runs, dry_run
from runs.case_runs import CaseOutcome
from runs.dry_run import DryReport
from runs.runnable import find_definition_of
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.shapes import to_time
from tenancy.permissions import Permission
from workflows import cases
from workflows.cases import ENDS, Content
from workflows.models import Case, Workflow

OF = [
    OpenApiParameter("version", int, description="Try this version."),
    OpenApiParameter(
        "revision", int, description="Try this revision. Without either, the draft is tried."
    ),
]


class ExpectedShape(serializers.Serializer[Any]):
    status = serializers.ChoiceField(ENDS, default="completed")
    output = serializers.JSONField(
        default=None, help_text="Of an object only what is named is compared; null: nothing."
    )
    error_code = serializers.CharField(default="", allow_blank=True)


class CaseInput(serializers.Serializer[Any]):
    input = serializers.JSONField()
    answers = serializers.DictField(
        child=serializers.JSONField(),
        default=dict,
        help_text="By the path of a node (`triage`, `each.say`, `each[2].say`), what its model, tool or person would "
        "say. A list is used up one by one.",
    )
    expected = ExpectedShape(default=dict)


class CaseShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    number = serializers.IntegerField()
    created_at = serializers.CharField()
    content = CaseInput(required=False)


class NodeShape(serializers.Serializer[Any]):
    node = serializers.CharField()
    status = serializers.CharField()
    branch = serializers.CharField(allow_blank=True)
    error_code = serializers.CharField(allow_blank=True)
    output = serializers.JSONField(allow_null=True)


class ReportShape(serializers.Serializer[Any]):
    """How a dry run ended. `nodes` are those that were reached, in their order."""

    status = serializers.CharField()
    output = serializers.JSONField(allow_null=True)
    error_code = serializers.CharField(allow_blank=True)
    error_sentence = serializers.CharField(allow_blank=True)
    error_node = serializers.CharField(allow_blank=True)
    nodes = NodeShape(many=True)


class OutcomeShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    number = serializers.IntegerField()
    passed = serializers.BooleanField()
    differences = serializers.ListField(child=serializers.CharField())


class DryRunInput(serializers.Serializer[Any]):
    input = serializers.JSONField()
    answers = serializers.DictField(child=serializers.JSONField(), default=dict)
    version = serializers.IntegerField(required=False, min_value=1)
    revision = serializers.IntegerField(required=False, min_value=1)


class Cases(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="cases_list", responses=CaseShape(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """The cases that count, by name."""
        return Response([case_to_json(case) for case in cases.current(_workflow(slug))])


class OneCase(APIView):
    required_permissions = {
        "get": Permission.PAYLOAD_VIEW,
        "put": Permission.WORKFLOW_EDIT,
        "delete": Permission.WORKFLOW_EDIT,
    }

    @extend_schema(operation_id="cases_get", responses=CaseShape)
    def get(self, request: Request, slug: str, name: str) -> Response:
        case = _case(slug, name)
        return Response(case_to_json(case) | {"content": cases.open_content(case).to_json()})

    @extend_schema(operation_id="cases_save", request=CaseInput, responses=CaseShape)
    def put(self, request: Request, slug: str, name: str) -> Response:
        """Keep this as the newest revision of the case. The same again changes nothing."""
        workflow = _workflow(slug)
        asked = CaseInput(data=request.data)
        asked.is_valid(raise_exception=True)
        content = Content.from_json(dict(asked.validated_data))
        case = cases.save(workflow=workflow, name=name, content=content, by=actor_of(request))
        return Response(case_to_json(case))

    @extend_schema(operation_id="cases_withdraw", responses={204: None})
    def delete(self, request: Request, slug: str, name: str) -> Response:
        """The case is not asked any more; its revisions stay."""
        cases.withdraw(case=_case(slug, name), by=actor_of(request))
        return Response(status=204)


class CaseRuns(APIView):
    required_permissions = {"get": Permission.PAYLOAD_VIEW}

    @extend_schema(operation_id="cases_try", parameters=OF, responses=OutcomeShape(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Try every case in memory: nothing leaves, and nothing is written."""
        workflow = _workflow(slug)
        definition = find_definition_of(workflow, **_numbers(request))
        return Response([outcome_to_json(one) for one in case_runs.judge_all(workflow, definition)])


class DryRuns(APIView):
    required_permissions = {"post": Permission.RUN_START}

    @extend_schema(operation_id="dry_runs_try", request=DryRunInput, responses=ReportShape)
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Run a definition in memory with answers that are given: no run, no call, no row."""
        workflow = _workflow(slug)
        asked = DryRunInput(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        definition = find_definition_of(
            workflow, version=wanted.get("version"), revision=wanted.get("revision")
        )
        report = dry_run.try_out(
            definition, run_input=wanted["input"], answers=wanted["answers"], at=now()
        )
        return Response(report_to_json(report))


def case_to_json(case: Case) -> dict[str, Any]:
    return {
        "name": case.name,
        "number": case.number,
        "created_at": to_time(case.created_at),
    }


def outcome_to_json(outcome: CaseOutcome) -> dict[str, Any]:
    return {
        "name": outcome.case.name,
        "number": outcome.case.number,
        "passed": outcome.passed,
        "differences": list(outcome.differences),
    }


def report_to_json(report: DryReport) -> dict[str, Any]:
    return {
        "status": report.status,
        "output": report.output,
        "error_code": report.error_code,
        "error_sentence": report.error_sentence,
        "error_node": report.error_node,
        "nodes": [
            {
                "node": each.path,
                "status": each.status,
                "branch": each.branch,
                "error_code": each.error_code,
                "output": each.output,
            }
            for each in report.nodes
        ],
    }


def _workflow(slug: str) -> Workflow:
    workflow: Workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    return workflow


def _case(slug: str, name: str) -> Case:
    case = cases.find(_workflow(slug), name)
    return case or get_object_or_404(Case.objects.none())


def _numbers(request: Request | HttpRequest) -> dict[str, int | None]:
    return {
        name: int(text) if (text := request.GET.get(name, "")).isdecimal() else None
        for name in ("version", "revision")
    }
