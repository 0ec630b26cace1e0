"""What a budget can count the calls of: everything, or one workflow, provider, secret or model group, by its name."""

from collections.abc import Sequence
from typing import Any

from tenancy.models import Secret
from workflows.errors import BudgetInvalid
from workflows.models import BudgetScope, ModelGroup, Provider, Workflow

Choices = Sequence[tuple[str, str]]


def find(scope: str, name: str = "") -> dict[str, Any]:
    """What `budgets.create` is told of it. Raises BudgetInvalid for what is not there."""
    if scope == BudgetScope.TENANT:
        if name:
            raise BudgetInvalid("A budget of all calls names nothing that it counts.")
        return {}
    found: Any = name if name in _secrets() else None
    if scope == BudgetScope.WORKFLOW:
        found = Workflow.objects.living().filter(slug=name).first()
    elif scope == BudgetScope.PROVIDER:
        found = Provider.objects.filter(name=name).first()
    elif scope == BudgetScope.MODEL_GROUP:
        found = ModelGroup.objects.filter(name=name).first()
    if not found:
        raise BudgetInvalid(f"{BudgetScope(scope).label} “{name[:64]}” does not exist.")
    return {"secret_name" if scope == BudgetScope.SECRET else scope: found}


def choices() -> list[tuple[str, str] | tuple[str, Choices]]:
    """For a select: `scope:name` and words, in groups."""
    names = {
        BudgetScope.WORKFLOW: Workflow.objects.living()
        .order_by("slug")
        .values_list("slug", flat=True),
        BudgetScope.PROVIDER: Provider.objects.values_list("name", flat=True),
        BudgetScope.SECRET: sorted(_secrets()),
        BudgetScope.MODEL_GROUP: ModelGroup.objects.order_by("name").values_list("name", flat=True),
    }
    groups = [
        (scope.label.removeprefix("A ").capitalize(), [(f"{scope}:{name}", name) for name in found])
        for scope, found in names.items()
    ]
    return [
        (f"{BudgetScope.TENANT}:", BudgetScope.TENANT.label),
        *((label, found) for label, found in groups if found),
    ]


def _secrets() -> set[str]:
    """Secrets that are there, and those that providers wait for."""
    kept = Secret.objects.filter(revoked_at=None).values_list("name", flat=True)
    named = Provider.objects.exclude(secret_name="").values_list("secret_name", flat=True)
    return {*kept, *named}
