"""What the middleware found out about the caller, told to Django REST framework."""

from typing import Any, cast

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from tenancy.access import TenantRequest


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer grove_…`, or a service key's signed headers."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        # request.user would ask this class again
        http = cast(TenantRequest, request._request)
        credential = http.token or http.service_key
        return None if credential is None else (http.user, credential)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="grove"'


class SignedInAuthentication(SessionAuthentication):
    """The session of somebody who signed in on this host. What changes something needs the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, None
