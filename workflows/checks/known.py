"""What a definition relies on and does not hold itself: model groups, tools, versions of other workflows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workflows.checks.scopes import Scope
from workflows.nodes import KINDS, tool
from workflows.problems import Problem, Severity, meant
from workflows.source import Path

if TYPE_CHECKING:
    from workflows.checks.starts import Startable


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is; None leaves it unchecked.

    `versions` gives the state of each version that is named and exists, as “slug@3”: draft, published, retired;
    `startable` what each of them takes.
    `origins` are those of the declared destinations, as “https://bank.example:443”; `stores` the storage profiles.
    """

    model_groups: Collection[str] | None = None
    tools: Collection[str] | None = None
    versions: Mapping[str, str] | None = None
    startable: Mapping[str, Startable] | None = None
    origins: Collection[str] | None = None
    stores: Collection[str] | None = None


def problems(top: Scope, known: Known) -> Iterator[Problem]:
    for scope in top.walk():
        for node, spec in scope.specs.items():
            if spec.kind == "llm" and known.model_groups is not None:
                yield from _model_group(scope, node, spec.config.model_group, known.model_groups)
            if spec.kind == "sub_workflow" and known.versions is not None:
                yield from _version(scope, node, spec.config.workflow, known.versions)
            if known.tools is not None:
                yield from _tools(scope, node, known.tools)
            yield from _places(scope, node, known)


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
    for called in KINDS[spec.kind].tools(spec.config):
        if called.value not in tools:
            known = ", ".join(sorted(tools)) or "none"
            yield scope.problem(
                node,
                called.path,
                "tool_unknown",
                f"Node “{node}” calls the tool “{called.value}”, which there is not. "
                f"There are: {known}.{meant(called.value, tools)}",
            )


def _places(scope: Scope, node: str, known: Known) -> Iterator[Problem]:
    """Hosts and stores that are written out and not declared: every call there would be refused."""
    spec = scope.specs[node]
    call = spec.config.request if spec.kind == "callback" else spec.config
    if not isinstance(call, tool.Config):
        return
    path: Path = ("request", "arguments") if spec.kind == "callback" else ("arguments",)
    store = call.arguments.get("store")
    written = store if isinstance(store, str) and "{{" not in store else None
    if known.stores is not None and written is not None and written not in known.stores:
        near = meant(written, known.stores)
        sentence = f"Node “{node}” names the store “{written}”, which is not declared.{near}"
        yield _undeclared(scope, node, (*path, "store"), "store_unknown", sentence)
    origin = origin_of(call.arguments.get("url"))
    if known.origins is not None and origin and origin not in known.origins:
        sentence = f"Node “{node}” asks {origin}, which is not among the destinations."
        yield _undeclared(scope, node, (*path, "url"), "destination_unknown", sentence)


def _undeclared(scope: Scope, node: str, path: Path, code: str, sentence: str) -> Problem:
    told = f"{sentence} Until somebody declares it, every call is refused."
    return scope.problem(node, path, code, told, severity=Severity.WARNING)


def origin_of(url: object) -> str:
    """Scheme, host and port where they are written out; empty where a reference or nothing stands there."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return ""
    host = (parts.hostname or "").removesuffix(".")
    if not host or not port or not host.isascii() or "{" in parts.netloc:
        return ""
    return f"{parts.scheme}://{host}:{port}"
