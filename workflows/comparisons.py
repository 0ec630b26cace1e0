"""Two revisions of a workflow side by side: what changed in words, around them, as a risk, and line by line."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.timezone import now

from workflows import closures, governance
from workflows.definition import Definition
from workflows.difference_drawing import MarkedGraph, draw
from workflows.differences import Change, Difference, compare, surroundings
from workflows.differences.placed import by_id
from workflows.differences.risk import Risk, assess
from workflows.errors import GraphHasCycle, GraphIsBroken, SideUnknown
from workflows.models import DefinitionRevision, VersionState, Workflow, WorkflowVersion

_NAME = re.compile(r"(r?)([1-9][0-9]{0,8})")
MOST_LINES = 4_000


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two. `name` is “3” for a version, “r5” for a revision."""

    revision: DefinitionRevision
    version: WorkflowVersion | None

    @property
    def name(self) -> str:
        return str(self.version.number) if self.version else f"r{self.revision.number}"

    @property
    def words(self) -> str:
        return str(self.version or self.revision)

    @cached_property
    def is_readable(self) -> bool:
        """Whether it is a definition with graphs that can be walked: a draft with errors may be none."""
        if not self.revision.digest:
            return False
        try:
            return bool(by_id(self.revision.definition))
        except (GraphIsBroken, GraphHasCycle):
            return False

    @cached_property
    def moment(self) -> datetime:
        """When it was last published, for that is how people knew it; now, for what never was."""
        if self.version is None:
            return now()
        published = self.version.statuses.filter(state=VersionState.PUBLISHED)
        moment = published.order_by("-number").values_list("created_at", flat=True).first()
        return moment or now()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """From one side, or from nothing, to the other."""

    before: Side | None
    after: Side
    may_read: bool = True  # content: the texts of prompts, and the lines that they stand in

    @cached_property
    def is_readable(self) -> bool:
        return self.after.is_readable and (self.before is None or self.before.is_readable)

    @cached_property
    def difference(self) -> Difference:
        return compare(self._old, self._new)

    @cached_property
    def behaviour(self) -> tuple[Change, ...]:
        """What may make a run go another way, as far as whoever asks may read it."""
        found = self.difference.behaviour
        return found if self.may_read else tuple(change.masked() for change in found)

    @cached_property
    def around(self) -> tuple[Change, ...]:
        """What changed in what it leads to, from the moment of the one to that of the other."""
        after = closures.gather(self._new, self.after.moment)
        if self.before is None or self._old is None:
            return surroundings.compare(surroundings.Surroundings(policy=after.policy), after)
        return surroundings.compare(closures.gather(self._old, self.before.moment), after)

    @cached_property
    def risk(self) -> Risk:
        return assess(
            before=self._old,
            after=self._new,
            difference=self.difference,
            around=self.around,
            rules=governance.current(),
        )

    @cached_property
    def graphs(self) -> tuple[MarkedGraph, ...]:
        return draw(self._old, self._new, self.difference)

    @cached_property
    def lines(self) -> Sequence[str]:
        """A unified difference of the texts as they were typed; none for who may not read content."""
        if not self.may_read:
            return ()
        old = self.before.revision.source.splitlines() if self.before else []
        new = self.after.revision.source.splitlines()
        before = self.before.words if self.before else "nothing"
        found = difflib.unified_diff(old, new, before, self.after.words, lineterm="")
        return list(found)[:MOST_LINES]

    @cached_property
    def _old(self) -> Definition | None:
        return self.before.revision.definition if self.before else None

    @cached_property
    def _new(self) -> Definition:
        return self.after.revision.definition


def of_names(workflow: Workflow, before: str, after: str, *, may_read: bool = True) -> Comparison:
    """By the names of its sides; empty: from the published version, to the newest revision. Raises SideUnknown."""
    newer = _find(workflow, after) if after else newest(workflow)
    older = _find(workflow, before) if before else published(workflow)
    return Comparison(before=older, after=newer, may_read=may_read)


def of_version(version: WorkflowVersion) -> Comparison:
    """Against the published version, or the one published last before it: what a reviewer has to judge."""
    older = published(version.workflow)
    if older is not None and older.version == version:
        older = None
    return Comparison(before=older, after=Side(revision=version.revision, version=version))


def published(workflow: Workflow) -> Side | None:
    """The published version, else the one that was published last, else nothing."""
    rows = WorkflowVersion.objects.filter(workflow=workflow).select_related("revision__workflow")
    if workflow.published_id:
        rows = rows.filter(pk=workflow.published_id)
    else:
        once = rows.filter(statuses__state=VersionState.PUBLISHED)
        rows = once.order_by("-statuses__created_at")
    version = rows.first()
    return Side(revision=version.revision, version=version) if version is not None else None


def newest(workflow: Workflow) -> Side:
    """The head revision, as a version where it is numbered. Raises SideUnknown."""
    if workflow.head is None:
        raise SideUnknown("Nothing was saved of this workflow yet.")
    return _side(workflow.head)


def _find(workflow: Workflow, name: str) -> Side:
    found = _NAME.fullmatch(name)
    if found is None:
        raise SideUnknown(f"“{name}” is neither a version (3) nor a revision (r5).")
    number = int(found[2])
    if found[1]:
        revision = workflow.revisions.select_related("workflow").filter(number=number).first()
        if revision is None:
            raise SideUnknown(f"There is no revision {number} of this workflow.")
        return _side(revision)
    versions = WorkflowVersion.objects.filter(workflow=workflow, number=number)
    version = versions.select_related("revision__workflow").first()
    if version is None:
        raise SideUnknown(f"There is no version {number} of this workflow.")
    return Side(revision=version.revision, version=version)


def _side(revision: DefinitionRevision) -> Side:
    return Side(
        revision=revision, version=WorkflowVersion.objects.filter(revision=revision).first()
    )
