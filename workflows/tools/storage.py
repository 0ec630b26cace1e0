"""store_read and store_write: objects in the storage profiles of the tenant."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from compliance.labels import Labels
from compliance.policy.actions import Egress
from tenancy.errors import GroveError, KeyDestroyed
from workflows import stored_objects
from workflows.errors import ObjectGone, StoreBroken, StoreFull
from workflows.models import StorageProfile, StoredObject
from workflows.stored_objects import LARGEST_BYTES, Content, Writing
from workflows.tools.contract import (
    UNDECLARED,
    Refusal,
    Tool,
    ToolError,
    ToolFailure,
    ToolRequest,
    ToolResponse,
    ToolTarget,
)
from workflows.tools.declarations import STORE_READ, STORE_WRITE, Declaration


def _find_target(declaration: Declaration, arguments: Mapping[str, Any]) -> ToolTarget:
    found = StorageProfile.objects.filter(name=arguments["store"]).first()
    target = ToolTarget(
        tool=declaration.name,
        name=UNDECLARED,
        effect=declaration.effect(arguments),
        reversible=declaration.reversible,
        egress=Egress.INTERNAL,
    )
    if found is None:
        sentence = f"There is no storage profile “{arguments['store']}”."
        return replace(target, refusal=Refusal(code="storage_unknown", sentence=sentence))
    refusal = None
    if not found.enabled:
        sentence = f"The storage profile “{found.name}” is switched off."
        refusal = Refusal(code="storage_disabled", sentence=sentence)
    return replace(
        target,
        name=found.name,
        region=found.region,
        clearance=found.clearance,
        refusal=refusal,
        place=found,
    )


def read(target: ToolTarget, request: ToolRequest) -> ToolResponse:
    """The content of a version, with the labels it was written with. Raises ToolError."""
    key, number = request.arguments["key"], request.arguments.get("version")
    version = stored_objects.find_version(profile=target.place, key=key, number=number)
    if version is None:
        what = f"no version {number} of this object" if number else "no such object"
        raise ToolError(ToolFailure.NOT_FOUND, f"There is {what} in “{target.name}”.")
    try:
        content = stored_objects.read(version)
    except (ObjectGone, KeyDestroyed) as error:
        sentence = f"This object in “{target.name}” was disposed of."
        raise ToolError(ToolFailure.NOT_FOUND, sentence) from error
    except GroveError as error:
        raise ToolError(ToolFailure.SERVER, error.sentence) from error
    return ToolResponse(
        output=_described(target, version) | content.to_json(),
        labels=Labels.from_json(version.labels).with_origins(f"store:{target.name}"),
    )


def write(target: ToolTarget, request: ToolRequest) -> ToolResponse:
    """A new version with the labels of all that flowed in. Raises ToolError."""
    arguments = request.arguments
    if "json" in arguments:
        content = Content(content_type="application/json", value=arguments["json"])
    else:
        content = Content(content_type="text/plain", value=arguments.get("text", ""))
    if len(content.plain) > LARGEST_BYTES:
        sentence = f"An object holds {LARGEST_BYTES:,} bytes at most."
        raise ToolError(ToolFailure.TOO_LARGE, sentence)
    writing = Writing(
        run_id=request.run_id,
        node_id=request.node_id,
        owner_label=request.owner_label,
        idempotency_key=request.idempotency_key,
    )
    try:
        version = stored_objects.write(
            profile=target.place,
            key=arguments["key"],
            content=content,
            labels=request.labels,
            writing=writing,
        )
    except StoreFull as error:
        raise ToolError(ToolFailure.STORE_FULL, error.sentence) from error
    except StoreBroken as error:
        raise ToolError(ToolFailure.SERVER, error.sentence) from error
    return ToolResponse(output=_described(target, version), labels=request.labels)


def _described(target: ToolTarget, version: StoredObject) -> dict[str, Any]:
    return {
        "store": target.name,
        "key": version.key,
        "version": version.number,
        "size": version.size,
        "content_type": version.content_type,
    }


READ: Final = Tool(
    declaration=STORE_READ,
    find_target=lambda arguments: _find_target(STORE_READ, arguments),
    call=read,
)
WRITE: Final = Tool(
    declaration=STORE_WRITE,
    find_target=lambda arguments: _find_target(STORE_WRITE, arguments),
    call=write,
)
