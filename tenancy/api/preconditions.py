"""If-Match: who changes something says which state it began from (RFC 9110, section 13.1.1)."""

from rest_framework.request import Request

from tenancy.errors import PreconditionFailed, PreconditionMissing


def check(request: Request, etag: str) -> None:
    """Raises PreconditionMissing (428) without If-Match, PreconditionFailed (412) for another state than this one."""
    asked = request.headers.get("If-Match", "").strip()
    if not asked:
        raise PreconditionMissing
    if asked != "*" and etag not in [each.strip() for each in asked.split(",")]:
        raise PreconditionFailed
