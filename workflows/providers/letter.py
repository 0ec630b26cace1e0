"""What an adapter writes: where below the provider's address a request goes, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.providers.contract import ModelRequest, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    path: str
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def streams(target: Target) -> bool:
    """Is the answer read as it comes? Unless the provider's settings say otherwise."""
    return bool(target.settings.get("streaming", True))


def temperature_of(target: Target, request: ModelRequest) -> dict[str, float]:
    """The member that says it; empty for models that refuse one."""
    sent = bool(target.settings.get("send_temperature", True))
    return {"temperature": request.temperature} if sent else {}


def told_by_system(request: ModelRequest) -> str:
    """What the system says, for formats that keep it apart from the talk."""
    told = [each["content"] for each in request.messages if each["role"] == "system"]
    return "\n\n".join(told)


def talk(request: ModelRequest) -> list[Mapping[str, str]]:
    return [each for each in request.messages if each["role"] != "system"]
