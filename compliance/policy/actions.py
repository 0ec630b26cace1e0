"""What somebody is about to do, as a value: who, what, with which resource.

It holds ids, attributes and digests, never content, so that a decision can keep it for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Self, TypeAlias

Attribute: TypeAlias = str | int | bool | None


class ActionKind(StrEnum):
    MODEL_CALL = "model_call"
    TOOL_CALL = "tool_call"
    DATA_ACCESS = "data_access"
    AGENT_SPAWN = "agent_spawn"


class ResourceKind(StrEnum):
    MODEL = "model"
    TOOL = "tool"
    DATA_SOURCE = "data_source"
    AGENT = "agent"


class Egress(StrEnum):
    """Where what is sent to a resource ends up."""

    INTERNAL = "internal"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The thing acted upon. Its attributes are those that schema.cedarschema names for its kind;
    an attribute that is None is left out. Make one with model(), tool(), data_source(), agent().
    """

    kind: str
    id: str
    tenant: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "id": self.id,
            "tenant": self.tenant,
            "attributes": {name: self.attributes[name] for name in sorted(self.attributes)},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            kind=value["kind"],
            id=value["id"],
            tenant=value["tenant"],
            attributes=dict(value["attributes"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """`principal` is the path of a node or agent: "complaint-handling@3/classify".

    `tenant` is the tenant the principal belongs to; `on_behalf_of` the person or token that
    started the run ("user:…"), and `arguments_digest` commits to what would be sent.
    """

    kind: str
    principal: str
    tenant: str
    resource: Resource
    on_behalf_of: str
    arguments_digest: str

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "principal": self.principal,
            "tenant": self.tenant,
            "resource": self.resource.to_json(),
            "on_behalf_of": self.on_behalf_of,
            "arguments_digest": self.arguments_digest,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            kind=value["kind"],
            principal=value["principal"],
            tenant=value["tenant"],
            resource=Resource.from_json(value["resource"]),
            on_behalf_of=value["on_behalf_of"],
            arguments_digest=value["arguments_digest"],
        )


def model(
    *,
    id: str,
    tenant: str,
    provider: str,
    clearance: int,
    egress: str = Egress.EXTERNAL,
    region: str = "",
    baa: bool = False,
    dpa: bool = False,
    zero_retention: bool = False,
    trains_on_data: bool = True,
    papers_expire_on: date | None = None,
) -> Resource:
    """A deployment of a model. What is not said is taken at its worst."""
    attributes: dict[str, Attribute] = {
        "provider": provider,
        "clearance": clearance,
        "egress": str(egress),
        "region": region,
        "baa": baa,
        "dpa": dpa,
        "zero_retention": zero_retention,
        "trains_on_data": trains_on_data,
        "papers_expire_on": papers_expire_on.isoformat() if papers_expire_on else None,
    }
    return Resource(kind=ResourceKind.MODEL, id=id, tenant=tenant, attributes=attributes)


def tool(
    *,
    id: str,
    tenant: str,
    tool: str = "",
    destination: str = "",
    effect: str = "write",
    clearance: int = 0,
    egress: str = Egress.EXTERNAL,
    region: str = "",
    side_effect: bool = True,
    reversible: bool = False,
    min_integrity: int = 0,
    baa: bool = False,
    dpa: bool = False,
    zero_retention: bool = False,
    papers_expire_on: date | None = None,
) -> Resource:
    """A tool and the place where it would act. What is not said is taken at its worst."""
    attributes: dict[str, Attribute] = {
        "tool": tool or id,
        "destination": destination or id,
        "effect": str(effect),
        "clearance": clearance,
        "egress": str(egress),
        "region": region,
        "side_effect": side_effect,
        "reversible": reversible,
        "min_integrity": min_integrity,
        "baa": baa,
        "dpa": dpa,
        "zero_retention": zero_retention,
        "papers_expire_on": papers_expire_on.isoformat() if papers_expire_on else None,
    }
    return Resource(kind=ResourceKind.TOOL, id=id, tenant=tenant, attributes=attributes)


def data_source(
    *,
    id: str,
    tenant: str,
    clearance: int = 0,
    region: str = "",
    writes: bool = True,
    min_integrity: int = 0,
) -> Resource:
    attributes: dict[str, Attribute] = {
        "clearance": clearance,
        "region": region,
        "writes": writes,
        "min_integrity": min_integrity,
    }
    return Resource(kind=ResourceKind.DATA_SOURCE, id=id, tenant=tenant, attributes=attributes)


def agent(
    *, id: str, tenant: str, clearance: int = 0, autonomy: int = 0, min_integrity: int = 0
) -> Resource:
    attributes: dict[str, Attribute] = {
        "clearance": clearance,
        "autonomy": autonomy,
        "min_integrity": min_integrity,
    }
    return Resource(kind=ResourceKind.AGENT, id=id, tenant=tenant, attributes=attributes)
