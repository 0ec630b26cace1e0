"""API tokens: one's own, and for those who look after them everybody's."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenancy import access, paging, tokens
from tenancy.access import TenantRequest, permission_required
from tenancy.errors import PermissionMissing
from tenancy.forms import TokenForm
from tenancy.models import ApiToken
from tenancy.permissions import Permission


@require_safe
@permission_required(Permission.TOKEN_EDIT)
def list_tokens(request: TenantRequest) -> HttpResponse:
    return _render_tokens(request, TokenForm(permissions=request.permissions))


@require_POST
@permission_required(Permission.TOKEN_EDIT)
def create_token(request: TenantRequest) -> HttpResponse:
    """The answer shows the token's text, once: it cannot be a redirect."""
    form = TokenForm(request.POST, permissions=request.permissions)
    if not form.is_valid():
        return _render_tokens(request, form, status=422)
    if request.membership is None:
        raise PermissionMissing
    made = tokens.create(
        membership=request.membership,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.cleaned_data["expires_at"],
        within=request.permissions,
        by=access.actor_of(request),
    )
    response = render(request, "tenancy/new_token.html", {"made": made})
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@permission_required(Permission.TOKEN_EDIT)
def revoke_token(request: TenantRequest, token_id: UUID) -> HttpResponse:
    token = get_object_or_404(_tokens_for(request), pk=token_id)
    tokens.revoke(token=token, by=access.actor_of(request))
    return redirect("tenancy:tokens")


def _tokens_for(request: TenantRequest) -> QuerySet[ApiToken]:
    rows: QuerySet[ApiToken] = ApiToken.objects.select_related("membership__user")
    if access.can(request, Permission.TOKEN_ADMIN):
        return rows
    return rows.filter(membership=request.membership)


def _render_tokens(request: TenantRequest, form: TokenForm, status: int = 200) -> HttpResponse:
    page = paging.page(_tokens_for(request), request)
    return render(request, "tenancy/tokens.html", {"page": page, "form": form}, status=status)
