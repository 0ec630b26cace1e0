"""Budgets of a tenant, for programs. Amounts are text, exact: "12.50" of a currency, or "200000" tokens."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import paging
from tenancy.access import actor_of
from tenancy.api.idempotency import idempotent
from tenancy.api.pages import page_of
from tenancy.api.shapes import page_shape, to_time
from tenancy.permissions import Permission
from workflows import budget_scopes, budget_use, budgets
from workflows.api.shapes import NAME
from workflows.budget_use import Use, UseState
from workflows.models import Budget, BudgetPeriod, BudgetScope, BudgetUnit

AMOUNT = r"^[0-9]{1,16}(\.[0-9]{1,6})?$"
COUNTS = (
    "The workflow's slug, or the name of the provider, secret or model group; empty for all calls."
)


class BudgetShape(serializers.Serializer[Any]):
    """A budget and how full it is now. All amounts are in its unit."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = serializers.ChoiceField(choices=BudgetScope.choices)
    counts = serializers.CharField(allow_blank=True, help_text=COUNTS)
    unit = serializers.ChoiceField(choices=BudgetUnit.choices)
    currency = serializers.CharField(allow_blank=True, help_text="Empty for tokens.")
    period = serializers.ChoiceField(choices=BudgetPeriod.choices)
    amount = serializers.CharField(help_text="The limit.")
    used = serializers.CharField()
    reserved = serializers.CharField(help_text="Held by calls that are under way.")
    left = serializers.CharField()
    percent = serializers.IntegerField(
        help_text="Used of the limit; above 100 without a hard stop."
    )
    refused = serializers.IntegerField(help_text="Calls that did not leave, in this period.")
    state = serializers.ChoiceField(choices=[state.value for state in UseState])
    hard_stop = serializers.BooleanField()
    enabled = serializers.BooleanField()
    since = serializers.CharField()
    until = serializers.CharField(allow_null=True, help_text="When it begins anew.")


class BudgetInput(serializers.Serializer[Any]):
    """What it counts, in what and for how long stays as it is."""

    name = serializers.RegexField(NAME)
    scope = serializers.ChoiceField(choices=BudgetScope.choices, default=BudgetScope.TENANT)
    counts = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, help_text=COUNTS
    )
    unit = serializers.ChoiceField(choices=BudgetUnit.choices, default=BudgetUnit.MONEY)
    amount = serializers.RegexField(AMOUNT)
    currency = serializers.RegexField(
        r"^[A-Z]{3}$",
        required=False,
        default="",
        allow_blank=True,
        help_text="Of money; tokens have none.",
    )
    period = serializers.ChoiceField(choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH)
    hard_stop = serializers.BooleanField(
        default=True, help_text="Calls that would pass it do not leave. Without it, only alerts."
    )


class BudgetChange(serializers.Serializer[Any]):
    amount = serializers.RegexField(AMOUNT, required=False)
    hard_stop = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False, help_text="False ends it.")


class BudgetList(APIView):
    required_permissions = {"get": Permission.RUN_VIEW, "post": Permission.BUDGET_EDIT}

    @extend_schema(operation_id="budgets_list", responses=page_shape(BudgetShape))
    def get(self, request: Request) -> Response:
        """Budgets by name, in pages by key, each with what is used and reserved of it now."""
        rows = Budget.objects.with_scopes()
        page = paging.page(rows, request, order=("name",))
        full = {use.budget.pk: use for use in budget_use.uses(page.items)}
        return page_of(
            rows, request, to_json=lambda row: budget_to_json(full[row.pk]), order=("name",)
        )

    @extend_schema(operation_id="budgets_create", request=BudgetInput, responses={201: BudgetShape})
    @idempotent()
    def post(self, request: Request) -> Response:
        """A budget that counts from now on: what was spent before does not count."""
        facts = _checked(BudgetInput, request)
        facts["amount"] = budgets.to_units(facts["amount"], facts["unit"])
        counted = budget_scopes.find(facts.pop("scope"), facts.pop("counts"))
        budget = budgets.create(by=actor_of(request), **facts, **counted)
        address = reverse("api-workflows:budget", args=[budget.name])
        return Response(
            _shown(budget), status=status.HTTP_201_CREATED, headers={"Location": address}
        )


class BudgetResource(APIView):
    required_permissions = {"get": Permission.RUN_VIEW, "patch": Permission.BUDGET_EDIT}

    @extend_schema(operation_id="budgets_get", responses=BudgetShape)
    def get(self, request: Request, name: str) -> Response:
        return Response(_shown(budgets.get_budget(name)))

    @extend_schema(operation_id="budgets_change", request=BudgetChange, responses=BudgetShape)
    def patch(self, request: Request, name: str) -> Response:
        """Allow more or less, stop calls or only tell, end it or have it count again. The next call goes by it."""
        budget = budgets.get_budget(name)
        facts = _checked(BudgetChange, request)
        if "amount" in facts:
            facts["amount"] = budgets.to_units(facts["amount"], budget.unit)
        return Response(_shown(budgets.change(budget=budget, by=actor_of(request), **facts)))


def budget_to_json(use: Use) -> dict[str, Any]:
    budget = use.budget
    amounts = {
        "amount": budget.amount,
        "used": use.used,
        "reserved": use.reserved,
        "left": use.left,
    }
    return {
        "id": str(budget.pk),
        "name": budget.name,
        "scope": budget.scope,
        "counts": budget.counted_name,
        "unit": budget.unit,
        "currency": budget.currency,
        "period": budget.period,
        **{name: budget_use.to_text(budget, amount) for name, amount in amounts.items()},
        "percent": use.percent,
        "refused": use.refused,
        "state": str(use.state),
        "hard_stop": budget.hard_stop,
        "enabled": budget.enabled,
        "since": to_time(use.since),
        "until": to_time(use.until),
    }


def _shown(budget: Budget) -> dict[str, Any]:
    return budget_to_json(budget_use.uses([budget])[0])


def _checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
