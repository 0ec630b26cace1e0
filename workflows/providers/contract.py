"""What goes to a provider and what comes back, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self
from uuid import UUID

from compliance.labels import Labels
from compliance.policy import actions
from workflows.permits import Permit
from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.fitness import ANYWHERE, Fault, Placements, find_faults
from workflows.providers.standing import CLOSED, Standing

__all__ = [
    "AskedTool",
    "FailureKind",
    "ModelRequest",
    "ModelResponse",
    "OfferedTool",
    "Permit",
    "ProviderError",
    "Target",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool that a model may ask for. `schema` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "schema": dict(self.schema),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTool:
    """A tool that a model asks for, with its arguments as they came: nothing checked them. `id` is the model's."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked. `schema` is the JSON Schema that its answer shall satisfy, or None for free text."""

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int
    temperature: float = 0.0
    timeout_seconds: float
    tools: tuple[OfferedTool, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None,
        max_tokens: int,
        temperature: float,
        timeout_seconds: float,
    ) -> Self:
        """What a node asks, as a value of its own."""
        return cls(
            messages=tuple(dict(message) for message in messages),
            schema=schema,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        )

    def to_json(self) -> dict[str, Any]:
        """As it is recorded. Tools are named only where there are any."""
        tools = {"tools": [tool.to_json() for tool in self.tools]} if self.tools else {}
        return tools | {
            "messages": [dict(message) for message in self.messages],
            "schema": dict(self.schema) if self.schema is not None else None,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "timeout_seconds": self.timeout_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """What a model answered. `model` is the one that really did; `cut_off` when it ran into max_tokens.

    `first_token_seconds` counts from the call on; None where the answer came in one piece.
    """

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    cut_off: bool = False
    request_id: str = ""
    tool_calls: tuple[AskedTool, ...] = ()
    first_token_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment and its provider as they stood when the gateway chose it.

    `settings` are what its kind and authentication need besides (workflows/providers/connection.py), none of them
    secret; `more_secrets` names the secrets beside `secret_name`, by what each is for.
    """

    deployment_id: UUID
    name: str
    model: str
    clearance: int
    deployment_timeout_seconds: float
    provider: str
    provider_id: UUID | None = None
    kind: str
    base_url: str
    auth: str
    secret_name: str
    egress: str
    region: str
    baa: bool
    dpa: bool
    zero_retention: bool
    trains_on_data: bool
    papers_expire_on: date | None
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    more_secrets: Mapping[str, str] = field(default_factory=dict, hash=False)
    standing: Standing = CLOSED
    fault: Fault | None = (
        None  # why it may not take the call that it was chosen for: then that is denied
    )

    @property
    def destination(self) -> str:
        """Where what is sent goes to, for the facts of a run."""
        return f"{self.provider}/{self.region or 'unknown'}"

    def resource(self, *, tenant: str) -> actions.Resource:
        """The thing acted upon, as policies see it."""
        return actions.model(
            id=self.name,
            tenant=tenant,
            provider=self.provider,
            clearance=self.clearance,
            egress=self.egress,
            region=self.region,
            baa=self.baa,
            dpa=self.dpa,
            zero_retention=self.zero_retention,
            trains_on_data=self.trains_on_data,
            papers_expire_on=self.papers_expire_on,
        )

    def find_faults(
        self, labels: Labels, *, today: date, placements: Placements = ANYWHERE
    ) -> list[Fault]:
        """Why it may not see values with these labels; empty when it may. The rule is in fitness.py."""
        return find_faults(self, labels, today=today, placements=placements)
