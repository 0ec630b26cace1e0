"""What the document says of tools: who calls which, where, and how that place stood at a moment."""

from collections.abc import Iterator, Mapping
from typing import Any

from compliance.labels import DataClass
from workflows.definition import Definition, NodeSpec
from workflows.document_facts import PlaceFacts, ToolFacts, papers_in_words
from workflows.models import RegisterKind
from workflows.nodes import KINDS
from workflows.providers.register import Known
from workflows.tools import connections
from workflows.tools.declarations import DECLARED, HTTP_REQUEST, Effect
from workflows.tools.errors import ToolError


def gather(definition: Definition, known: Known) -> tuple[ToolFacts, ...]:
    """One entry for each tool that a node may call, in the order of the definition."""
    return tuple(each for node in definition.tool_nodes for each in _of_node(node, known))


def _of_node(node: NodeSpec, known: Known) -> Iterator[ToolFacts]:
    for tool in KINDS[node.kind].tools(node.config):
        declared = DECLARED.get(tool.value)
        arguments = _arguments(node)
        yield ToolFacts(
            node=node.id,
            tool=tool.value,
            does=declared.sentence if declared else "",
            where=_where(tool.value, arguments),
            place=_place(tool.value, arguments, known),
            acts=declared is None or declared.effect(arguments) is not Effect.READ,
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


def _place(tool: str, arguments: Mapping[str, Any], known: Known) -> PlaceFacts | None:
    if tool != HTTP_REQUEST.name:
        store = str(arguments.get("store") or "")
        facts = known.get((RegisterKind.STORAGE_PROFILE, store))
        return (
            _facts(RegisterKind.STORAGE_PROFILE, store, facts, is_external=False) if facts else None
        )
    try:
        url = connections.read_url(str(arguments.get("url") or "").partition("{{")[0])
    except ToolError:
        return None
    for (kind, name), facts in sorted(known.items()):
        if kind != RegisterKind.DESTINATION:
            continue
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
