"""Policies, read: every snapshot that ever was, and which one is in force."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from compliance import policies
from compliance.api.serializers import PolicySnapshotShown, WholePolicyShown
from compliance.models import PolicySnapshot
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape
from tenancy.permissions import Permission


class Policies(APIView):
    required_permissions = {"get": Permission.POLICY_VIEW}

    @extend_schema(operation_id="policies_list", responses=page_shape(PolicySnapshotShown))
    def get(self, request: Request) -> Response:
        """Snapshots, newest first, in pages by key."""
        rows = PolicySnapshot.objects.all()
        return page_of(
            rows, request, to_json=lambda row: PolicySnapshotShown(row).data, order=("-number",)
        )


class ActivePolicy(APIView):
    required_permissions = {"get": Permission.POLICY_VIEW}

    @extend_schema(operation_id="policies_active", responses=WholePolicyShown)
    def get(self, request: Request) -> Response:
        """The snapshot in force, with its texts."""
        return Response(WholePolicyShown(policies.active_snapshot()).data)


class OnePolicy(APIView):
    required_permissions = {"get": Permission.POLICY_VIEW}

    @extend_schema(operation_id="policies_get", responses=WholePolicyShown)
    def get(self, request: Request, snapshot_id: UUID) -> Response:
        """One snapshot with its texts and its activations."""
        return Response(WholePolicyShown(policies.get_snapshot(snapshot_id)).data)
