"""How forks, replays and comparisons look from outside, and what may be asked."""

from typing import Any

from rest_framework import serializers

from runs.comparison import Comparison, Pair, Side
from runs.models import RunPurpose
from tenancy.api.rows import TimeField
from tenancy.api.shapes import Amount
from tenancy.money import to_money

AT = "The first node that runs anew: its id, or the path of an instance in a body (each_claim[3].draft)."
VERSION = "A version of the same workflow; the run's own when left out."


class ForkAsked(serializers.Serializer[Any]):
    """What forks a run."""

    at = serializers.CharField(max_length=200, help_text=AT)
    version = serializers.IntegerField(required=False, min_value=1, help_text=VERSION)
    confirm = serializers.BooleanField(
        required=False, default=False, help_text="Yes, do again outside what the plan lists."
    )
    reason = serializers.CharField(
        required=False,
        default="",
        max_length=1000,
        allow_blank=True,
        help_text="Why, where something is done again outside. No personal data: it stays on record.",
    )
    purpose = serializers.ChoiceField(
        required=False, default="", choices=[RunPurpose.WORK.value, RunPurpose.WHAT_IF.value]
    )


class SideEffectShown(serializers.Serializer[Any]):
    """A call that had an effect outside, or may have had."""

    call = serializers.UUIDField(source="call_id")
    run = serializers.UUIDField(source="run_id")
    node = serializers.CharField()
    tool = serializers.CharField()
    destination = serializers.CharField()
    status = serializers.CharField()
    at = TimeField()


class ForkProblem(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()


class ForkPlanShown(serializers.Serializer[Any]):
    """Nodes by id, those in bodies by path, in the order of the graph."""

    at = serializers.CharField()
    version = serializers.IntegerField(source="version_number")
    reused = serializers.ListField(child=serializers.CharField())
    run_again = serializers.ListField(child=serializers.CharField())
    side_effects = SideEffectShown(many=True)
    needs_confirmation = serializers.BooleanField()
    problems = ForkProblem(many=True)


class ReplayAsked(serializers.Serializer[Any]):
    """Nothing: the run as it was. Each of these asks what if."""

    version = serializers.IntegerField(required=False, min_value=1, help_text=VERSION)
    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="A revision instead, such as the draft."
    )
    policy = serializers.IntegerField(
        required=False, min_value=1, help_text="The number of a policy snapshot."
    )
    model_groups = serializers.DictField(
        required=False,
        child=serializers.ListField(child=serializers.CharField(max_length=200), allow_empty=False),
        help_text="Model groups, each with deployments in the order in which they would be asked.",
    )


class NodeReplayShown(serializers.Serializer[Any]):
    node = serializers.CharField(help_text="Its path; after a slash, inside of a child run.")
    run = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=["same", "differs", "not_reached", "reused"])
    code = serializers.CharField(help_text="Why it is not the same, for programs.")
    why = serializers.CharField(help_text="The same, for people.")
    recorded = serializers.CharField()
    replayed = serializers.CharField()


class DecisionChangeShown(serializers.Serializer[Any]):
    decision = serializers.UUIDField()
    node = serializers.CharField()
    attempt = serializers.IntegerField()
    resource = serializers.CharField()
    change = serializers.ChoiceField(choices=["newly_denied", "newly_allowed", "modified"])
    before = serializers.CharField()
    after = serializers.CharField()
    reason = serializers.CharField()
    policies = serializers.ListField(child=serializers.CharField())


class ReplayShown(serializers.Serializer[Any]):
    run = serializers.UUIDField()
    version = serializers.IntegerField(allow_null=True, help_text="Null for a draft.")
    revision = serializers.IntegerField()
    policy = serializers.IntegerField()
    result = serializers.ChoiceField(choices=["same", "differs"])
    first = NodeReplayShown(allow_null=True, help_text="The first node that is not the same.")
    recorded_status = serializers.CharField()
    replayed_status = serializers.CharField(help_text="Empty where the record carries no further.")
    output_same = serializers.BooleanField(allow_null=True)
    output_recorded = serializers.CharField()
    output_replayed = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    nodes = NodeReplayShown(many=True)
    decisions = DecisionChangeShown(many=True)


class ComparedWith(serializers.Serializer[Any]):
    other = serializers.UUIDField()
    cursor = serializers.IntegerField(required=False, min_value=0, default=0)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=200)


class SideShown(serializers.Serializer[Any]):
    execution = serializers.UUIDField()
    status = serializers.CharField()
    attempts = serializers.IntegerField()
    seconds = serializers.FloatField(allow_null=True)
    cost = Amount()
    error_code = serializers.CharField()
    branch = serializers.CharField()
    taken_over = serializers.BooleanField(help_text="From the run that this one was forked from.")


class PairShown(serializers.Serializer[Any]):
    node = serializers.CharField()
    kind = serializers.CharField()
    differs = serializers.BooleanField()
    output_same = serializers.BooleanField(
        allow_null=True, help_text="Null: nobody can say, or you may not read it."
    )
    left = SideShown(allow_null=True)
    right = SideShown(allow_null=True)


class ComparisonShown(serializers.Serializer[Any]):
    """The left run is the one in the address. Nodes come in the order of its graph, page by page."""

    left = serializers.UUIDField()
    right = serializers.UUIDField()
    first = serializers.CharField(
        allow_null=True,
        help_text="The first node that differs; null where none of the first 1,000 does that may.",
    )
    total = serializers.IntegerField(help_text="How many nodes both runs have together.")
    input_same = serializers.BooleanField(allow_null=True)
    output_same = serializers.BooleanField(allow_null=True)
    nodes = PairShown(many=True)
    next_cursor = serializers.IntegerField(
        allow_null=True, help_text="For the page that follows; null on the last one."
    )


def comparison_to_json(found: Comparison, *, cursor: int, limit: int) -> dict[str, Any]:
    """The nodes from this place on."""
    differing, _ = found.look(most=1)
    end = cursor + limit
    return {
        "left": str(found.left.pk),
        "right": str(found.right.pk),
        "first": differing[0].node if differing else None,
        "total": len(found.nodes),
        "input_same": found.input_same,
        "output_same": found.output_same,
        "nodes": [_pair_to_json(pair, found) for pair in found.read(found.nodes[cursor:end])],
        "next_cursor": end if end < len(found.nodes) else None,
    }


def _pair_to_json(pair: Pair, found: Comparison) -> dict[str, Any]:
    return {
        "node": pair.node,
        "kind": pair.kind,
        "differs": pair.differs,
        "output_same": pair.output_same,
        "left": _side_to_json(pair.left, found.left.currency),
        "right": _side_to_json(pair.right, found.right.currency),
    }


def _side_to_json(side: Side | None, currency: str) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "execution": str(side.execution_id),
        "status": side.status,
        "attempts": side.attempts,
        "seconds": side.seconds,
        "cost": to_money(side.cost_micros, currency),
        "error_code": side.error_code,
        "branch": side.branch,
        "taken_over": side.taken_over,
    }
