"""Questions to the run list that people keep, and which of them opens first."""

from django.db import models
from django.db.models.functions import Lower

from tenancy.models import TenantForeignKey, TenantOwned


class SavedView(TenantOwned):
    """A question under a name: its owner's, or shared with everybody in the tenant to look through."""

    membership = TenantForeignKey("tenancy.Membership", related_name="+", db_index=False)
    name = models.CharField(max_length=80)
    question = models.TextField(blank=True)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                "tenant", "membership", Lower("name"), name="view_name_is_a_persons_own"
            ),
        )

    def __str__(self) -> str:
        return self.name


class DefaultView(TenantOwned):
    """The view with which the run list opens for one person."""

    membership = TenantForeignKey("tenancy.Membership", related_name="+", db_index=False)
    view = TenantForeignKey(
        SavedView, on_delete=models.CASCADE, related_name="default_of", db_index=False
    )

    class Meta(TenantOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=["tenant", "membership"], name="default_view_is_single"),
        )

    def __str__(self) -> str:
        return f"default of {self.membership_id}"
