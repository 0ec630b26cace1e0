"""What a tenant has that a node may name, with the reason where it may not be used for what reaches the node."""

from dataclasses import dataclass

from compliance.labels import Labels
from tenancy.errors import GroveError
from workflows import definitions
from workflows.checks import reach
from workflows.dataflow import Flow, flow_of
from workflows.field_plans import Offers
from workflows.models import DefinitionRevision, Workflow
from workflows.tools import registry

MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """What can reach a node at most, in words, and the nodes that it comes through."""

    words: str
    way: tuple[str, ...]


def find(*, workflow: Workflow, revision: DefinitionRevision, node: str, kind: str) -> Offers:
    """The choices for a node of this kind."""
    if kind == "llm":
        return Offers(model_groups=_groups(revision, node))
    if kind in ("tool", "callback", "code"):
        return Offers(tools={name: name.replace("_", " ") for name in registry.TOOLS})
    if kind == "sub_workflow":
        return Offers(versions=_versions(workflow))
    return Offers()


def find_reaching(revision: DefinitionRevision, node: str) -> Reaching | None:
    """None while the draft has errors: what flows can only be followed through a sound one."""
    flow = _flow(revision)
    if flow is None or node not in flow.into:
        return None
    highest = flow.into[node].data_class
    way = flow.way(node, lambda labels: labels.data_class >= highest)
    return Reaching(words=reach.described(flow.into[node]), way=way)


def _groups(revision: DefinitionRevision, node: str) -> dict[str, str]:
    """Groups stay visible where a member may not see what reaches the node: the words say why."""
    known = definitions.register()
    flow = _flow(revision)
    labels: Labels | None = flow.into.get(node) if flow else None
    found = {}
    for group in sorted(known.groups):
        refusal = reach.find_refusal(group, labels, known) if labels is not None else ""
        found[group] = f"{group} (not for this data: {refusal})" if refusal else group
    return found


def _flow(revision: DefinitionRevision) -> Flow | None:
    if not revision.digest:
        return None
    try:
        return flow_of(revision.definition, definitions.register().answer_classes)
    except (GroveError, KeyError):  # a draft whose edges or names lead nowhere
        return None


def _versions(workflow: Workflow) -> dict[str, str]:
    """Published versions of the other workflows."""
    rows = (
        Workflow.objects.living()
        .filter(published__isnull=False)
        .exclude(pk=workflow.pk)
        .select_related("published")
    )
    return {
        f"{row.slug}@{row.published.number}": f"{row.title}, version {row.published.number}"
        for row in rows[:MOST_VERSIONS]
        if row.published is not None
    }
