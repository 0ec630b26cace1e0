"""What can go wrong on this floor. The docstring of an error is its default message."""

from typing import Any, ClassVar


class GroveError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, sentence: str = "", **extra: Any) -> None:
        self.sentence = sentence or (self.__class__.__doc__ or "").strip()
        self.extra = extra
        super().__init__(self.sentence)


class NoTenant(GroveError):
    """No tenant is set here. Work on tenant data happens inside tenant_context(tenant)."""

    code = "no_tenant"
    status = 500


class NotSignedIn(GroveError):
    """Sign in, or send an API token."""

    code = "not_signed_in"
    status = 401


class PermissionMissing(GroveError):
    """Your role does not allow this."""

    code = "permission_missing"
    status = 403


class TenantSuspended(GroveError):
    """This tenant is suspended. Ask the operator of this installation."""

    code = "tenant_suspended"
    status = 403


class TenantExists(GroveError):
    """A tenant with this name or domain already exists."""

    code = "tenant_exists"
    status = 409


class TenantReserved(GroveError):
    """This tenant is reserved for the platform itself."""

    code = "tenant_reserved"
    status = 409


class SlugInvalid(GroveError):
    """A slug has 2 to 50 small letters, digits and hyphens, and begins with a letter."""

    code = "slug_invalid"
    status = 422


class AlreadyMember(GroveError):
    """This person is already a member."""

    code = "already_member"
    status = 409


class LastAdmin(GroveError):
    """The last admin can be neither removed nor given another role."""

    code = "last_admin"
    status = 409


class OwnMembership(GroveError):
    """Nobody changes the role of their own membership."""

    code = "own_membership"
    status = 409


class ExpiryInvalid(GroveError):
    """The expiry must lie in the future."""

    code = "expiry_invalid"
    status = 422


class ExpiryMissing(GroveError):
    """An auditor's membership needs an end date."""

    code = "expiry_missing"
    status = 422


class ScopeTooWide(GroveError):
    """A token may not be given more than the role of its owner allows."""

    code = "scope_too_wide"
    status = 422


class TokenInvalid(GroveError):
    """This token is unknown, expired or revoked."""

    code = "token_invalid"
    status = 401


class AssertionInvalid(GroveError):
    """The signed assertion of a tenant is wrong, too old, or was used before."""

    code = "assertion_invalid"
    status = 401


class IdempotencyKeyMissing(GroveError):
    """This request needs an Idempotency-Key header."""

    code = "idempotency_key_missing"
    status = 400


class IdempotencyKeyInvalid(GroveError):
    """An Idempotency-Key has 1 to 255 printable characters."""

    code = "idempotency_key_invalid"
    status = 400


class IdempotencyKeyInUse(GroveError):
    """The first request with this Idempotency-Key is still being worked on."""

    code = "idempotency_key_in_use"
    status = 409


class IdempotencyKeyReused(GroveError):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"
    status = 422


class CursorInvalid(GroveError):
    """This cursor does not belong to this list and filter."""

    code = "cursor_invalid"
    status = 400
