"""What a tenant has that a node may name, with the reason where it may not be used for what reaches the node."""

from tenancy.errors import GroveError
from workflows import definitions
from workflows.checks import reach
from workflows.dataflow import Flow, flow_of
from workflows.field_plans import Offers, Reaching
from workflows.models import DefinitionRevision, Workflow
from workflows.tools import registry

MOST_VERSIONS = 200


def find(*, workflow: Workflow, revision: DefinitionRevision, node: str, kind: str) -> Offers:
    """The choices for a node of this kind."""
    if kind == "llm":
        return _of_model(revision, node)
    if kind in ("tool", "callback", "code"):
        return Offers(tools={name: name.replace("_", " ") for name in registry.TOOLS})
    if kind == "sub_workflow":
        return Offers(versions=_versions(workflow))
    return Offers()


def _of_model(revision: DefinitionRevision, node: str) -> Offers:
    """Groups stay visible where a member may not see what reaches the node: the words say why."""
    known = definitions.register()
    flow = _flow(revision, known)
    labels = flow.into.get(node) if flow else None
    found = {}
    for group in sorted(known.groups):
        refusal = reach.find_refusal(group, labels, known) if labels is not None else ""
        found[group] = f"{group} (not for this data: {refusal})" if refusal else group
    if flow is None or labels is None:
        return Offers(model_groups=found)
    highest = labels.data_class
    way = flow.way(node, lambda reaching: reaching.data_class >= highest)
    return Offers(model_groups=found, reaching=Reaching(words=reach.described(labels), way=way))


def _flow(revision: DefinitionRevision, known: reach.Register) -> Flow | None:
    if not revision.digest:
        return None
    try:
        return flow_of(revision.definition, known.answer_classes)
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
