"""What a run has touched so far: gathered for a decision, counted on once a call is allowed."""

from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from compliance.labels import Labels
from compliance.policy.facts import Facts
from runs.models import RunFacts

NO_BUDGET_MICROS = 10**15  # a run without a budget: more than anything costs
MORE_THAN_ANYTHING_MICROS = NO_BUDGET_MICROS + 1  # where a price is not known


def gather(
    sofar: RunFacts,
    *,
    labels: Labels,
    estimate_micros: int,
    carried_out: frozenset[str],
    approved: frozenset[str] = frozenset(),
    declared: bool = True,
) -> Facts:
    """The facts of one action, with the calls in flight counted in. `approved`: the roles that approved exactly it.

    `declared`: the definition names what is called, and the tenant has declared the place where it acts.
    """
    budget = NO_BUDGET_MICROS if sofar.budget_micros is None else sofar.budget_micros
    return Facts(
        max_class=int(labels.data_class),
        integrity=int(labels.integrity),
        tags=labels.tags,
        residency=labels.residency,
        declared=declared,
        est_cost_micros=estimate_micros,
        budget_left_micros=budget - sofar.spent_micros - sofar.reserved_micros,
        today=now().date(),
        calls=sofar.calls,
        model_calls=sofar.model_calls,
        spent_micros=sofar.spent_micros,
        approvals=approved,
        transforms=carried_out,
        run_max_class=sofar.max_class,
        run_tags=frozenset(sofar.tags),
        tools_used=frozenset(sofar.tools_used),
        destinations=frozenset(sofar.destinations),
    )


def touch(
    sofar: RunFacts, *, labels: Labels, destination: str, reserved_micros: int, tool: str = ""
) -> None:
    """What the run has touched from now on, with this call of a model or tool in flight. Nothing is saved here."""
    sofar.max_class = max(sofar.max_class, int(labels.data_class))
    sofar.tags = sorted({*sofar.tags, *labels.tags})
    sofar.destinations = sorted({*sofar.destinations, destination})
    sofar.calls += 1
    sofar.in_flight += 1
    sofar.reserved_micros += reserved_micros
    if tool:
        sofar.tools_used = sorted({*sofar.tools_used, tool})
    else:
        sofar.model_calls += 1


@transaction.atomic
def note_read(root_run_id: UUID, labels: Labels) -> None:
    """What came back was more than what was sent: from now on the run has touched that, too."""
    sofar = RunFacts.objects.select_for_update().get(root_run_id=root_run_id)
    sofar.max_class = max(sofar.max_class, int(labels.data_class))
    sofar.tags = sorted({*sofar.tags, *labels.tags})
    sofar.save(update_fields=["max_class", "tags"])
