"""Questions to a list that people keep: to that of the runs, where one may open first, or that of the providers."""

from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from tenancy.models import TenantForeignKey, TenantOwned


class ViewOf(models.TextChoices):
    """The list that is asked."""

    RUNS = "runs", "Runs"
    PROVIDERS = "providers", "Providers"


class SavedView(TenantOwned):
    """A question under a name: its owner's, or shared with everybody in the tenant to look through."""

    of = models.CharField(max_length=16, choices=ViewOf.choices, default=ViewOf.RUNS)
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
                "tenant", "membership", "of", Lower("name"), name="view_name_is_a_persons_own"
            ),
            models.CheckConstraint(
                condition=models.Q(of__in=ViewOf.values), name="view_is_of_a_known_list"
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The list, asked this question."""
        if self.of == ViewOf.PROVIDERS:
            return f"{reverse('places:providers')}?{self.question}"
        return f"{reverse('runs:list')}?view={self.pk}"


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
