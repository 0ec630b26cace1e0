"""What the editor of a draft shows: outline, picture, form of the selected node, checks. Only reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from workflows import (
    drafts,
    field_plans,
    form_fields,
    node_form,
    node_tree,
    offers,
    outline,
    pasted,
    source_parts,
)
from workflows.definition_schema import ONLY_OUTSIDE
from workflows.drawing import GraphPicture, NodeLook, draw_graph
from workflows.errors import SourceUnreadable
from workflows.form_fields import State
from workflows.models import DefinitionRevision, Workflow
from workflows.node_tree import Spot
from workflows.nodes import KINDS
from workflows.source import Media

MOST_GAPS = 2  # nodes without a description that are named one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to mend or to look at, and where: the address of its field."""

    href: str
    where: str
    sentence: str
    is_error: bool
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One list of nodes as a picture; the body of `name`, or the whole workflow."""

    graph: GraphPicture
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks the page to show. `sent` is a form as it was typed, shown again with its errors."""

    node: str = ""
    adds: bool = False
    sent: State | None = None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    refusal: str = ""
    base: DefinitionRevision | None = (
        None  # what the form began from, where that is not the draft any more
    )
    check: int = -1


def spec_of(revision: DefinitionRevision) -> Any:
    """What a revision says as plain values; an empty mapping where its text cannot be read."""
    if revision.digest:
        return revision.spec
    media: Media = "json" if revision.media == "json" else "yaml"
    try:
        value = source_parts.read(revision.source, media).value
    except SourceUnreadable:
        return {}
    return value if isinstance(value, dict) else {}


def context(workflow: Workflow, head: DefinitionRevision, asked: Asked) -> dict[str, Any]:
    spec = spec_of(head)
    problems = head.problems
    shown_from = asked.base or head
    form_spec = spec if asked.base is None else spec_of(asked.base)
    spot = node_tree.find(form_spec, asked.node)
    checks = _checks(problems, spec)
    troubles = _troubles(problems)
    way = _way(problems, asked)
    return {
        "workflow": workflow,
        "revision": head,
        "base": shown_from,
        "tab": "edit",
        "node": asked.node if spot else "",
        "rows": outline.rows(spec, selected=asked.node, troubles=troubles),
        "pictures": _pictures(spec, asked.node, troubles, way),
        "checks": checks,
        "errors_count": sum(1 for each in checks if each.is_error),
        "warnings_count": sum(1 for each in checks if not each.is_error),
        "redo": drafts.find_redo(workflow),
        "refusal": asked.refusal,
        "field_errors": asked.errors,
        "told_errors": [
            (name, field_plans.label_of(name), error)
            for name, errors in asked.errors.items()
            for error in errors
        ],
        **_panel(workflow, shown_from, form_spec, spot, asked),
    }


def _panel(
    workflow: Workflow, revision: DefinitionRevision, spec: Any, spot: Spot | None, asked: Asked
) -> dict[str, Any]:
    if asked.adds:
        return {"panel": "add", "add": _adding(spec, spot, asked.sent or {})}
    if spot is None:
        fields = node_form.fields(field_plans.of_top(), spec, sent=asked.sent, errors=asked.errors)
        return {"panel": "top", "fields": _near(fields), "more": _aside(fields)}
    kind = str(spot.written.get("kind"))
    known = offers.find(workflow=workflow, revision=revision, node=spot.id, kind=kind)
    plans = field_plans.of_node(spec, spot, known)
    fields = node_form.fields(plans, spot.written, sent=asked.sent, errors=asked.errors)
    return {
        "panel": "node",
        "name": node_tree.name_of(spot.written),
        "written_id": (asked.sent or {}).get("f-id", [spot.id])[0],
        "kind": KINDS.get(kind),
        "kind_name": kind,
        "fields": _near(fields),
        "more": _aside(fields),
        "after": node_form.after(spot, asked.sent),
        "branches": node_form.branches(spot, asked.sent),
        "operators": form_fields.OPERATORS,
        "reading": field_plans.references_of(spec, spot),
        "reaching": known.reaching,
        "may_repeat": kind != "input",
        "node_yaml": pasted.to_text(spot.written),
    }


