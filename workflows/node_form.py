"""The form of one node, or of the definition: what it shows, and the edits that stand in what was sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows import branch_table, edits, field_plans, form_fields, node_tree
from workflows.branch_table import BranchTable
from workflows.edits import Edit
from workflows.field_plans import Offers
from workflows.form_fields import ABSENT, Choice, Field, FieldUnreadable, Plan, State
from workflows.node_tree import Spot

SEEN_AT_ONCE = 7  # boxes; of more, those that are ticked come first


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What a node may run after, and what is left out because that would close a loop."""

    choices: tuple[Choice, ...]
    closing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was sent: edits, and for each field that cannot be read why."""

    edits: tuple[Edit, ...]
    errors: Mapping[str, tuple[str, ...]]


def fields(
    plans: Iterable[Plan],
    written: Mapping[str, Any],
    *,
    sent: State | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
) -> list[Field]:
    """The fields with what they say, or as they were typed."""
    return [
        form_fields.to_field(
            plan,
            form_fields.part_of(sent, plan)
            if sent is not None
            else form_fields.state_of(plan, field_plans.value(written, plan.name)),
            (errors or {}).get(plan.name, ()),
        )
        for plan in plans
    ]


def read_node(spec: Any, spot: Spot, sent: State, offers: Offers) -> Read:
    """The edits of this node. What nobody touched makes none."""
    found: list[Edit] = []
    errors: dict[str, tuple[str, ...]] = {}
    plans = field_plans.of_node(spec, spot, offers)
    changed, errors = _read_fields(plans, spot.written, sent)
    found += [_set(spot.id, name, value) for name, value in changed]
    try:
        found += branch_table.read(spot, sent)
    except FieldUnreadable as error:
        errors["cases"] = (str(error),)
    found += _read_after(spot, sent)
    renamed = form_fields.first(sent, "f-id").strip()
    if renamed and renamed != spot.id:
        found.append(Edit(name="rename", arguments={"node": spot.id, "to": renamed}))
    return Read(edits=tuple(found), errors=errors)


def read_top(spec: Mapping[str, Any], sent: State) -> Read:
    """The edits of the definition's own members."""
    changed, errors = _read_fields(field_plans.of_top(), spec, sent)
    found = [
        Edit(name="set_top", arguments={"field": name, **_argument(value)})
        for name, value in changed
    ]
    return Read(edits=tuple(found), errors=errors)


def _read_fields(
    plans: Iterable[Plan], written: Mapping[str, Any], sent: State
) -> tuple[list[tuple[str, Any]], dict[str, tuple[str, ...]]]:
    changed: list[tuple[str, Any]] = []
    errors: dict[str, tuple[str, ...]] = {}
    for plan in plans:
        state = form_fields.part_of(sent, plan)
        before = field_plans.value(written, plan.name)
        if not _was_sent(plan, state, sent) or form_fields.is_untouched(plan, state, before):
            continue
        try:
            value = form_fields.value_of(plan, state)
        except FieldUnreadable as error:
            errors[plan.name] = (str(error),)
            continue
        if value is not before and value != before:
            changed.append((plan.name, value))
    return changed, errors


def _was_sent(plan: Plan, state: State, sent: State) -> bool:
    """A box that is not ticked sends nothing: the form says itself which ones it holds."""
    return bool(state) or plan.key in sent.get("has", ())


def _argument(value: Any) -> dict[str, Any]:
    return {"clear": True} if value is ABSENT else {"value": value}


def _set(node: str, name: str, value: Any) -> Edit:
    return Edit(name="set_field", arguments={"node": node, "field": name, **_argument(value)})


def after(spot: Spot, sent: State | None = None) -> After | None:
    """The boxes “runs after”. An input has none."""
    if spot.written.get("kind") == "input" and not spot.written.get("after"):
        return None
    may, closing = edits.after_choices(spot)
    by_id = {each.id: each.written for each in node_tree.spots({"nodes": spot.nodes})}
    ticked = _ticked(spot) if sent is None else [each for each in sent.get("f-after", ()) if each]
    choices = [
        Choice(value=value, label=label, chosen=value in ticked)
        for node in may
        if by_id[node].get("kind") != "output" or node in map(node_tree.source_of, ticked)
        for value, label in _ways_out_of(by_id[node], ticked)
    ]
    if len(choices) > SEEN_AT_ONCE:
        choices.sort(key=lambda choice: not choice.chosen)
    names = tuple(node_tree.name_of(by_id[node]) for node in closing)
    return After(choices=tuple(choices), closing=names)


def _ways_out_of(node: Mapping[str, Any], ticked: Sequence[str]) -> list[tuple[str, str]]:
    """A node, or each of its branches; as it is ticked, also what its kind does not know."""
    node_id, name = str(node["id"]), node_tree.name_of(node)
    plain = node_tree.plain_branch_of(node)
    branches = [each for each in node_tree.branches_of(node) if each != plain]
    only_by_branch = bool(branches) and not plain and branches != ["failed"]
    found = [] if only_by_branch and node_id not in ticked else [(node_id, name)]
    found += [(f"{node_id}:{branch}", f"{name}: {branch}") for branch in branches]
    known = {value for value, _ in found}
    odd = [each for each in ticked if node_tree.source_of(each) == node_id and each not in known]
    return found + [(each, f"{name}: {node_tree.branch_of(each)} (no such branch)") for each in odd]


def _ticked(spot: Spot) -> list[str]:
    by_id = {each.id: each.written for each in node_tree.spots({"nodes": spot.nodes})}
    found = []
    for entry in node_tree.entries(spot.written):
        source, branch = node_tree.source_of(entry), node_tree.branch_of(entry)
        plain = node_tree.plain_branch_of(by_id[source]) if source in by_id else ""
        found.append(node_tree.written_as(source, "" if branch == plain else branch))
    return found


def _read_after(spot: Spot, sent: State) -> list[Edit]:
    if "f-after" not in sent.get("has", ()):
        return []
    wanted = [each for each in sent.get("f-after", ()) if each]
    known = {each.id for each in node_tree.spots({"nodes": spot.nodes})}
    before = [each for each in _ticked(spot) if node_tree.source_of(each) in known]
    if sorted(wanted) == sorted(before):
        return []
    return [Edit(name="set_after", arguments={"node": spot.id, "after": wanted})]


def branches(spot: Spot, sent: State | None = None) -> BranchTable | None:
    return branch_table.table_of(spot, sent)
