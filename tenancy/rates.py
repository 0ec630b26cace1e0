"""How often somebody without a name may try: the limits of sign-in, for other doors that anybody may knock at."""

from allauth.core import ratelimit
from django.http import HttpRequest

from tenancy.errors import TooManyRequests


def check(request: HttpRequest, *, action: str) -> None:
    """Raise TooManyRequests beyond the limit of this action (ACCOUNT_RATE_LIMITS)."""
    if not ratelimit.consume(request, action=action):
        raise TooManyRequests(retry_after=60)
