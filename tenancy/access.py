"""The question "may this request do that?", for pages. `tenancy.api.permissions` asks it for the API.

Every view carries one of two marks, `permission_required` or `public`; an architecture test walks the URL map and
refuses a view with neither.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from tenancy.context import current_tenant
from tenancy.errors import NotSignedIn, PermissionMissing
from tenancy.models import Tenant, TenantStatus
from tenancy.permissions import Permission

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from tenancy.actors import Actor
    from tenancy.models import ApiToken, Membership, ServiceKey

SHORT = 3  # what is no longer than this is quickly typed again

View = TypeVar("View", bound=Callable[..., Any])


class TenantRequest(HttpRequest):
    """A request as `tenancy.middleware` leaves it. Only health checks have no tenant."""

    tenant: "Tenant | None"
    membership: "Membership | None"
    actor: "Actor | None"
    token: "ApiToken | None"
    service_key: "ServiceKey | None"
    permissions: frozenset[Permission]
    request_id: str
    htmx: "HtmxDetails"


def can(request: HttpRequest, permission: Permission) -> bool:
    """Whether the person or token behind this request holds the permission."""
    return permission in permissions_of(request)


def permissions_of(request: HttpRequest) -> frozenset[Permission]:
    """Everything that the person or token behind this request holds."""
    held: frozenset[Permission] = getattr(request, "permissions", frozenset())
    return held


def check(request: HttpRequest, permission: Permission) -> None:
    """Raise unless the request holds the permission.

    A person without a living membership here gets 404: what belongs to someone else does not exist.
    """
    if can(request, permission):
        return
    if getattr(request, "actor", None) is None:
        raise Http404
    raise PermissionMissing(permission=permission.value)


def may_still(request: HttpRequest, permission: Permission) -> bool:
    """Whether what let this request in still holds: for streams, which outlive the check at their beginning.

    Tenant, membership, its user, token and service key are read anew, in the tenant's context.
    """
    if not can(request, permission):
        return False
    held = (getattr(request, name, None) for name in ("membership", "token", "service_key"))
    for row in held:
        if row is None:
            continue
        row.refresh_from_db()
        if row.state != "active" or permission not in row.permissions:
            return False
    membership = getattr(request, "membership", None)
    if membership is not None and not membership.user.is_active:
        return False
    tenant = current_tenant()
    return bool(Tenant.objects.filter(pk=tenant.pk, status=TenantStatus.ACTIVE).exists())


def actor_of(request: HttpRequest) -> "Actor":
    """Who is behind this request, for a verb's `by`. Raises NotSignedIn: no actor, no change."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        raise NotSignedIn
    return actor


def permission_required(
    permission: Permission, *, returns_typed: bool = False
) -> Callable[[View], View]:
    """Mark a function view, sync or async, with the permission that it needs, and hold it to it.

    With `returns_typed`, what somebody sends whose session has ended meanwhile is shown to them again, instead of being
    lost on the way to the sign-in page. Not for forms that take secrets.
    """

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                answer = await sync_to_async(_find_refusal)(
                    request, permission, returns_typed=returns_typed
                )
                return answer or await cast(Awaitable[Any], view(request, *args, **kwargs))

            guarded: Callable[..., Any] = guarded_async
        else:

            @wraps(view)
            def guarded_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = _find_refusal(request, permission, returns_typed=returns_typed)
                return refusal or view(request, *args, **kwargs)

            guarded = guarded_sync
        guarded.required_permission = permission  # type: ignore[attr-defined]
        return cast(View, guarded)

    return decorate


def platform_only(view: View) -> View:
    """Below `permission_required`: on the host of any tenant but the platform's there is no such page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not current_tenant().is_platform:
            raise Http404
        return view(request, *args, **kwargs)

    guarded.is_platform_only = True  # type: ignore[attr-defined]
    return cast(View, guarded)


def public(view: View) -> View:
    """Mark a view that anybody may see: sign-in, health, the API description."""
    view.required_permission = None  # type: ignore[attr-defined]
    return view


def _find_refusal(
    request: HttpRequest, permission: Permission, *, returns_typed: bool
) -> HttpResponse | None:
    """The way to the sign-in page for nobody; an exception for somebody who may not; None when all is well."""
    if not request.user.is_authenticated:
        if request.path.startswith("/api/"):
            raise NotSignedIn
        if returns_typed and request.method == "POST":
            return _give_back(request)
        return _sign_in_first(request)
    check(request, permission)
    return None


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    back = request.get_full_path() if request.method == "GET" else "/"
    address = f"{reverse('account_login')}?{urlencode({'next': back})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _give_back(request: HttpRequest) -> HttpResponse:
    """Say that nothing was saved, with what was typed. HTMX leaves the form as it stands, with a note above it."""
    address = f"{reverse('account_login')}?{urlencode({'next': _came_from(request)})}"
    typed = [
        (name, text)
        for name, texts in request.POST.lists()
        for text in texts
        if name != "csrfmiddlewaretoken" and len(text) > SHORT
    ]
    template = "tenancy/signed_out.html"
    name = f"{template}#note" if request.headers.get("HX-Request") else template
    return render(request, name, {"address": address, "typed": typed}, status=401)


def _came_from(request: HttpRequest) -> str:
    """The page that the form stands on, as far as the browser says; only one of this site."""
    came = urlsplit(request.headers.get("Referer", ""))
    if came.netloc != request.get_host() or not came.path.startswith("/"):
        return "/"
    return f"{came.path}?{came.query}" if came.query else came.path
