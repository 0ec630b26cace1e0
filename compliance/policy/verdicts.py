"""The answer to one action: what may happen, why, and which policies said so."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class VerdictKind(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    MODIFY = "modify"
    REQUIRE_APPROVAL = "require_approval"
    THROTTLE = "throttle"


class ObligationKind(StrEnum):
    MODIFY = "modify"
    REQUIRE_APPROVAL = "require_approval"
    THROTTLE = "throttle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What must be done before the action may happen.

    `value` is a transform ("redact:PII"), an approving role, or the seconds to wait ("5").
    """

    kind: str
    value: str
    policy: str

    def to_json(self) -> dict[str, str]:
        return {"kind": str(self.kind), "value": self.value, "policy": self.policy}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`code` is for programs, `reason` is a sentence for people.

    Approval comes before throttling, throttling before a change of the arguments; `obligations`
    lists everything that is still owed, in that order, whatever the kind.
    """

    kind: VerdictKind
    code: str
    reason: str
    policies: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    engine_us: int = 0

    @property
    def is_allowed(self) -> bool:
        return self.kind is VerdictKind.ALLOW

    def obliged(self, kind: str) -> tuple[Obligation, ...]:
        return tuple(obligation for obligation in self.obligations if obligation.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """What is stored and compared in a replay: everything but the time it took."""
        return {
            "kind": str(self.kind),
            "code": self.code,
            "reason": self.reason,
            "policies": list(self.policies),
            "obligations": [obligation.to_json() for obligation in self.obligations],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            kind=VerdictKind(value["kind"]),
            code=value["code"],
            reason=value["reason"],
            policies=tuple(value["policies"]),
            obligations=tuple(Obligation(**one) for one in value["obligations"]),
        )
