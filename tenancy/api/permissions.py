"""The API's question to `tenancy.access`: may this request call this method of this resource?"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tenancy import access
from tenancy.errors import NotSignedIn, PermissionMissing

READS_AS = {"head": "get"}


class HasPermission(BasePermission):
    """Reads `required_permissions = {"get": Permission.X, "post": Permission.Y}` of the view."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = (request.method or "").lower()
        if request.user is None:
            raise NotSignedIn
        if method == "options" or not hasattr(view, method):
            return (
                getattr(request, "actor", None) is not None
            )  # the framework answers with what is allowed
        permission = view.required_permissions.get(READS_AS.get(method, method))
        if permission is None:
            raise PermissionMissing
        access.check(request, permission)
        return True
