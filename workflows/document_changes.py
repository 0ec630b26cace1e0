"""What changed since a version of this workflow was last approved: texts, definition, places and policies."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q

from compliance.models import PolicyActivation
from workflows import documentation_history, node_behaviour
from workflows.definition import Definition
from workflows.document_facts import Changed, SinceFacts, ToolFacts
from workflows.models import (
    Documentation,
    RegisterEntry,
    RegisterKind,
    VersionState,
    VersionStatus,
    WorkflowVersion,
)
from workflows.providers import register

Named = tuple[str, str]  # kind and name of something in the register
LONGEST_VALUE = 80


def gather(
    version: WorkflowVersion,
    until: Iterable[WorkflowVersion],
    as_of: datetime,
    tools: Iterable[ToolFacts],
    known: register.Known,
) -> SinceFacts | None:
    """None where no version up to this one (`until`, with their statuses) was ever published."""
    approval = _last_approval(until, as_of)
    if approval is None:
        return None
    approval.version.revision.workflow = version.workflow
    found = [
        *_of_definition(version, approval.version),
        *_of_texts(version, approval.created_at, as_of),
        *_of_places(version.revision.definition, tools, known, approval.created_at, as_of),
        *_of_policy(approval.created_at, as_of),
    ]
    return SinceFacts(
        version=approval.version.number,
        at=approval.created_at,
        by=approval.author_name,
        reason=approval.reason,
        changes=tuple(sorted(found, key=lambda change: (change.at, change.what))),
    )


def _last_approval(until: Iterable[WorkflowVersion], as_of: datetime) -> VersionStatus | None:
    published = [
        status
        for version in until
        for status in version.statuses.all()
        if status.state == VersionState.PUBLISHED and status.created_at <= as_of
    ]
    return max(published, key=lambda each: (each.created_at, each.version.number), default=None)


def _of_definition(version: WorkflowVersion, approved: WorkflowVersion) -> Iterator[Changed]:
    if version.pk == approved.pk:
        return
    before = node_behaviour.of_definition(approved.revision.definition)
    after = node_behaviour.of_definition(version.revision.definition)
    told = [
        f"{words} {', '.join(nodes)}"
        for words, nodes in (
            ("added", sorted(after.keys() - before.keys())),
            ("removed", sorted(before.keys() - after.keys())),
            (
                "changed",
                sorted(
                    node for node in after.keys() & before.keys() if after[node] != before[node]
                ),
            ),
        )
        if nodes
    ]
    what = "; ".join(told) or "no change in what its nodes do"
    yield Changed(
        at=version.revision.created_at,
        what=f"Version {version.number} of the definition: {what}",
        by=version.revision.author_name,
        why=version.revision.summary,
    )


def _of_texts(version: WorkflowVersion, since: datetime, until: datetime) -> Iterator[Changed]:
    rows = Documentation.objects.filter(
        workflow=version.workflow_id, created_at__gt=since, created_at__lte=until
    ).order_by("-number")
    for change in documentation_history.changes(list(rows)):
        told = [field.words for field in change.fields]
        told += [f"Text of node {node} found still true" for node in change.confirmed]
        yield Changed(
            at=change.row.created_at,
            what=f"Documentation: {', '.join(told)}",
            by=change.row.author_name,
            why=change.row.reason,
        )


def _of_places(
    definition: Definition,
    tools: Iterable[ToolFacts],
    known: register.Known,
    since: datetime,
    until: datetime,
) -> Iterator[Changed]:
    then = register.find_all(since)
    before = {(str(kind), name): facts for (kind, name), facts in then.items()}
    wanted = Q()
    for kind, name in _used(definition, tools, (then, known)):
        wanted |= Q(kind=kind, name=name)
    entries = RegisterEntry.objects.filter(
        wanted | Q(kind=RegisterKind.CLASS_PLACEMENT),
        created_at__gt=since,
        created_at__lte=until,
    ).order_by("created_at", "id")
    for entry in entries:
        named = (entry.kind, entry.name)
        yield Changed(
            at=entry.created_at,
            what=f"{entry.get_kind_display()} {entry.name}: {_difference(before.get(named), entry.facts)}",
            by=entry.author_name,
            why="",
        )
        before[named] = entry.facts


def _used(
    definition: Definition, tools: Iterable[ToolFacts], moments: Iterable[register.Known]
) -> list[Named]:
    """What calls of this definition may reach, at the beginning or at the end of the time."""
    used: set[Named] = {(RegisterKind.MODEL_GROUP, name) for name in definition.model_groups}
    for known in moments:
        for group in definition.model_groups:
            members = known.get((RegisterKind.MODEL_GROUP, group), {})
            for deployment in members.get("deployments", ()):
                facts = known.get((RegisterKind.DEPLOYMENT, deployment), {})
                used.add((RegisterKind.DEPLOYMENT, deployment))
                used.add((RegisterKind.PROVIDER, str(facts.get("provider") or "")))
    used |= {(tool.place.kind, tool.place.name) for tool in tools if tool.place is not None}
    return sorted(used)


def _difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    if before is None:
        return "new"
    told = [
        f"{name.replace('_', ' ')} {_value(before.get(name))} → {_value(after.get(name))}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return ", ".join(told) or "the same"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "none"
    text = "none" if value in (None, "", {}) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _of_policy(since: datetime, until: datetime) -> Iterator[Changed]:
    activations = PolicyActivation.objects.filter(at__gt=since, at__lte=until)
    for each in activations.select_related("snapshot").order_by("number"):
        yield Changed(
            at=each.at,
            what=f"Policy {each.snapshot.number} came into force",
            by="",
            why=each.reason,
        )
