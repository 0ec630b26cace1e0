"""Model groups: the names that definitions use, each an ordered list of deployments."""

from django.db import models

from tenancy.models import TenantForeignKey, TenantOwned


class ModelGroup(TenantOwned):
    """A name for models that may stand in for each other. Failover goes down the list."""

    name = models.SlugField(max_length=64)

    class Meta(TenantOwned.Meta):
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="model_group_name_is_unique"),
        )

    def __str__(self) -> str:
        return self.name


class ModelGroupMember(TenantOwned):
    """A deployment's place in a group, counted from 0."""

    group = TenantForeignKey(
        "workflows.ModelGroup", related_name="members", on_delete=models.CASCADE
    )
    deployment = TenantForeignKey("workflows.Deployment", related_name="memberships")
    position = models.PositiveSmallIntegerField()

    class Meta(TenantOwned.Meta):
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "group", "position"), name="model_group_place_is_unique"
            ),
            models.UniqueConstraint(
                fields=("tenant", "group", "deployment"), name="model_group_names_a_deployment_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.position}"
