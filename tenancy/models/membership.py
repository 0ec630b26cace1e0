"""Who belongs to a tenant, in which role, and until when."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from tenancy.models.owned import TenantManager, TenantOwned
from tenancy.models.user import User
from tenancy.permissions import Permission, Role, permissions_of


class MembershipQuerySet(models.QuerySet["Membership"]):
    def living(self, at: datetime | None = None) -> Self:
        """Joined, neither ended nor expired."""
        at = at or now()
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=at),
            ended_at__isnull=True,
            joined_at__isnull=False,
        )

    def not_ended(self) -> Self:
        """Everybody who was not removed: the expired and the invited, too."""
        return self.filter(ended_at__isnull=True)


class Membership(TenantOwned):
    """One person's place in one tenant. It is ended, never deleted."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=32, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    joined_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TenantManager.from_queryset(MembershipQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "user"),
                condition=Q(ended_at=None),
                name="membership_is_single",
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="membership_role_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.AUDITOR) | Q(expires_at__isnull=False),
                name="membership_of_auditor_expires",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.role)

    @property
    def is_living(self) -> bool:
        expired = self.expires_at is not None and self.expires_at <= now()
        return self.joined_at is not None and self.ended_at is None and not expired

    @property
    def state(self) -> str:
        """One word for pages and the API."""
        if self.ended_at is not None:
            return "ended"
        if self.joined_at is None:
            return "invited"
        return "active" if self.is_living else "expired"
