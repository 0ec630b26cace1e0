"""The draft of a workflow, for programs: read with an ETag, changed only on top of what was read."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy.access import actor_of, can
from tenancy.actors import Actor
from tenancy.api import preconditions
from tenancy.permissions import Permission
from workflows import drafts
from workflows.api.draft_shapes import DraftInput, EditInput
from workflows.api.shapes import WholeRevisionShape, whole_revision_to_json
from workflows.api.workflows import checked, text_of
from workflows.edits import Edit
from workflows.errors import DraftMoved, EditRefused, RevisionNotNamed
from workflows.models import DefinitionRevision, Workflow

IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The ETag of the draft."
)
IF_NONE_MATCH = OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER)
WHOLE = OpenApiResponse(WholeRevisionShape, description="The draft. Its ETag is in the header.")


class Draft(APIView):
    required_permissions = {"get": Permission.WORKFLOW_VIEW, "put": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="drafts_get",
        parameters=[IF_NONE_MATCH],
        responses={200: WHOLE, 304: OpenApiResponse(description="It is what you have.")},
    )
    def get(self, request: Request, slug: str) -> Response:
        head = _head(slug)
        if request.headers.get("If-None-Match") == drafts.etag(head):
            return Response(
                status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": drafts.etag(head)}
            )
        return _shown(request, head)

    @extend_schema(
        operation_id="drafts_save", parameters=[IF_MATCH], request=DraftInput, responses=WHOLE
    )
    def put(self, request: Request, slug: str) -> Response:
        """Save a whole draft, problems and all. 428 without If-Match, 412 where the draft is another one by now."""
        head = _head_named(request, slug)
        asked = checked(DraftInput, request)
        text, media = text_of(asked)
        saved = drafts.save(
            workflow=head.workflow,
            text=text,
            media=media,
            base=head,
            by=actor_of(request),
            summary=asked["summary"],
        )
        return _shown(request, saved)


class DraftEdits(APIView):
    required_permissions = {"post": Permission.WORKFLOW_EDIT}

    @extend_schema(
        operation_id="drafts_edit", parameters=[IF_MATCH], request=EditInput, responses=WHOLE
    )
    def post(self, request: Request, slug: str) -> Response:
        """Make one named edit: add, insert, remove, duplicate, rename, set_after, set_branches, set_field and more.

        428 without If-Match, 412 where the draft is another one by now: sent twice, it is made once.
        """
        head = _head_named(request, slug)
        asked = checked(EditInput, request)
        return _shown(request, _changed(head, asked, by=actor_of(request)))


def _changed(head: DefinitionRevision, asked: dict[str, Any], *, by: Actor) -> DefinitionRevision:
    workflow = head.workflow
    match asked["edit"]:
        case "undo":
            return drafts.undo(workflow=workflow, base=head, by=by)
        case "redo":
            return drafts.redo(workflow=workflow, base=head, by=by)
        case "go_back":
            to = _revision_named(workflow, asked["arguments"].get("revision"))
            return drafts.go_back(workflow=workflow, to=to, base=head, by=by)
    edit = Edit(name=asked["edit"], arguments=asked["arguments"])
    return drafts.edit(
        workflow=workflow, edits=[edit], base=head, by=by, summary=asked["summary"]
    ).revision


def _revision_named(workflow: Workflow, number: Any) -> DefinitionRevision:
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31:
        found = workflow.revisions.select_related("workflow").filter(number=number).first()
        if found is not None:
            return DefinitionRevision.objects.select_related("workflow").get(pk=found.pk)
    raise EditRefused("There is no such revision: go_back takes {revision: number}.")


def _head(slug: str) -> DefinitionRevision:
    rows = DefinitionRevision.objects.select_related("workflow", "parent")
    head: DefinitionRevision = get_object_or_404(
        rows, pk__in=Workflow.objects.living().filter(slug=slug).values("head")
    )
    return head


def _head_named(request: Request, slug: str) -> DefinitionRevision:
    """The draft, which must be the one that the request names. Raises RevisionNotNamed, DraftMoved."""
    head = _head(slug)
    preconditions.check(request, drafts.etag(head), missing=RevisionNotNamed, moved=DraftMoved)
    return head


def _shown(request: Request, revision: DefinitionRevision) -> Response:
    may_read = can(request._request, Permission.PAYLOAD_VIEW)
    return Response(
        whole_revision_to_json(revision, may_read=may_read),
        headers={"ETag": drafts.etag(revision)},
    )
