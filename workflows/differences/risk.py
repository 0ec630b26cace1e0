"""What a change puts at risk, computed from what changed, and who has to approve it by the rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflows.definition import Definition, NodeGraph, NodeSpec
from workflows.differences.change import Category, Change, Difference, Level
from workflows.governance_rules import Rules
from workflows.nodes import KINDS
from workflows.tools.declarations import DECLARED, HTTP_REQUEST, STORE_WRITE, Effect

_WRITERS = frozenset({HTTP_REQUEST.name, STORE_WRITE.name})  # where only the run says what is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """`reasons` are the changes that make it so, the gravest first. `reviewers` is 0 where nobody is asked."""

    level: Level
    reasons: tuple[Change, ...]
    reviewers: int = 0
    needs_officer: bool = False

    @property
    def who(self) -> str:
        """Who has to approve, in a sentence."""
        if not self.reviewers:
            return "The rules of this tenant ask nobody to approve it."
        people = "One reviewer" if self.reviewers == 1 else f"{self.reviewers} reviewers"
        officer = ""
        if self.needs_officer:
            alone = self.reviewers == 1
            officer = (
                ", who must be a compliance officer,"
                if alone
                else ", a compliance officer among them,"
            )
        verb = "has" if self.reviewers == 1 else "have"
        return f"{people}{officer} {verb} to approve it; no author of it may."


def assess(
    *,
    before: Definition | None,
    after: Definition,
    difference: Difference,
    around: tuple[Change, ...],
    rules: Rules,
) -> Risk:
    """The level is that of the gravest change."""
    found = [*difference.behaviour, *around, *_unguarded(before, after)]
    reasons = sorted(
        (each for each in found if each.level >= Level.MEDIUM), key=lambda each: -each.level
    )
    level = max((each.level for each in found), default=Level.LOW)
    return Risk(
        level=level,
        reasons=tuple(reasons),
        reviewers=rules.reviewers if rules.review_required else 0,
        needs_officer=rules.review_required and level is Level.HIGH,
    )


def _unguarded(before: Definition | None, after: Definition) -> Iterator[Change]:
    """Nodes that write to the world without that a person was asked before, where that was not so."""
    known = set(unguarded_writes(before)) if before is not None else set()
    for node in unguarded_writes(after):
        if node not in known:
            yield Change(
                category=Category.APPROVAL,
                level=Level.HIGH,
                node=node,
                sentence=f"Node “{node}” may write to the outside without that a person approved before it.",
            )


def unguarded_writes(graph: NodeGraph) -> tuple[str, ...]:
    """Every node that may write and can be reached on a way without an approval, in the order they run."""
    reached: list[NodeSpec] = []
    passed: set[str] = set()
    for node_id in graph.graph.order:
        node = graph.node(node_id)
        sources = graph.graph.sources(node_id)
        if sources and not passed.intersection(sources):
            continue
        reached.append(node)
        if node.kind != "approval":
            passed.add(node_id)
    found: list[str] = []
    for node in reached:
        if _writes(node):
            found.append(node.id)
        if node.body is not None:
            found += unguarded_writes(node.body)
    return tuple(found)


def _writes(node: NodeSpec) -> bool:
    tools = {tool.value for tool in KINDS[node.kind].tools(node.config)}
    if node.kind == "code":
        return bool(tools & _WRITERS)
    call = node.config.request if node.kind == "callback" else node.config
    arguments = getattr(call, "arguments", {})
    return any(
        name not in DECLARED or DECLARED[name].effect(arguments) is Effect.WRITE for name in tools
    )
