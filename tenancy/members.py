"""Members of a tenant: added or invited, given another role, removed. Never deleted."""

from datetime import datetime

from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.errors import (
    AlreadyMember,
    ExpiryInvalid,
    ExpiryMissing,
    InvitationInvalid,
    LastAdmin,
    OwnMembership,
    RoleUnknown,
)
from tenancy.events import EventType
from tenancy.models import Membership, User
from tenancy.permissions import Role

INVITATION_SALT = "tenancy.members.invitation"
INVITATION_DAYS = 7


@transaction.atomic
def add(*, user: User, role: Role, by: Actor, expires_at: datetime | None = None) -> Membership:
    """Make somebody a member at once. Raises AlreadyMember, ExpiryMissing, ExpiryInvalid."""
    return _create(user=user, role=role, expires_at=expires_at, joined_at=now(), by=by)


@transaction.atomic
def invite(
    *, email: str, name: str, role: Role, by: Actor, expires_at: datetime | None = None
) -> Membership:
    """Prepare a membership that the person joins with the link of `invitation_of`.

    Somebody who is known on this installation proves the password they have; nobody can take over a person's sign-in
    by inviting them, nor enter a tenant with a sign-in made elsewhere without its own invitation.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = User.objects.create_user(email=email.strip(), name=name.strip(), password=None)
    return _create(user=user, role=role, expires_at=expires_at, joined_at=None, by=by)


@transaction.atomic
def join(*, membership: Membership) -> Membership:
    """Take up an invitation. Joining twice changes nothing."""
    waiting = Membership.objects.not_ended().filter(pk=membership.pk, joined_at__isnull=True)
    if waiting.update(joined_at=now()):
        ledger.append(
            EventType.MEMBER_JOINED, subject=membership, by=Actor.of_user(membership.user)
        )
    membership.refresh_from_db()
    return membership


@transaction.atomic
def change_role(
    *, membership: Membership, role: Role, by: Actor, expires_at: datetime | None = None
) -> Membership:
    """Give a member another role or end date. Raises LastAdmin, OwnMembership, ExpiryMissing, ExpiryInvalid."""
    membership = _lock(membership)
    _check_not_own(membership, by)
    _check_role(role, expires_at)
    if role != Role.ADMIN or expires_at is not None:
        _check_not_last_admin(membership)
    changed = sorted(
        name
        for name, value in (("role", role), ("expires_at", expires_at))
        if getattr(membership, name) != value
    )
    if not changed:
        return membership
    before = membership.role
    membership.role, membership.expires_at = role, expires_at
    membership.save(update_fields=["role", "expires_at"])
    ledger.append(
        EventType.MEMBER_ROLE_CHANGED,
        subject=membership,
        by=by,
        fields=changed,
        role_before=str(before),
        role_after=str(role),
    )
    return membership


@transaction.atomic
def remove(*, membership: Membership, by: Actor) -> None:
    """End a membership; its tokens and sessions end with it. Removing twice changes nothing. Raises LastAdmin."""
    membership = _lock(membership)
    if membership.ended_at is not None:
        return
    _check_not_own(membership, by)
    _check_not_last_admin(membership)
    membership.ended_at = now()
    membership.save(update_fields=["ended_at"])
    ledger.append(
        EventType.MEMBER_REMOVED, subject=membership, by=by, role_before=str(membership.role)
    )


def invitation_of(membership: Membership) -> str:
    """The text that proves an invitation, for the link that an admin hands over."""
    return signing.dumps(
        {"tenant": str(membership.tenant_id), "membership": str(membership.pk)},
        salt=INVITATION_SALT,
    )


def get_invited(invitation: str) -> Membership:
    """The membership that waits for this invitation, in the current tenant. Raises InvitationInvalid."""
    try:
        named = signing.loads(invitation, salt=INVITATION_SALT, max_age=INVITATION_DAYS * 24 * 3600)
    except signing.BadSignature as error:
        raise InvitationInvalid from error
    membership = (
        Membership.objects.not_ended()
        .select_related("user")
        .filter(pk=named["membership"], tenant_id=named["tenant"], joined_at__isnull=True)
        .first()
    )
    if membership is None:
        raise InvitationInvalid
    return membership


def _create(
    *,
    user: User,
    role: Role,
    expires_at: datetime | None,
    joined_at: datetime | None,
    by: Actor,
) -> Membership:
    _check_role(role, expires_at)
    try:
        with transaction.atomic():
            membership: Membership = Membership.objects.create(
                user=user, role=role, expires_at=expires_at, joined_at=joined_at
            )
    except IntegrityError as error:
        raise AlreadyMember from error
    ledger.append(
        EventType.MEMBER_ADDED if joined_at else EventType.MEMBER_INVITED,
        subject=membership,
        by=by,
        user=str(user.pk),
        role_after=str(role),
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return membership


def _lock(membership: Membership) -> Membership:
    """All admins are locked, too, and in order: two admins who remove each other must not both succeed."""
    rows = Membership.objects.select_for_update().select_related(None).order_by("pk")
    wanted = rows.filter(pk=membership.pk) | rows.filter(role=Role.ADMIN, ended_at__isnull=True)
    locked: Membership = next(row for row in wanted if row.pk == membership.pk)
    return locked


def _check_role(role: str, expires_at: datetime | None) -> None:
    if role not in Role.values:
        raise RoleUnknown
    if expires_at is not None and expires_at <= now():
        raise ExpiryInvalid
    if role == Role.AUDITOR and expires_at is None:
        raise ExpiryMissing


def _check_not_own(membership: Membership, by: Actor) -> None:
    if by.kind == "user" and by.id == str(membership.user_id):
        raise OwnMembership


def _check_not_last_admin(membership: Membership) -> None:
    """At least one living admin without an end date stays."""
    if membership.role != Role.ADMIN:
        return
    others = Membership.objects.living().filter(role=Role.ADMIN, expires_at__isnull=True)
    if not others.exclude(pk=membership.pk).exists():
        raise LastAdmin
