"""If-Match: who changes something says which state it began from (RFC 9110, section 13.1.1)."""

from rest_framework.request import Request

from tenancy.errors import PreconditionFailed, PreconditionMissing


def check(
    request: Request,
    etag: str,
    *,
    missing: type[PreconditionMissing] = PreconditionMissing,
    moved: type[PreconditionFailed] = PreconditionFailed,
) -> None:
    """Raises `missing` (428) without If-Match, `moved` (412) for another state than this one.

    A resource with problem types of its own passes heirs of the two.
    """
    asked = request.headers.get("If-Match", "").strip()
    if not asked:
        raise missing
    if asked != "*" and etag not in [each.strip() for each in asked.split(",")]:
        raise moved
