"""What the document says of tools: who calls which, where, and how that place stood at a moment."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from compliance.labels import DataClass
from workflows.definition import Definition, NodeSpec
from workflows.document_facts import PlaceFacts, ToolFacts, papers_in_words
from workflows.models import RegisterEntry, RegisterKind
from workflows.nodes import KINDS
from workflows.providers import register
from workflows.tools import connections
from workflows.tools.declarations import DECLARED, HTTP_REQUEST
from workflows.tools.errors import ToolError


def gather(definition: Definition, as_of: datetime) -> tuple[ToolFacts, ...]:
    """One entry for each tool that a node may call, in the order of the definition."""
    return tuple(each for node in definition.walk() for each in _of_node(node, as_of))


def _of_node(node: NodeSpec, as_of: datetime) -> Iterator[ToolFacts]:
    for tool in KINDS[node.kind].tools(node.config):
        declared = DECLARED.get(tool.value)
        arguments = _arguments(node)
        yield ToolFacts(
            node=node.id,
            tool=tool.value,
            does=declared.sentence if declared else "",
            where=_where(tool.value, arguments),
            place=_place(tool.value, arguments, as_of),
        )


def _arguments(node: NodeSpec) -> Mapping[str, Any]:
    """What is written of a call; nothing where a program makes it."""
    call = node.config.request if node.kind == "callback" else node.config
    arguments: Mapping[str, Any] = getattr(call, "arguments", {})
    return arguments


def _where(tool: str, arguments: Mapping[str, Any]) -> str:
    if tool == HTTP_REQUEST.name and "url" in arguments:
        return f"{arguments.get('method', 'GET')} {arguments['url']}"
    return "/".join(str(arguments[name]) for name in ("store", "key") if name in arguments)


def _place(tool: str, arguments: Mapping[str, Any], as_of: datetime) -> PlaceFacts | None:
    if tool != HTTP_REQUEST.name:
        store = str(arguments.get("store") or "")
        facts = register.find_facts(RegisterKind.STORAGE_PROFILE, store, as_of)
        return (
            _facts(RegisterKind.STORAGE_PROFILE, store, facts, is_external=False) if facts else None
        )
    try:
        url = connections.read_url(str(arguments.get("url") or "").partition("{{")[0])
    except ToolError:
        return None
    for name in _destinations(as_of):
        facts = register.find_facts(RegisterKind.DESTINATION, name, as_of) or {}
        if (facts.get("scheme"), facts.get("host"), facts.get("port")) == (
            url.scheme,
            url.host,
            url.port,
        ):
            return _facts(
                RegisterKind.DESTINATION,
                name,
                facts,
                is_external=facts.get("egress") != "internal",
            )
    return None


def _destinations(as_of: datetime) -> list[str]:
    entries = RegisterEntry.objects.filter(kind=RegisterKind.DESTINATION, created_at__lte=as_of)
    return sorted(set(entries.values_list("name", flat=True)))


def _facts(
    kind: RegisterKind, name: str, facts: Mapping[str, Any], *, is_external: bool
) -> PlaceFacts:
    return PlaceFacts(
        kind=kind.value,
        name=name,
        title=str(facts.get("title") or ""),
        region=str(facts.get("region") or ""),
        clearance=DataClass(facts.get("clearance", 0)),
        is_external=is_external,
        papers=papers_in_words(facts, of_model=False),
        enabled=bool(facts.get("enabled", True)),
    )
