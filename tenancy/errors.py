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


class TenantGone(GroveError):
    """This tenant was deleted. Only its log is left."""

    code = "tenant_gone"
    status = 410


class HostInvalid(GroveError):
    """A host name has small letters, digits, hyphens and dots, such as acme.example.org."""

    code = "host_invalid"
    status = 422


class SlugInvalid(GroveError):
    """A slug has 2 to 50 small letters, digits and hyphens, and begins with a letter."""

    code = "slug_invalid"
    status = 422


class QuotaInvalid(GroveError):
    """A limit is a whole number from 0 up, or nothing; money names a currency and a period; a change has a reason."""

    code = "quota_invalid"
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


class TooManyRequests(GroveError):
    """There were too many requests from here. Try again in a minute."""

    code = "too_many_requests"
    status = 429


class CursorInvalid(GroveError):
    """This cursor does not belong to this list and filter."""

    code = "cursor_invalid"
    status = 400


class TenantNotFound(GroveError):
    """There is nothing here, or nothing that you may see."""

    code = "not_found"
    status = 404


class InvitationInvalid(GroveError):
    """This invitation is unknown, too old, or was used before."""

    code = "invitation_invalid"
    status = 404


class RoleUnknown(GroveError):
    """There is no such role."""

    code = "role_unknown"
    status = 422


class RootKeyMissing(GroveError):
    """GROVE_ROOT_KEY is not set. Without it nothing that is stored can be read. Set it, or GROVE_ROOT_KEY_FILE."""

    code = "root_key_missing"
    status = 500


class RootKeyInvalid(GroveError):
    """A root key must be 32 bytes in base64: head -c 32 /dev/urandom | base64 makes one."""

    code = "root_key_invalid"
    status = 500


class RootKeyUnknown(GroveError):
    """A tenant's key is wrapped with a root key that is not set here."""

    code = "root_key_unknown"
    status = 500


class SealBroken(GroveError):
    """This value does not open: it was changed, or it belongs somewhere else."""

    code = "seal_broken"
    status = 500


class KeyNotFound(GroveError):
    """There is no such key in this tenant."""

    code = "key_not_found"
    status = 404


class KeyDestroyed(GroveError):
    """The key to this content was destroyed: the content is erased."""

    code = "key_destroyed"
    status = 410


class CheckpointInvalid(GroveError):
    """This checkpoint is not valid."""

    code = "checkpoint_invalid"
    status = 422


class NotInTransaction(GroveError):
    """A ledger entry is written in the transaction of the change that it records. Open one first."""

    code = "not_in_transaction"
    status = 500


class FactsNotPlain(GroveError):
    """The facts of a ledger entry are names, numbers, lists and mappings of them."""

    code = "facts_not_plain"
    status = 500


class SecretNotFound(GroveError):
    """There is no such secret, or it was revoked."""

    code = "secret_not_found"
    status = 404


class SecretInvalid(GroveError):
    """A secret has a name of 1 to 64 small letters, digits, dots, hyphens or underscores, and a value."""

    code = "secret_invalid"
    status = 422


class SecretExpired(GroveError):
    """This secret has passed its last day. Replace it, or give it a later last day."""

    code = "secret_expired"
    status = 409


class SecretUseRefused(GroveError):
    """This secret is bound to other uses. Change its bindings, or use another secret here."""

    code = "secret_use_refused"
    status = 403


class SecretConflict(GroveError):
    """Somebody else has just stored a version of this secret. Look at it, then try again."""

    code = "secret_conflict"
    status = 409


class SecretInUse(GroveError):
    """Something uses this secret. Look at what would stop, then confirm with the secret's name."""

    code = "secret_in_use"
    status = 409


class NoVersionWaits(GroveError):
    """There is no newer version that waits, and none before it that could go on."""

    code = "no_version_waits"
    status = 409


class SecretBackendInvalid(GroveError):
    """This place for secrets cannot be used as described."""

    code = "secret_backend_invalid"
    status = 422


class VaultUnreachable(GroveError):
    """Vault does not answer."""

    code = "vault_unreachable"
    status = 503


class VaultRefused(GroveError):
    """Vault does not let Grove in, or not there."""

    code = "vault_refused"
    status = 502


class LimitInvalid(GroveError):
    """A page has 1 to 200 rows."""

    code = "limit_invalid"
    status = 400


class NotSequenced(GroveError):
    """This entry has no leaf yet. The sequencer gives it one within seconds."""

    code = "not_sequenced"
    status = 409


class StatementInvalid(GroveError):
    """This key did not sign this statement, or it was changed since."""

    code = "statement_invalid"
    status = 422


class PreconditionMissing(GroveError):
    """Say with If-Match which state you began from: the ETag of what you read."""

    code = "precondition_missing"
    status = 428


class PreconditionFailed(GroveError):
    """This was changed since you read it. Read it again, then decide."""

    code = "precondition_failed"
    status = 412


class ProfileInvalid(GroveError):
    """This cannot be kept in a profile."""

    code = "profile_invalid"
    status = 422


class PartInvalid(GroveError):
    """Parts of a list are numbered from 1."""

    code = "part_invalid"
    status = 400
