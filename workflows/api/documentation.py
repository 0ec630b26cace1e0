"""What people say about a workflow, for programs: read, replaced whole, and its history."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import paging
from tenancy.access import actor_of, can
from tenancy.api import preconditions
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission
from workflows import completeness, document_states, documentation, documentation_history
from workflows.api.moments import find_asked_moment
from workflows.api.shapes import AuthorShape, author_to_json
from workflows.completeness import Completeness
from workflows.documentation import LONGEST_LINE, LONGEST_REASON, LONGEST_TEXT, MOST_DAYS, Texts
from workflows.models import Documentation, Workflow


class DocumentationInput(serializers.Serializer[Any]):
    """All texts: what is left out is emptied."""

    purpose = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, default="")
    owner = serializers.CharField(max_length=LONGEST_LINE, allow_blank=True, default="")
    category = serializers.CharField(max_length=LONGEST_LINE, allow_blank=True, default="")
    legal_basis = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, default="")
    people_concerned = serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, default="")
    retention_days = serializers.IntegerField(
        min_value=1, max_value=MOST_DAYS, allow_null=True, default=None
    )
    node_texts = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True), default=dict
    )
    confirmed = serializers.ListField(
        child=serializers.CharField(),
        default=list,
        help_text="Nodes whose text is still true, though the node changed.",
    )
    reason = serializers.CharField(max_length=LONGEST_REASON)


class StaleTextShape(serializers.Serializer[Any]):
    node = serializers.CharField()
    written_at = serializers.CharField()


class CompletenessShape(serializers.Serializer[Any]):
    """Of the newest revision that can be read."""

    is_complete = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())
    missing_nodes = serializers.ListField(child=serializers.CharField())
    stale = StaleTextShape(many=True)
    described = serializers.IntegerField()
    nodes = serializers.IntegerField()


class ValueShape(serializers.Serializer[Any]):
    """What a field said, and since when."""

    field = serializers.CharField(help_text="Texts of nodes are “node:id”.")
    value = serializers.CharField(allow_blank=True)
    number = serializers.IntegerField()
    at = serializers.CharField()
    author = AuthorShape()
    reason = serializers.CharField(allow_blank=True)


class DocumentationShape(serializers.Serializer[Any]):
    workflow = serializers.CharField()
    number = serializers.IntegerField(help_text="0 where nothing was written.")
    data_class = serializers.CharField()
    purpose = serializers.CharField(allow_blank=True)
    owner = serializers.CharField(allow_blank=True)
    category = serializers.CharField(allow_blank=True)
    legal_basis = serializers.CharField(allow_blank=True)
    people_concerned = serializers.CharField(allow_blank=True)
    retention_days = serializers.IntegerField(allow_null=True)
    node_texts = serializers.DictField(child=serializers.CharField())
    values = ValueShape(many=True)
    completeness = CompletenessShape(allow_null=True)


class FieldChangeShape(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class ChangeShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.CharField()
    author = AuthorShape()
    reason = serializers.CharField(allow_blank=True)
    changes = FieldChangeShape(many=True)
    confirmed = serializers.ListField(child=serializers.CharField())


class DocumentOfVersionShape(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of the markdown.")


class DifferenceShape(serializers.Serializer[Any]):
    """Two documents of a workflow, each of the version in use at its moment."""

    sections = serializers.ListField(child=serializers.CharField())
    unified = serializers.CharField(allow_blank=True, help_text="Empty: the same bytes.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            "from": DocumentOfVersionShape(),
            "to": DocumentOfVersionShape(),
            **super().get_fields(),
        }


class DocumentationResource(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "put": Permission.DOCUMENTATION_EDIT}

    @extend_schema(
        operation_id="documentation_get",
        parameters=[OpenApiParameter("as_of", OpenApiTypes.DATETIME)],
        responses=DocumentationShape,
    )
    def get(self, request: Request, slug: str) -> Response:
        """What is said of a workflow, now or at a moment: each text with who wrote it, when and why. Has an ETag."""
        workflow = _workflow(slug)
        as_of = find_asked_moment(request, "as_of")
        rows = Documentation.objects.filter(workflow=workflow).order_by("-number")
        row = rows.filter(created_at__lte=as_of).first() if as_of else rows.first()
        return _answer(workflow, row, is_now=as_of is None)

    @extend_schema(
        operation_id="documentation_put",
        request=DocumentationInput,
        parameters=[
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True),
        ],
        responses=DocumentationShape,
    )
    def put(self, request: Request, slug: str) -> Response:
        """Put these texts in place of the newest. If-Match takes the ETag that was read: 428 without, 412 when old."""
        workflow = _workflow(slug)
        newest = documentation.find_newest(workflow)
        preconditions.check(request, documentation.etag(newest))
        asked = DocumentationInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said = dict(asked.validated_data)
        reason, confirmed = said.pop("reason"), said.pop("confirmed")
        documentation.save(
            workflow=workflow,
            texts=Texts(**said),
            by=actor_of(request),
            reason=reason,
            begun_from=documentation.number_of(newest),
            confirmed=confirmed,
        )
        return _answer(workflow, documentation.find_newest(workflow), is_now=True)


class DocumentationHistory(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(operation_id="documentation_history", responses=page_shape(ChangeShape))
    def get(self, request: Request, slug: str) -> Response:
        """Every change, newest first, field by field: who, when, why, from what to what."""
        rows = Documentation.objects.filter(workflow=_workflow(slug))
        page = paging.page(rows, request, order=("-number",))
        changes = documentation_history.changes(page.items)
        return Response(
            {
                "items": [_change_to_json(change) for change in changes],
                "next_cursor": page.next_cursor,
            }
        )


class DocumentDifference(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW}

    @extend_schema(
        operation_id="documentation_difference",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATETIME, required=True),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Now when left out."),
        ],
        responses=DifferenceShape,
    )
    def get(self, request: Request, slug: str) -> Response:
        """What the document says otherwise at one moment than at another, in words and line by line.

        Without `payload.view` the texts of prompts are left out; the digests are those of the whole documents.
        """
        workflow = _workflow(slug)
        before = find_asked_moment(request, "from")
        if before is None:
            raise serializers.ValidationError({"from": "Say from which moment on."})
        told = document_states.compare(
            workflow,
            before,
            find_asked_moment(request, "to") or now(),
            may_read=can(request._request, Permission.PAYLOAD_VIEW),
        )
        return Response(
            {
                "from": {"version": told.old.number, "digest": told.digests[0]},
                "to": {"version": told.new.number, "digest": told.digests[1]},
                "sections": [each.sentence for each in told.difference.sections],
                "unified": told.difference.unified,
            }
        )


def _workflow(slug: str) -> Workflow:
    return get_object_or_404(Workflow.objects.with_pointers(), slug=slug)


def _answer(workflow: Workflow, row: Documentation | None, *, is_now: bool) -> Response:
    texts = documentation.to_texts(row) if row is not None else Texts()
    draft = completeness.find_draft(workflow) if is_now else None
    values = documentation_history.as_of(workflow, row.created_at) if row is not None else []
    shown = {
        "workflow": workflow.slug,
        "number": documentation.number_of(row),
        "data_class": workflow.label.word,
        **{name: getattr(texts, name) for name in documentation.FIELDS},
        "node_texts": texts.node_texts,
        "values": [
            {"field": value.field, "value": value.value, **_written(value.row)} for value in values
        ],
        "completeness": _completeness_to_json(completeness.look(draft)) if draft else None,
    }
    return Response(shown, headers={"ETag": documentation.etag(row)})


def _written(row: Documentation) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": to_time(row.created_at),
        "author": author_to_json(row),
        "reason": row.reason,
    }


def _change_to_json(change: documentation_history.Change) -> dict[str, Any]:
    return {
        **_written(change.row),
        "changes": [
            {"field": field.field, "before": field.before, "after": field.after}
            for field in change.fields
        ],
        "confirmed": list(change.confirmed),
    }


def _completeness_to_json(found: Completeness) -> dict[str, Any]:
    return {
        "is_complete": found.is_complete,
        "missing": list(found.missing),
        "missing_nodes": [node.id for node in found.missing_nodes],
        "stale": [
            {"node": node.id, "written_at": to_time(node.stale_since)} for node in found.stale_nodes
        ],
        "described": found.described,
        "nodes": found.total,
    }
