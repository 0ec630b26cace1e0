"""Views of the lists of runs and of providers, for programs of the person whose token they hold."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import saved_views
from runs.models import SavedView, ViewOf
from tenancy.access import actor_of
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.errors import NotSignedIn
from tenancy.models import Membership
from tenancy.permissions import Permission


class ViewShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    question = serializers.CharField(allow_blank=True, help_text="As `q` of `GET /runs` takes it.")
    shared = serializers.BooleanField()
    is_mine = serializers.BooleanField()
    opens_first = serializers.BooleanField(help_text="Whether the page of runs opens with it.")
    changed_at = serializers.CharField()


class ProviderViewShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    question = serializers.CharField(
        allow_blank=True, help_text="Filters as an address has them: `state=failing&region=eu`."
    )
    shared = serializers.BooleanField()
    is_mine = serializers.BooleanField()
    changed_at = serializers.CharField()


class SaveView(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=saved_views.LONGEST_NAME)
    question = serializers.CharField(allow_blank=True, max_length=2000)
    shared = serializers.BooleanField(default=False)


class ChangeView(serializers.Serializer[Any]):
    question = serializers.CharField(allow_blank=True, max_length=2000)
    shared = serializers.BooleanField()


class ChooseDefault(serializers.Serializer[Any]):
    view = serializers.UUIDField(allow_null=True, help_text="null: the page opens with all runs.")


class Views(APIView):
    required_permissions = {"get": Permission.RUN_VIEW, "post": Permission.RUN_VIEW}

    @extend_schema(operation_id="run_views_list", responses=page_shape(ViewShown))
    def get(self, request: Request) -> Response:
        """One's own views and the shared ones."""
        default = saved_views.find_default(_member(request))
        rows = saved_views.visible_to(_member(request))
        return page_of(rows, request, to_json=lambda row: _shown(row, request, default))

    @extend_schema(operation_id="run_views_save", request=SaveView, responses={201: ViewShown})
    def post(self, request: Request) -> Response:
        """Keep a question. Under a name that one has already, it takes that one's place."""
        view = _save(request, ViewOf.RUNS)
        default = saved_views.find_default(_member(request))
        return Response(_shown(view, request, default), status=201)


class OneView(APIView):
    required_permissions = {
        "get": Permission.RUN_VIEW,
        "put": Permission.RUN_VIEW,
        "delete": Permission.RUN_VIEW,
    }

    @extend_schema(operation_id="run_views_get", responses=ViewShown)
    def get(self, request: Request, view_id: UUID) -> Response:
        default = saved_views.find_default(_member(request))
        return Response(_shown(_get(request, view_id), request, default))

    @extend_schema(operation_id="run_views_change", request=ChangeView, responses=ViewShown)
    def put(self, request: Request, view_id: UUID) -> Response:
        """Ask something else, share it or no longer. 403 for a shared view of somebody else."""
        view = _get(request, view_id)
        _change(request, view)
        return Response(_shown(view, request, saved_views.find_default(_member(request))))

    @extend_schema(operation_id="run_views_remove", responses={204: None})
    def delete(self, request: Request, view_id: UUID) -> Response:
        view = _get(request, view_id)
        saved_views.remove(view=view, membership=_member(request), by=actor_of(request._request))
        return Response(status=204)


class DefaultOfMine(APIView):
    required_permissions = {"put": Permission.RUN_VIEW}

    @extend_schema(
        operation_id="run_views_choose_default", request=ChooseDefault, responses={204: None}
    )
    def put(self, request: Request) -> Response:
        """The view with which the page of runs opens for whoever's token this is."""
        asked = ChooseDefault(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen = asked.validated_data["view"]
        saved_views.choose_default(
            view=_get(request, chosen) if chosen else None,
            membership=_member(request),
            by=actor_of(request._request),
        )
        return Response(status=204)


class ProviderViews(APIView):
    required_permissions = {"get": Permission.PROVIDER_VIEW, "post": Permission.PROVIDER_VIEW}

    @extend_schema(operation_id="provider_views_list", responses=page_shape(ProviderViewShown))
    def get(self, request: Request) -> Response:
        """One's own views of the providers and the shared ones."""
        rows = saved_views.visible_to(_member(request), ViewOf.PROVIDERS)
        return page_of(rows, request, to_json=lambda row: _of_providers(row, request))

    @extend_schema(
        operation_id="provider_views_save", request=SaveView, responses={201: ProviderViewShown}
    )
    def post(self, request: Request) -> Response:
        """Keep filters of the providers. Under a name that one has already, they take that one's place."""
        view = _save(request, ViewOf.PROVIDERS)
        return Response(_of_providers(view, request), status=201)


class OneProviderView(APIView):
    required_permissions = {
        "get": Permission.PROVIDER_VIEW,
        "put": Permission.PROVIDER_VIEW,
        "delete": Permission.PROVIDER_VIEW,
    }

    @extend_schema(operation_id="provider_views_get", responses=ProviderViewShown)
    def get(self, request: Request, view_id: UUID) -> Response:
        return Response(_of_providers(_get(request, view_id, ViewOf.PROVIDERS), request))

    @extend_schema(
        operation_id="provider_views_change", request=ChangeView, responses=ProviderViewShown
    )
    def put(self, request: Request, view_id: UUID) -> Response:
        """Filter otherwise, share it or no longer. 403 for a shared view of somebody else."""
        view = _get(request, view_id, ViewOf.PROVIDERS)
        _change(request, view)
        return Response(_of_providers(view, request))

    @extend_schema(operation_id="provider_views_remove", responses={204: None})
    def delete(self, request: Request, view_id: UUID) -> Response:
        view = _get(request, view_id, ViewOf.PROVIDERS)
        saved_views.remove(view=view, membership=_member(request), by=actor_of(request._request))
        return Response(status=204)


def _member(request: Request) -> Membership:
    membership: Membership | None = request._request.membership  # type: ignore[attr-defined]
    if membership is None:
        raise NotSignedIn
    return membership


def _get(request: Request, view_id: UUID, of: ViewOf = ViewOf.RUNS) -> SavedView:
    visible = saved_views.visible_to(_member(request), of)
    view: SavedView = get_object_or_404(visible, pk=view_id)
    return view


def _shown(view: SavedView, request: Request, default: UUID | None) -> dict[str, Any]:
    return _of_providers(view, request) | {"opens_first": view.pk == default}


def _of_providers(view: SavedView, request: Request) -> dict[str, Any]:
    return {
        "id": str(view.pk),
        "name": view.name,
        "question": view.question,
        "shared": view.is_shared,
        "is_mine": view.membership_id == _member(request).pk,
        "changed_at": to_time(view.changed_at),
    }


def _save(request: Request, of: ViewOf) -> SavedView:
    asked = SaveView(data=request.data)
    asked.is_valid(raise_exception=True)
    wanted = asked.validated_data
    return saved_views.save(
        of=of,
        name=wanted["name"],
        question=wanted["question"],
        is_shared=wanted["shared"],
        membership=_member(request),
        by=actor_of(request._request),
    )


def _change(request: Request, view: SavedView) -> None:
    asked = ChangeView(data=request.data)
    asked.is_valid(raise_exception=True)
    saved_views.change(
        view=view,
        question=asked.validated_data["question"],
        is_shared=asked.validated_data["shared"],
        membership=_member(request),
        by=actor_of(request._request),
    )
