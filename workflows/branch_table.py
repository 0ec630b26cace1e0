"""The table of a condition: each branch with what it compares and where it leads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows import node_tree, value_text
from workflows.edges import reach
from workflows.edits import Edit
from workflows.form_fields import MOST_ROWS, FieldUnreadable, State, first, read_comparison
from workflows.node_tree import Spot

KEY = "f-cases"
OTHERWISE = "f-otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRow:
    """One branch as it is shown. `targets` are the nodes that come after it."""

    key: str
    branch: str
    was: str = ""
    left: str = ""
    op: str = "=="
    right: str = ""
    targets: tuple[str, ...] = ()

    def state(self) -> dict[str, list[str]]:
        return {
            f"{self.key}-branch": [self.branch],
            f"{self.key}-was": [self.was],
            f"{self.key}-left": [self.left],
            f"{self.key}-op": [self.op],
            f"{self.key}-right": [self.right],
            f"{self.key}-to": list(self.targets),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchTable:
    """The rows of a node's branches, and the nodes that a branch may lead to. Only a condition has `cases`."""

    rows: tuple[BranchRow, ...]
    targets: tuple[tuple[str, str], ...]
    has_cases: bool


def table_of(spot: Spot, sent: State | None = None) -> BranchTable | None:
    """The table of a node that has branches, as it is or as it was sent."""
    is_condition = spot.written.get("kind") == "condition"
    names = node_tree.branches_of(spot.written)
    if not is_condition and not names:
        return None
    rows = _rows_sent(sent) if sent is not None else _rows_of(spot, names)
    if is_condition and sent is None:
        rows.insert(len(rows) - 1, BranchRow(key=f"{KEY}-{len(rows) - 1}", branch=""))
    return BranchTable(rows=tuple(rows), targets=tuple(_may_lead_to(spot)), has_cases=is_condition)


def read(spot: Spot, sent: State) -> list[Edit]:
    """The edits that make the branches what was sent. Raises FieldUnreadable."""
    if not any(key.startswith((KEY, OTHERWISE)) for key in sent):
        return []
    table = table_of(spot)
    if table is None:
        return []
    rows = _rows_sent(sent)
    found: list[Edit] = []
    if table.has_cases:
        found += _read_cases(spot, rows, sent)
    kept = [row for row in rows if row.branch]
    before = _targets_of(spot)
    targets = {
        row.branch: list(row.targets)
        for row in kept
        if sorted(before.get(row.was or row.branch, [])) != sorted(row.targets)
    }
    if targets:
        found.append(Edit(name="set_branches", arguments={"node": spot.id, "targets": targets}))
    return found


def _read_cases(spot: Spot, rows: list[BranchRow], sent: State) -> list[Edit]:
    node = spot.id
    known = node_tree.branches_of(spot.written)
    found = [
        Edit(name="rename_branch", arguments={"node": node, "branch": row.was, "to": row.branch})
        for row in rows
        if row.was and row.branch and row.was != row.branch and row.was in known
    ]
    cases = [_case(row, sent) for row in rows if row.key != OTHERWISE and _is_filled(row, sent)]
    written = spot.written.get("cases")
    if cases != written:
        found.append(_set(node, "cases", cases))
    otherwise = next((row.branch for row in rows if row.key == OTHERWISE), "")
    if otherwise and otherwise != spot.written.get("otherwise"):
        found.append(_set(node, "otherwise", otherwise))
    return found


def _case(row: BranchRow, sent: State) -> dict[str, Any]:
    if not row.branch:
        raise FieldUnreadable("A branch that compares something needs a name.")
    return {"branch": row.branch, "when": read_comparison(sent, row.key)}


def _is_filled(row: BranchRow, sent: State) -> bool:
    taken = first(sent, f"{row.key}-left-from") or first(sent, f"{row.key}-right-from")
    return bool(row.branch or row.left or row.right or taken)


def _set(node: str, field: str, value: Any) -> Edit:
    return Edit(name="set_field", arguments={"node": node, "field": field, "value": value})


def _rows_of(spot: Spot, names: list[str]) -> list[BranchRow]:
    targets = _targets_of(spot)
    if spot.written.get("kind") != "condition":
        return [
            BranchRow(
                key=f"{KEY}-{place}", branch=name, was=name, targets=tuple(targets.get(name, ()))
            )
            for place, name in enumerate(names)
        ]
    found = [_row_of_case(place, case, targets) for place, case in enumerate(_cases(spot.written))]
    otherwise = str(spot.written.get("otherwise", ""))
    found.append(
        BranchRow(
            key=OTHERWISE,
            branch=otherwise,
            was=otherwise,
            targets=tuple(targets.get(otherwise, ())),
        )
    )
    return found


def _row_of_case(
    place: int, case: Mapping[str, Any], targets: Mapping[str, list[str]]
) -> BranchRow:
    when = case.get("when")
    written = when if isinstance(when, Mapping) else {}
    branch = str(case.get("branch", ""))
    return BranchRow(
        key=f"{KEY}-{place}",
        branch=branch,
        was=branch,
        left=value_text.to_line(written.get("left", "")),
        op=str(written.get("op", "==")),
        right=value_text.to_line(written.get("right", "")),
        targets=tuple(targets.get(branch, ())),
    )


def _rows_sent(sent: State) -> list[BranchRow]:
    keys = [f"{KEY}-{place}" for place in range(MOST_ROWS) if f"{KEY}-{place}-branch" in sent]
    if f"{OTHERWISE}-branch" in sent:
        keys.append(OTHERWISE)
    return [
        BranchRow(
            key=key,
            branch=first(sent, f"{key}-branch").strip(),
            was=first(sent, f"{key}-was"),
            left=first(sent, f"{key}-left"),
            op=first(sent, f"{key}-op") or "==",
            right=first(sent, f"{key}-right"),
            targets=tuple(each for each in sent.get(f"{key}-to", ()) if each),
        )
        for key in keys
    ]


def _cases(written: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cases = written.get("cases")
    return [case for case in cases if isinstance(case, Mapping)] if isinstance(cases, list) else []


def _targets_of(spot: Spot) -> dict[str, list[str]]:
    """The nodes after each branch, in the order in which they stand."""
    plain = node_tree.plain_branch_of(spot.written)
    found: dict[str, list[str]] = {}
    for other in node_tree.spots({"nodes": spot.nodes}):
        for entry in node_tree.entries(other.written) if other.depth == 0 else ():
            if node_tree.source_of(entry) == spot.id:
                found.setdefault(node_tree.branch_of(entry) or plain, []).append(other.id)
    return found


def _may_lead_to(spot: Spot) -> list[tuple[str, str]]:
    """Every node of the list that does not come before this one, with its name."""
    return [
        (other.id, node_tree.name_of(other.written))
        for other in node_tree.spots({"nodes": spot.nodes})
        if other.depth == 0 and other.written.get("kind") != "input" and spot.id not in reach(other)
    ]
