"""What a node says of its failures and of answering early: whether that can be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows import retries
from workflows.checks.scopes import Scope
from workflows.definition import NodeSpec
from workflows.nodes import KINDS
from workflows.problems import Problem, Severity, meant
from workflows.source import Path


def problems(top: Scope) -> Iterator[Problem]:
    for scope in top.walk():
        for node, spec in scope.specs.items():
            yield from _retry_problems(scope, node)
            yield from _route_problems(scope, spec)
            yield from _continue_problems(scope, spec)
            yield from _response_problems(scope, spec)


def _retry_problems(scope: Scope, node: str) -> Iterator[Problem]:
    written = scope.written(node).get("retry")
    alone = isinstance(written, Mapping)
    for place, rule in enumerate([written] if alone else written or ()):
        path: Path = ("retry",) if alone else ("retry", place)
        for count, code in enumerate(rule.get("on", ())):
            if code not in retries.CODES:
                yield scope.problem(
                    node,
                    (*path, "on", count),
                    "retry_code_unknown",
                    f"Node “{node}” is to be tried again on “{code}”, which no failure is called."
                    f"{meant(code, retries.CODES)} There are: {', '.join(sorted(retries.CODES))}.",
                )


def _route_problems(scope: Scope, spec: NodeSpec) -> Iterator[Problem]:
    if spec.on_failure != "route":
        return
    if "failed" in KINDS[spec.kind].branches(spec.config):
        sentence = f"Node “{spec.id}” has a branch “failed” of its own. Give that another name."
        yield scope.problem(spec.id, ("on_failure",), "branch_is_reserved", sentence)
    elif not any(edge.branch == "failed" for edge in scope.known_graph.edges_out_of(spec.id)):
        sentence = (
            f"Node “{spec.id}” is to take the branch “failed” when it failed, but nothing comes after "
            f"that. Write “{spec.id}:failed” in the `after` of a node."
        )
        yield scope.problem(spec.id, ("on_failure",), "route_without_edge", sentence)


def _continue_problems(scope: Scope, spec: NodeSpec) -> Iterator[Problem]:
    branches = list(KINDS[spec.kind].branches(spec.config))
    if spec.on_failure == "continue" and branches:
        sentence = (
            f"Node “{spec.id}” chooses between {', '.join(branches)}; when it failed, none is chosen, so "
            "the run cannot go on. Use “on_failure: route”."
        )
        yield scope.problem(spec.id, ("on_failure",), "continue_without_branch", sentence)
    if "fallback" in scope.written(spec.id) and spec.on_failure != "continue":
        sentence = (
            f"Node “{spec.id}” has a `fallback`, which is read only with “on_failure: continue”."
        )
        yield scope.problem(
            spec.id, ("fallback",), "fallback_unused", sentence, severity=Severity.WARNING
        )


def _response_problems(scope: Scope, spec: NodeSpec) -> Iterator[Problem]:
    if not spec.respond_here:
        return
    if scope.outer is not None:
        sentence = (
            f"Node “{spec.id}” is in the body of “{scope.container}”, which may run many times; a run "
            "responds once. Let the container respond, or a node after it."
        )
        yield scope.problem(spec.id, ("respond_here",), "respond_in_body", sentence)
        return
    before = scope.surely_live[spec.id] if scope.is_sound else frozenset()
    first = next((node for node in scope.specs if node in before and _responds(scope, node)), None)
    if first is not None:
        sentence = f"Node “{spec.id}” comes after “{first}”, which has always responded before it."
        yield scope.problem(
            spec.id, ("respond_here",), "respond_too_late", sentence, severity=Severity.WARNING
        )


def _responds(scope: Scope, node: str) -> Any:
    return scope.specs[node].respond_here