def _near(fields: list[Any]) -> list[Any]:
    return [each for each in fields if not each.plan.aside or each.errors]


def _aside(fields: list[Any]) -> list[Any]:
    return [each for each in fields if each.plan.aside and not each.errors]


def _adding(spec: Any, spot: Spot | None, sent: State) -> dict[str, Any]:
    """The form of a new node: its kind, its name, and where it goes."""
    has_input = any(each.written.get("kind") == "input" for each in node_tree.spots(spec))
    inside = spot is not None and spot.depth > 0
    kinds = [
        kind
        for kind in KINDS.values()
        if not (kind.name == "input" and has_input) and not (inside and kind.name in ONLY_OUTSIDE)
    ]
    places = _places(spot) if spot else [("end", "At the end")]
    own = ("", "After what it says itself, as far as that is here")
    return {
        "text": (sent.get("text") or [""])[0],
        "is_paste": (sent.get("do") or [""])[0] == "paste",
        "paste_places": [
            own,
            *(each for each in places if not each[0].startswith(("edge", "end"))),
        ],
        "kinds": kinds,
        "kind": (sent.get("kind") or ["llm"])[0],
        "title": (sent.get("title") or [""])[0],
        "places": places,
        "place": (sent.get("place") or [""])[0],
    }


def _places(spot: Spot) -> list[tuple[str, str]]:
    name = node_tree.name_of(spot.written)
    graph = node_tree.graph_of(spot.nodes)
    plain = node_tree.plain_branch_of(spot.written)
    branches = [each for each in node_tree.branches_of(spot.written) if each != plain]
    behind = graph.targets(spot.id)
    by_id = {
        each.id: node_tree.name_of(each.written) for each in node_tree.spots({"nodes": spot.nodes})
    }
    found: list[tuple[str, str]] = []
    if not branches or plain:
        if behind:
            found.append(("take", f"After {name}, before what comes next"))
        found.append(
            ("beside", f"After {name}, beside what comes next" if behind else f"After {name}")
        )
    found += [(f"branch:{each}", f"After {name}, on its branch {each}") for each in branches]
    found += [(f"edge:{each}", f"Between {name} and {by_id[each]}") for each in behind]
    if node_tree.is_container(spot.written):
        found.append(("inside", f"Inside {name}, at its end"))
    return found


def _checks(problems: Sequence[Mapping[str, Any]], spec: Any) -> list[Check]:
    """What must be mended first, then what is to look at; last what the document would miss."""
    names = {spot.id: node_tree.name_of(spot.written) for spot in node_tree.spots(spec)}
    found = [
        Check(
            href=_address(problem, place),
            where=_where(problem, names),
            sentence=str(problem["sentence"]),
            is_error=problem["severity"] == "error",
            line=problem["line"],
        )
        for place, problem in enumerate(problems)
    ]
    gaps = [
        spot
        for spot in node_tree.spots(spec)
        if not str(spot.written.get("description") or "").strip()
    ]
    found += [
        Check(
            href=f"?node={spot.id}#f-description",
            where=f"{node_tree.name_of(spot.written)}, description",
            sentence="is empty. The exported document would have a gap.",
            is_error=False,
        )
        for spot in gaps[:MOST_GAPS]
    ]
    if len(gaps) > MOST_GAPS:
        last = gaps[MOST_GAPS]
        count = len(gaps) - MOST_GAPS
        more = "1 more node" if count == 1 else f"{count} more nodes"
        told = "without a description."
        found.append(
            Check(href=f"?node={last.id}#f-description", where=more, sentence=told, is_error=False)
        )
    return sorted(found, key=lambda check: not check.is_error)


