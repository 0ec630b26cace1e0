"""Where data goes, in words: which class reaches which nodes, where it leaves to, and what may see it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from compliance.labels import DataClass
from workflows.document_facts import DocumentFacts, PlacementFacts
from workflows.document_marks import plain, table

HEADS = ("From node", "Class", "To", "Region", "Runs", "Allowed by clearance")


def write(facts: DocumentFacts) -> Iterator[str]:
    """What comes in, what it can reach, where it leaves to, and where each class may go."""
    tags = sorted(
        {
            str(tag)
            for node in facts.nodes
            for tag in (node.spec.get("labels") or {}).get("tags", [])
        }
    )
    marked = f", marked {', '.join(plain(tag) for tag in tags)}" if tags else ""
    yield (
        f"What comes in is **{facts.data_class.word}**{marked}. The class is carried along to whatever reads it "
        "and never lowered on the way; marks are taken off only where a node masks what they stand for."
    )
    yield table(("Class", "Marks", "Can reach the nodes"), list(_reach(facts)))
    classes = {node: each.data_class for each in facts.flow for node in each.nodes}
    rows = [*_to_models(facts, classes), *_to_tools(facts, classes)]
    yield table(HEADS, rows) if rows else "Nothing leaves Grove."
    yield from _placements(facts.placements)


def _reach(facts: DocumentFacts) -> Iterator[Sequence[str]]:
    for each in facts.flow:
        nodes = ", ".join(f"`{node}`" for node in each.nodes)
        yield each.data_class.word, ", ".join(plain(tag) for tag in each.tags) or "none", nodes


def _to_models(facts: DocumentFacts, classes: Mapping[str, DataClass]) -> Iterator[tuple[str, ...]]:
    for node in facts.nodes:
        for each in facts.groups.get(str(node.spec.get("model_group")), ()):
            yield _leaving(
                node.id,
                classes[node.id],
                to=each.provider,
                region=each.region,
                is_external=each.is_external,
                clearance=each.clearance,
            )


def _to_tools(facts: DocumentFacts, classes: Mapping[str, DataClass]) -> Iterator[tuple[str, ...]]:
    for tool in facts.tools:
        if tool.place is not None:
            yield _leaving(
                tool.node,
                classes[tool.node],
                to=tool.place.title or tool.place.name,
                region=tool.place.region,
                is_external=tool.place.is_external,
                clearance=tool.place.clearance,
            )


def _leaving(
    node: str,
    data_class: DataClass,
    *,
    to: str,
    region: str,
    is_external: bool,
    clearance: DataClass,
) -> tuple[str, ...]:
    return (
        f"`{node}`",
        data_class.word,
        plain(to),
        plain(region) or "unknown",
        "outside" if is_external else "inside",
        "yes" if clearance >= data_class else f"refused: may see up to {clearance.word}",
    )


def _placements(placements: Sequence[PlacementFacts]) -> Iterator[str]:
    if not placements:
        return
    yield "Whatever the clearance says, these classes, and those above them without a line of their own, go only here:"
    rows = [
        (
            each.data_class.word,
            plain(", ".join(each.regions)) or "any",
            plain(", ".join(each.providers)) or "any",
        )
        for each in placements
    ]
    yield table(("Class", "Regions", "Providers"), rows)
