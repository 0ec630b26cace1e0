"""Everything that is wrong with a definition: its form, its graph, its references. Pure.

A draft is saved with these problems listed; review, publication and import refuse errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflows import shape, source
from workflows.checks import failures, graph, known, references, starts
from workflows.checks.known import Known
from workflows.checks.scopes import Scope
from workflows.definition_schema import MAX_NODES
from workflows.errors import SourceUnreadable
from workflows.nodes import KINDS
from workflows.problems import Problem
from workflows.source import Media, Source


def check(
    text: str | bytes | Mapping[str, Any], *, media: Media = "yaml", **exists: Any
) -> list[Problem]:
    """All problems of a text or a spec, in the order of its lines.

    `exists` are the members of `Known`: model groups, tools, versions and places that there are.
    """
    try:
        read = (
            source.of_value(text) if isinstance(text, Mapping) else source.read(text, media=media)
        )
    except SourceUnreadable as error:
        return [unreadable(error)]
    return check_source(read, Known(**exists))


def unreadable(error: SourceUnreadable) -> Problem:
    """The one problem of a text that cannot be read."""
    return Problem(
        code=error.problem_code,
        sentence=error.sentence,
        line=error.line,
        column=error.column,
    )


def check_source(read: Source, exists: Known) -> list[Problem]:
    """All problems of what was read, in the order of its lines."""
    found = shape.check_places(read)
    top = _scope(read, found)
    problems = [problem for _, problem in found]
    if top is not None:
        problems += graph.problems(top)
        problems += references.problems(top)
        problems += failures.problems(top)
        problems += _config_problems(top)
        problems += known.problems(top, exists)
        problems += starts.problems(top, exists.startable or {})
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))


def pinned_in(read: Source) -> frozenset[str]:
    """The versions of other workflows that it names, as far as it can be read: “slug@3”."""
    top = _scope(read, shape.check_places(read))
    return known.pinned_in(top) if top is not None else frozenset()


def _scope(read: Source, found: list[tuple[source.Path, Problem]]) -> Scope | None:
    if not 0 < len(shape.listed(read.value, "nodes")) <= MAX_NODES:
        return None
    broken = frozenset(path for path, _ in found if path)
    return Scope(source=read, path=("nodes",), broken=broken)


def _config_problems(top: Scope) -> Iterator[Problem]:
    for scope in top.walk():
        for node, spec in scope.specs.items():
            for fault in KINDS[spec.kind].faults(spec.config):
                sentence = f"Node “{node}”: {fault.sentence}"
                yield scope.problem(node, fault.path, fault.code, sentence)
