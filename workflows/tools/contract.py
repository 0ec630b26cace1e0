"""What goes to a tool and what comes back, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from compliance.policy import actions
from workflows.permits import Permit
from workflows.tools.declarations import Declaration, Effect
from workflows.tools.errors import ToolError, ToolFailure

__all__ = [
    "Effect",
    "Permit",
    "Refusal",
    "Tool",
    "ToolError",
    "ToolFailure",
    "ToolRequest",
    "ToolResponse",
    "ToolTarget",
]
UNDECLARED = "undeclared"  # how a place that nobody declared is named in decisions: by no word of the arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRequest:
    """What a tool is asked to do, by whom. `idempotency_key` is the same for every attempt of the same call."""

    tool: str
    arguments: Mapping[str, Any]
    idempotent: bool
    timeout_seconds: float
    idempotency_key: str
    labels: Labels
    run_id: UUID
    node_id: str
    owner_label: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"tool": self.tool, "arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResponse:
    """What a tool brought back. `labels` are those that came with it."""

    output: Any
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call goes nowhere, whatever a policy says: the place is not declared, or not for this."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTarget:
    """A tool and where it would act, as both stood at that moment. What nobody declared carries a refusal.

    `place` is what the adapter needs to get there; it is in no record.
    """

    tool: str
    name: str
    effect: Effect
    reversible: bool
    egress: str = actions.Egress.EXTERNAL
    region: str = ""
    clearance: int = 0
    baa: bool = False
    dpa: bool = False
    zero_retention: bool = False
    papers_expire_on: date | None = None
    refusal: Refusal | None = None
    place: Any = None

    @property
    def destination(self) -> str:
        """Where what is sent goes to, for the facts of a run."""
        return f"{self.name}/{self.region or 'unknown'}"

    def resource(self, *, tenant: str) -> actions.Resource:
        """The thing acted upon, as policies see it."""
        return actions.tool(
            id=f"{self.tool}:{self.name}",
            tenant=tenant,
            tool=self.tool,
            destination=self.name,
            effect=self.effect,
            clearance=self.clearance,
            egress=self.egress,
            region=self.region,
            side_effect=self.effect is Effect.WRITE,
            reversible=self.reversible,
            baa=self.baa,
            dpa=self.dpa,
            zero_retention=self.zero_retention,
            papers_expire_on=self.papers_expire_on,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool's declaration and its two deeds: find out where a call would act, and act."""

    declaration: Declaration
    find_target: Callable[[Mapping[str, Any]], ToolTarget]
    call: Callable[[ToolTarget, ToolRequest], ToolResponse]
