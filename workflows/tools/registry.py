"""The tools there are, and the call itself: it takes nothing without a permit."""

from collections.abc import Mapping
from typing import Any, Final

from workflows import json_schemas
from workflows.tools import http_request, storage
from workflows.tools.contract import Permit, Tool, ToolRequest, ToolResponse, ToolTarget
from workflows.tools.errors import ArgumentsInvalid, ToolUnknown

TOOLS: Final[Mapping[str, Tool]] = {
    tool.declaration.name: tool for tool in (http_request.TOOL, storage.READ, storage.WRITE)
}


def get_tool(name: str) -> Tool:
    """Raises ToolUnknown."""
    if name not in TOOLS:
        raise ToolUnknown(f"There is no tool “{name}”.")
    return TOOLS[name]


def find_target(name: str, arguments: Mapping[str, Any]) -> ToolTarget:
    """Where this call would act, as it stands now. Raises ToolUnknown, ArgumentsInvalid, ToolError."""
    tool = get_tool(name)
    wrong = json_schemas.faults(tool.declaration.schema, arguments)
    if wrong:
        raise ArgumentsInvalid(f"“{name}” does not take these arguments: {wrong[0]}")
    if "json" in arguments and "text" in arguments:
        raise ArgumentsInvalid(f"“{name}” takes json or text, not both.")
    return tool.find_target(arguments)


def call(target: ToolTarget, request: ToolRequest, *, permit: Permit) -> ToolResponse:
    """Act. Raises ToolError; the permit says which recorded decision allowed it."""
    if not isinstance(permit, Permit):
        raise TypeError("A tool call needs the permit of a recorded decision.")
    return get_tool(request.tool).call(target, request)
