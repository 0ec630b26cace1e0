"""What calls cost, for programs."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs import costs
from runs.cost_forms import CostsForm
from runs.costs import Asked, Line
from runs.errors import CostsInvalid
from tenancy.api.shapes import Amount
from tenancy.money import to_money
from tenancy.permissions import Permission

WHAT = (
    "The first day, UTC; without it the first of the month.",
    "The last day, UTC, itself among them; without it today.",
    "Only calls of this workflow's runs, by its slug.",
)


class CostSumShape(serializers.Serializer[Any]):
    """Settled calls and what they come to, in one currency."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Failed, interrupted, or answered too late.")
    tokens_in = serializers.IntegerField()
    tokens_out = serializers.IntegerField()
    cost = Amount()


class CostLineShape(CostSumShape):
    key = serializers.CharField(
        help_text="A day, a workflow's slug, a node, a run's id, or the name of what was asked for; "
        "empty for calls without a stored secret."
    )


class CostOutsideShape(CostSumShape):
    cost = Amount(allow_null=True, help_text="Null of those whose price was not known.")


class CostsShape(serializers.Serializer[Any]):
    """Lines, dearest first, and what all others come to: together they make the totals.

    `outside` are tests of deployments and probes: no calls of runs, so no part of the totals.
    """

    since = serializers.DateField()
    until = serializers.DateField()
    by = serializers.ChoiceField(choices=tuple(costs.GROUPS))
    items = CostLineShape(many=True)
    others = CostSumShape(many=True)
    totals = CostSumShape(many=True)
    outside = CostOutsideShape(many=True)


class Costs(APIView):
    """The sums of the page, from the same statements."""

    required_permissions = {"get": Permission.RUN_VIEW}

    @extend_schema(
        operation_id="costs_get",
        parameters=[
            OpenApiParameter("since", {"type": "string", "format": "date"}, description=WHAT[0]),
            OpenApiParameter("until", {"type": "string", "format": "date"}, description=WHAT[1]),
            OpenApiParameter(
                "by",
                enum=tuple(costs.GROUPS),
                description="Put together by this; by workflow when left out.",
            ),
            OpenApiParameter("workflow", description=WHAT[2]),
        ],
        responses=CostsShape,
    )
    def get(self, request: Request) -> Response:
        """What calls cost from day to day: at most 366 days, by run at most 31; at most 200 lines."""
        form = CostsForm(request.query_params)
        if not form.is_valid():
            name, sentences = next(iter(form.errors.items()))
            about = "" if name == "__all__" else f"{name}: "
            raise CostsInvalid(f"{about}{sentences[0]}")
        asked: Asked = form.cleaned_data["asked"]
        told = costs.report(asked)
        return Response(
            {
                "since": asked.since.isoformat(),
                "until": asked.until.isoformat(),
                "by": asked.by,
                "items": [{"key": line.key} | sum_to_json(line) for line in told.lines],
                "others": [sum_to_json(line) for line in told.others],
                "totals": [sum_to_json(line) for line in told.totals],
                "outside": [_outside_to_json(line) for line in told.outside],
            }
        )


def sum_to_json(line: Line) -> dict[str, Any]:
    return {
        "calls": line.calls,
        "failed": line.failed,
        "tokens_in": line.tokens_in,
        "tokens_out": line.tokens_out,
        "cost": to_money(line.cost_micros, line.currency),
    }


def _outside_to_json(line: Line) -> dict[str, Any]:
    return sum_to_json(line) if line.currency else {**sum_to_json(line), "cost": None}
