"""API tokens: made once, shown once, kept as a digest.

A token acts for one membership of one tenant. It may do what its scopes say, as far as its member's role allows.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.errors import ExpiryInvalid, ScopeTooWide, TokenInvalid
from tenancy.events import EventType
from tenancy.models import ApiToken, Membership
from tenancy.permissions import Permission, to_permissions

LONGEST_LIFE = timedelta(days=366)
USE_IS_NOTED_EVERY = timedelta(minutes=1)
MARK = "grove"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and its secret text, which cannot be read again."""

    token: ApiToken
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token})"


@transaction.atomic
def create(
    *,
    membership: Membership,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime,
    within: frozenset[Permission],
    by: Actor,
) -> NewToken:
    """Make a token for a member. `within` is what the caller holds: a token never hands on more.

    Raises ScopeTooWide, ExpiryInvalid.
    """
    wanted = sorted(set(scopes))
    allowed = membership.permissions & within
    too_wide = [scope for scope in wanted if not to_permissions([scope]) & allowed]
    if too_wide or not wanted:
        raise ScopeTooWide(_too_wide(too_wide), scopes=too_wide)
    if not now() < expires_at <= now() + LONGEST_LIFE:
        message = "A token expires in the future, and within a year."
        raise ExpiryInvalid(message)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        membership=membership,
        name=name,
        prefix=prefix,
        secret_digest=_digest(secret),
        scopes=wanted,
        expires_at=expires_at,
    )
    ledger.append(
        EventType.TOKEN_CREATED, subject=token, by=by, membership=str(membership.pk), scopes=wanted
    )
    return NewToken(token, f"{MARK}_{prefix}_{secret}")


@transaction.atomic
def revoke(*, token: ApiToken, by: Actor) -> None:
    """End a token's life at once. Revoking twice changes nothing."""
    if not ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now()):
        return
    token.refresh_from_db(fields=["revoked_at"])
    ledger.append(EventType.TOKEN_REVOKED, subject=token, by=by)


def authenticate(header: str) -> ApiToken:
    """The token that an Authorization header proves, in the current tenant. Raises TokenInvalid.

    Another tenant's token is unknown here: row-level security hides its row.
    """
    prefix, secret = _split(header)
    token = (
        ApiToken.objects.usable().select_related("membership__user").filter(prefix=prefix).first()
    )
    expected = bytes(token.secret_digest) if token is not None else b"\0" * 32
    if not hmac.compare_digest(_digest(secret), expected) or token is None:
        raise TokenInvalid
    if not token.membership.is_living or not token.membership.user.is_active:
        raise TokenInvalid
    _note_use(token)
    return token


def _too_wide(scopes: list[str]) -> str:
    if not scopes:
        return "A token needs at least one scope."
    return f"You may not hand on: {', '.join(scopes)}."


def _split(header: str) -> tuple[str, str]:
    scheme, _, text = header.partition(" ")
    parts = text.strip().split("_", 2)
    if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != MARK:
        raise TokenInvalid
    return parts[1], parts[2]


def _digest(secret: str) -> bytes:
    """A plain SHA-256 is enough: the secret has 256 random bits, nobody can guess it."""
    return hashlib.sha256(secret.encode()).digest()


def _note_use(token: ApiToken) -> None:
    before = now() - USE_IS_NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at > before:
        return
    unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=before)
    ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now())