def _address(problem: Mapping[str, Any], place: int) -> str:
    node, name = problem["node"], problem.get("field") or ""
    anchor = f"#f-{name}" if name and name not in ("kind", "body") else "#panel"
    if node is None:
        top = name in {plan.name for plan in field_plans.of_top()}
        return f"?node={anchor}" if top else "yaml/"
    way = f"&check={place}" if problem.get("way") else ""
    return f"?node={node}{way}{anchor}"


def _where(problem: Mapping[str, Any], names: Mapping[str, str]) -> str:
    node = problem["node"] or ""
    named = [names.get(node, node) or "Workflow"]
    if name := problem.get("field"):
        named.append(field_plans.label_of(name).lower())
    return ", ".join(named)


def _troubles(problems: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for problem in problems:
        node = problem["node"]
        if node and found.get(node) != "error":
            found[node] = str(problem["severity"])
    return found


def _way(problems: Sequence[Mapping[str, Any]], asked: Asked) -> tuple[str, ...]:
    """The nodes through which comes what the selected node's model may not see."""
    if 0 <= asked.check < len(problems):
        return tuple(problems[asked.check].get("way") or ())
    mine = (each for each in problems if each["node"] == asked.node and each.get("way"))
    return tuple(next((each["way"] for each in mine), ()))


def _pictures(
    spec: Any, selected: str, troubles: Mapping[str, str], way: Sequence[str]
) -> list[Picture]:
    """The whole, and the bodies that lead to the selected node."""
    nodes = spec.get("nodes") if isinstance(spec, dict) else None
    if not isinstance(nodes, list):
        return []
    trail = _trail(spec, selected)
    found = [Picture(graph=picture) for picture in _draw(nodes, trail, troubles, way)]
    for node in trail:
        spot = node_tree.find(spec, node)
        body = spot.written.get("body") if spot else None
        if spot and isinstance(body, dict) and isinstance(body.get("nodes"), list):
            name = node_tree.name_of(spot.written)
            found += [
                Picture(graph=picture, name=name)
                for picture in _draw(body["nodes"], trail, troubles, way)
            ]
    return found


def _trail(spec: Any, selected: str) -> list[str]:
    """The node and the containers around it, the outermost first."""
    spot = node_tree.find(spec, selected)
    found = [selected] if spot else []
    while spot is not None and spot.container is not None:
        found.insert(0, str(spot.container.get("id")))
        spot = node_tree.find(spec, found[0])
    return found


def _draw(
    nodes: list[Any], trail: Sequence[str], troubles: Mapping[str, str], way: Sequence[str]
) -> list[GraphPicture]:
    graph = node_tree.graph_of(nodes)
    if not graph.nodes or graph.find_cycle():
        return []
    written = {each.id: each.written for each in node_tree.spots({"nodes": nodes})}
    looks = {
        node: NodeLook(
            title=node_tree.name_of(written[node]),
            kind=str(written[node].get("kind")),
            note=_note(written[node]),
            state=_state(node, troubles, way),
            href=f"?node={node}",
            selected=node in trail,
            inside=sum(1 for _ in node_tree.spots(written[node].get("body") or {})),
        )
        for node in graph.nodes
    }
    down = draw_graph(graph, looks, direction="down")
    return [down if down.fits else draw_graph(graph, looks)]


def _note(node: Mapping[str, Any]) -> str:
    detail = node.get("model_group") or node.get("tool") or node.get("workflow") or ""
    kind = str(node.get("kind"))
    return f"{kind} · {detail}" if detail and isinstance(detail, str) else kind


def _state(node: str, troubles: Mapping[str, str], way: Sequence[str]) -> str:
    if node in way and troubles.get(node) != "error":
        return "way"
    return {"error": "problem", "warning": "look"}.get(troubles.get(node, ""), "plain")


def revisions_of(workflow: Workflow) -> Any:
    """All revisions, the newest first, with the number of the one each was made from."""
    return workflow.revisions.annotate(parent_number=F("parent__number")).prefetch_related(
        "versions"
    )
