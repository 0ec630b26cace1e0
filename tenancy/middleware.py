"""Whose request is it, and who makes it? Two questions, two middlewares; all else reads what they found.

`request.tenant` comes from the host name (or from a service key's signed assertion), `request.membership`,
`request.actor` and `request.permissions` from a session, an API token or a service key.
"""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string

from tenancy import hosts, profiles, service_keys, sign_in, tokens
from tenancy.access import TenantRequest
from tenancy.actors import Actor
from tenancy.context import enter
from tenancy.errors import GroveError, TenantNotFound, TenantSuspended
from tenancy.models import Tenant, TenantStatus, User

GetResponse = Callable[[HttpRequest], HttpResponseBase]

API = "/api/"
WITHOUT_TENANT = (
    "/livez",
    "/readyz",
    "/static/",
)  # probes and assets call by address, not by a tenant's name


class TenantMiddleware:
    """Work for the tenant of this host until the answer is made, then for nobody again."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: TenantRequest) -> HttpResponseBase:
        request.tenant, request.service_key = None, None
        _forget_caller(request)
        enter(None)
        if request.path.startswith(WITHOUT_TENANT):
            return self.get_response(request)
        try:
            request.tenant = self._tenant_of(request)
        except GroveError as error:
            return refuse(request, error)
        enter(request.tenant)
        structlog.contextvars.bind_contextvars(tenant=request.tenant.slug)
        try:
            return self.get_response(request)
        finally:  # django-tenants would leave the tenant on this thread's connection
            enter(None)

    def _tenant_of(self, request: TenantRequest) -> Tenant:
        tenant = hosts.find_tenant(request.get_host())
        if (
            tenant is not None
            and request.path.startswith(API)
            and service_keys.is_asserted(request)
        ):
            request.service_key, tenant = service_keys.verify(request, host_tenant=tenant)
        if tenant is None or tenant.status == TenantStatus.DELETED:
            raise TenantNotFound
        if tenant.status == TenantStatus.SUSPENDED:
            raise TenantSuspended
        return tenant


class MembershipMiddleware:
    """Find out who asks. It refuses only what is plainly wrong; whether they may is for the view to say."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: TenantRequest) -> HttpResponseBase:
        if request.tenant is None:
            return self.get_response(request)
        try:
            self._identify(request)
        except GroveError as error:
            return refuse(request, error)
        with profiles.local_time_of(_person_of(request)):
            return self.get_response(request)

    def _identify(self, request: TenantRequest) -> None:
        if request.path.startswith(API) and "Authorization" in request.headers:
            self._by_token(request)
        elif request.service_key is not None:
            self._by_service_key(request)
        elif request.user.is_authenticated:
            self._by_session(request)

    def _by_token(self, request: TenantRequest) -> None:
        token = tokens.authenticate(request.headers["Authorization"])
        request.user = token.membership.user
        request.token, request.membership = token, token.membership
        request.actor = Actor.of_token(token.pk, token.name)
        request.permissions = token.permissions
        _need_no_csrf_check(request)

    def _by_service_key(self, request: TenantRequest) -> None:
        key = request.service_key
        assert key is not None  # noqa: S101 - for the type checker
        request.user = service_keys.ServiceUser(pk=key.pk, name=key.name)  # type: ignore[assignment]
        request.actor = Actor.of_service(key.pk, key.name)
        request.permissions = key.permissions
        _need_no_csrf_check(request)

    def _by_session(self, request: TenantRequest) -> None:
        if not sign_in.is_bound_here(request):
            request.user = AnonymousUser()  # a cookie of another host or tenant is nobody's here
            return
        membership = sign_in.find_membership(request)
        if membership is not None:
            request.membership = membership
            request.actor = Actor.of_user(membership.user)
            request.permissions = membership.permissions


def refuse(request: HttpRequest, error: GroveError) -> HttpResponseBase:
    """Answer from a middleware, where Django catches nothing: as settings.REFUSAL_VIEW does it."""
    answer: HttpResponseBase = import_string(settings.REFUSAL_VIEW)(request, error)
    return answer


def _person_of(request: TenantRequest) -> User | None:
    """Who signed in by a session. Programs are answered in UTC."""
    if request.membership is None or request.token is not None:
        return None
    user: User = request.membership.user
    return user


def _forget_caller(request: TenantRequest) -> None:
    request.membership, request.actor, request.token = None, None, None
    request.permissions = frozenset()


def _need_no_csrf_check(request: HttpRequest) -> None:
    """A token or signature is not sent by a browser on its own, so nobody can borrow it."""
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # noqa: SLF001
