"""What a definition relies on and does not hold itself: model groups, tools, versions of other workflows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from workflows.checks.scopes import Scope
from workflows.nodes import KINDS
from workflows.problems import Problem, meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is; None leaves it unchecked.

    `versions` gives the state of each version that is named and exists, as “slug@3”: draft, published, retired.
    """

    model_groups: Collection[str] | None = None
    tools: Collection[str] | None = None
    versions: Mapping[str, str] | None = None


def problems(top: Scope, known: Known) -> Iterator[Problem]:
    for scope in top.walk():
        for node, spec in scope.specs.items():
            if spec.kind == "llm" and known.model_groups is not None:
                yield from _model_group(scope, node, spec.config.model_group, known.model_groups)
            if spec.kind == "sub_workflow" and known.versions is not None:
                yield from _version(scope, node, spec.config.workflow, known.versions)
            if known.tools is not None:
                yield from _tools(scope, node, known.tools)


def pinned_in(top: Scope) -> frozenset[str]:
    """The versions that the nodes name, as far as they can be read: “slug@3”."""
    return frozenset(
        spec.config.workflow
        for scope in top.walk()
        for spec in scope.specs.values()
        if spec.kind == "sub_workflow"
    )


def _model_group(
    scope: Scope, node: str, group: str, model_groups: Collection[str]
) -> Iterator[Problem]:
    if group not in model_groups:
        known = ", ".join(sorted(model_groups)) or "none yet"
        yield scope.problem(
            node,
            ("model_group",),
            "model_group_unknown",
            f"Node “{node}” asks model group “{group}”, which does not exist. "
            f"There are: {known}.{meant(group, model_groups)}",
        )


def _version(
    scope: Scope, node: str, pinned: str, versions: Mapping[str, str]
) -> Iterator[Problem]:
    state = versions.get(pinned)
    if state is None:
        sentence = f"Node “{node}” starts “{pinned}”, but there is no such version."
        yield scope.problem(node, ("workflow",), "version_unknown", sentence)
    elif state != "published":
        sentence = f"Node “{node}” starts “{pinned}”, which is {state}. Only a published version can be started."
        yield scope.problem(node, ("workflow",), "version_not_published", sentence)


def _tools(scope: Scope, node: str, tools: Collection[str]) -> Iterator[Problem]:
    spec = scope.specs[node]
    for tool in KINDS[spec.kind].tools(spec.config):
        if tool.value not in tools:
            known = ", ".join(sorted(tools)) or "none"
            yield scope.problem(
                node,
                tool.path,
                "tool_unknown",
                f"Node “{node}” calls the tool “{tool.value}”, which there is not. "
                f"There are: {known}.{meant(tool.value, tools)}",
            )
