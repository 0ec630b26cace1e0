"""Where a run comes from and what came of it: parent, child runs, the run it was forked from, its forks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from runs.models import Run, RunPurpose

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """How many child runs are in each state; the first few of them as links."""

    states: Sequence[tuple[str, int]]
    first: Sequence[Run]

    @property
    def count(self) -> int:
        return sum(number for _, number in self.states)

    @property
    def more(self) -> int:
        return self.count - len(self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    parent: Run | None
    root: Run | None  # where it is not the parent
    forked_from: Run | None
    children: Children
    forks: Sequence[Run]

    @property
    def is_alone(self) -> bool:
        return not (self.parent or self.forked_from or self.children.count or self.forks)


def family_of(run: Run, *, has_children: bool) -> Family:
    """In four statements at most; runs that were disposed of are named, too."""
    elders = _elders(run)
    return Family(
        parent=elders.get(run.parent_run_id),
        root=elders.get(run.root_run_id) if run.root_run_id != run.parent_run_id else None,
        forked_from=elders.get(run.forked_from_id),
        children=_children(run) if has_children else Children(states=(), first=()),
        forks=list(_named(run.forks.order_by("-id"))[:SHOWN]),
    )


def _elders(run: Run) -> dict[Any, Run]:
    ids = {each for each in (run.parent_run_id, run.root_run_id, run.forked_from_id) if each}
    ids.discard(run.pk)
    return {each.pk: each for each in _named(Run.objects.filter(pk__in=ids))} if ids else {}


def _children(run: Run) -> Children:
    if run.purpose == RunPurpose.REPLAY:
        return Children(states=(), first=())
    counted = run.children.order_by().values_list("status").annotate(Count("id"))
    states = sorted(counted)
    first = list(_named(run.children.order_by("id"))[:SHOWN]) if states else []
    return Children(states=states, first=first)


def _named(runs: Any) -> Any:
    return runs.select_related("workflow", "version").defer(
        "input_sealed", "output_sealed", "response_sealed", "manifest", "labels"
    )
