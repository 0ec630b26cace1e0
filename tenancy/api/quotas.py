"""What this host's tenant may use, and what it has used."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import access, quotas
from tenancy.api.pages import page_of
from tenancy.api.shapes import Amount, page_shape, to_time
from tenancy.models import MoneyPeriod, Quota, WhenFull
from tenancy.money import to_micros, to_money
from tenancy.permissions import Permission
from tenancy.quotas import Limits, Use

RUNS: dict[str, Any] = {
    "min_value": 0,
    "max_value": quotas.MOST_RUNS,
    "allow_null": True,
    "default": None,
}


class MoneyLimit(Amount):
    period = serializers.ChoiceField(choices=MoneyPeriod.choices)


class LimitsShape(serializers.Serializer[Any]):
    """Null is no limit."""

    concurrent_runs = serializers.IntegerField(
        **RUNS, help_text="Runs that wait for a worker or have one. A parked run takes no place."
    )
    when_full = serializers.ChoiceField(
        choices=WhenFull.choices,
        default=WhenFull.REFUSE,
        help_text="A start beyond `concurrent_runs` is refused with 429, or waits for a place.",
    )
    runs_per_hour = serializers.IntegerField(
        **RUNS, help_text="Starts between one full hour and the next, UTC. Child runs are none."
    )
    money = MoneyLimit(
        allow_null=True,
        default=None,
        help_text="Spent and reserved by runs, tests and probes from midnight, or the first of the month, UTC.",
    )


class QuotaInput(LimitsShape):
    """All limits, as they shall be from now on."""

    reason = serializers.CharField(max_length=quotas.LONGEST_REASON)


class AuthorShape(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.CharField()


class QuotaShape(LimitsShape):
    """One revision of the limits. Number 0 is that of a tenant for which none were set."""

    number = serializers.IntegerField()
    reason = serializers.CharField()
    set_by = AuthorShape(allow_null=True)
    set_at = serializers.CharField(allow_null=True)


class RunsUsed(serializers.Serializer[Any]):
    used = serializers.IntegerField()
    limit = serializers.IntegerField(allow_null=True)
    frees_at = serializers.CharField(
        allow_null=True, help_text="Null: as soon as one of the runs ends."
    )


class MoneyUsed(serializers.Serializer[Any]):
    used = Amount()
    limit = Amount(allow_null=True)
    period = serializers.ChoiceField(choices=MoneyPeriod.choices)
    frees_at = serializers.CharField()


class InUseShape(serializers.Serializer[Any]):
    concurrent_runs = RunsUsed()
    runs_per_hour = RunsUsed()
    money = MoneyUsed(many=True, help_text="One for each currency.")


class QuotasShape(serializers.Serializer[Any]):
    in_force = QuotaShape()
    in_use = InUseShape()


class Quotas(APIView):
    """The limits in force, and what is used of them."""

    required_permissions = {"get": Permission.TENANT_VIEW, "put": Permission.TENANT_ADMIN}

    @extend_schema(operation_id="quotas_get", responses=QuotasShape)
    def get(self, request: Request) -> Response:
        return Response(_shown())

    @extend_schema(operation_id="quotas_set", request=QuotaInput, responses=QuotasShape)
    def put(self, request: Request) -> Response:
        """Put other limits in force. Runs that have begun go on."""
        serializer = QuotaInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        money = wanted["money"]
        quotas.set_limits(
            limits=Limits(
                concurrent_runs=wanted["concurrent_runs"],
                when_full=wanted["when_full"],
                runs_per_hour=wanted["runs_per_hour"],
                money_micros=to_micros(money["amount"]) if money else None,
                money_currency=money["currency"] if money else "",
                money_period=money["period"] if money else "",
            ),
            reason=wanted["reason"],
            by=access.actor_of(request),
        )
        return Response(_shown())


class QuotaRevisions(APIView):
    """Every revision of the limits, newest first."""

    required_permissions = {"get": Permission.TENANT_VIEW}

    @extend_schema(operation_id="quota_revisions_list", responses=page_shape(QuotaShape))
    def get(self, request: Request) -> Response:
        return page_of(Quota.objects.all(), request, to_json=quota_to_json)


def _shown() -> dict[str, Any]:
    quota = quotas.find_quota()
    concurrent, hourly, *money = quotas.in_use(quotas.limits_of(quota))
    return {
        "in_force": quota_to_json(quota),
        "in_use": {
            "concurrent_runs": _runs_used(concurrent),
            "runs_per_hour": _runs_used(hourly),
            "money": [_money_used(use) for use in money],
        },
    }


def quota_to_json(quota: Quota | None) -> dict[str, Any]:
    limits = quotas.limits_of(quota)
    money = None
    if limits.money_micros is not None:
        money = to_money(limits.money_micros, limits.money_currency)
        money["period"] = limits.money_period
    return {
        "concurrent_runs": limits.concurrent_runs,
        "when_full": limits.when_full,
        "runs_per_hour": limits.runs_per_hour,
        "money": money,
        "number": quota.number if quota else 0,
        "reason": quota.reason if quota else "",
        "set_by": {"kind": quota.author_kind, "id": quota.author_id} if quota else None,
        "set_at": to_time(quota.created_at) if quota else None,
    }


def _runs_used(use: Use) -> dict[str, Any]:
    return {"used": use.used, "limit": use.limit, "frees_at": to_time(use.frees_at)}


def _money_used(use: Use) -> dict[str, Any]:
    return {
        "used": to_money(max(0, use.used), use.currency),
        "limit": None if use.limit is None else to_money(use.limit, use.currency),
        "period": use.period,
        "frees_at": to_time(use.frees_at),
    }
