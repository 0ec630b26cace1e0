"""What goes to a provider and what comes back, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from compliance.labels import Labels
from compliance.policy import actions
from workflows.permits import Permit
from workflows.providers.errors import FailureKind, ProviderError

__all__ = ["FailureKind", "ModelRequest", "ModelResponse", "Permit", "ProviderError", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked. `schema` is the JSON Schema that its answer shall satisfy, or None for free text."""

    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None = None
    max_tokens: int
    temperature: float = 0.0
    timeout_seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "messages": [dict(message) for message in self.messages],
            "schema": dict(self.schema) if self.schema is not None else None,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "timeout_seconds": self.timeout_seconds,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResponse:
    """What a model answered. `model` is the one that really did; `cut_off` when it ran into max_tokens."""

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    cut_off: bool = False
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment and its provider as they stood when the gateway chose it."""

    deployment_id: UUID
    name: str
    model: str
    clearance: int
    deployment_timeout_seconds: float
    provider: str
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

    def find_faults(self, labels: Labels, *, today: date) -> list[str]:
        """Why it may not see values with these labels; empty when it may. A sentence each."""
        faults = []
        if labels.data_class > self.clearance:
            faults.append(f"“{self.name}” may not see {labels.data_class.word} data.")
        if labels.residency is not None and self.region not in labels.residency:
            allowed = ", ".join(sorted(labels.residency)) or "nowhere"
            faults.append(
                f"“{self.name}” is in {self.region or 'an unknown region'}, not {allowed}."
            )
        if self.papers_expire_on is not None and self.papers_expire_on < today:
            faults.append(f"The papers of “{self.provider}” expired on {self.papers_expire_on}.")
        return faults
