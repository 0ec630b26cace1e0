"""Which runs were executed under which state of a workflow's document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from runs.models import Run
from tenancy.models import first_id
from workflows import document_states
from workflows.document_states import State
from workflows.models import Workflow, WorkflowVersion

COUNTED_UP_TO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A state of the document, and how many runs were started under it: counted so far and no further."""

    state: State
    count: int

    @property
    def is_capped(self) -> bool:
        return self.count > COUNTED_UP_TO


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`next_before` is where the older ones begin."""

    executed: Sequence[Executed]
    next_before: datetime | None


def find(workflow: Workflow, *, before: datetime | None = None) -> Page:
    """The states of the document, newest first, each with its runs."""
    states, next_before = document_states.states(workflow, before=before)
    executed = [
        Executed(
            state=state,
            count=between(state.version, state.since, state.until)
            .order_by()
            .values("pk")[: COUNTED_UP_TO + 1]
            .count(),
        )
        for state in states
    ]
    return Page(executed=executed, next_before=next_before)


def between(
    version: WorkflowVersion, since: datetime | None, until: datetime | None
) -> QuerySet[Run]:
    """The runs of a version that were started from one moment on, before another. Compared by the millisecond."""
    runs: QuerySet[Run] = Run.objects.filter(workflow_id=version.workflow_id, version=version)
    if since is not None:
        runs = runs.filter(id__gte=first_id(since))
    if until is not None:
        runs = runs.filter(id__lt=first_id(until))
    return runs
