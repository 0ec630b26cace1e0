"""Whether a node is tried again after it failed, and how long it waits before that. Pure.

The wait grows by a factor and is drawn anew each time between nothing and its bound (“full jitter”:
Marc Brooker, “Exponential Backoff And Jitter”, AWS 2015), so that many runs that failed together do not come back
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_RULES = 10
MAX_ATTEMPTS = 20
MAX_WAIT_SECONDS = 86_400

# What may well go away by itself: tried again unless a rule says which codes it is for.
TRANSIENT = frozenset(
    {
        "model_connection",
        "model_timeout",
        "model_rate_limited",
        "model_server",
        "model_unavailable",
        "tool_connection",
        "tool_timeout",
        "tool_rate_limited",
        "tool_server",
        "timeout",
    }
)

# What a rule may name beside them.
OTHERS = frozenset(
    {
        "model_bad_request",
        "model_refused",
        "model_auth",
        "model_malformed",
        "tool_bad_request",
        "tool_auth",
        "tool_malformed",
        "tool_not_found",
        "tool_too_large",
        "tool_redirect",
        "tool_address",
        "tool_store_full",
        "store_full",
        "output_schema_mismatch",
        "no_deployment",
        "throttled",
        "callback_expired",
        "child_failed",
        "items_failed",
        "refine_exhausted",
        "code_time",
        "code_memory",
        "code_busy",
    }
)
CODES = TRANSIENT | OTHERS

_RULE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ATTEMPTS,
            "description": "How often it is tried in all, the first time included.",
        },
        "wait_seconds": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
        "factor": {"type": "number", "minimum": 1, "maximum": 10},
        "at_most_seconds": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
        "on": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string"},
            "description": "Codes of the failures this is for; those that may go away by themselves when left out.",
        },
    },
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "description": "When it is tried again: one rule, or several of which the first that names the failure holds. "
    "The wait is drawn between nothing and wait_seconds × factor for each attempt before, at most at_most_seconds.",
    "type": ["object", "array"],
    "properties": _RULE["properties"],
    "additionalProperties": False,
    "items": _RULE,
    "minItems": 1,
    "maxItems": MAX_RULES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """`attempts` counts the first one; `on` None means the failures that may go away by themselves."""

    attempts: int = 3
    wait_seconds: float = 1.0
    factor: float = 2.0
    at_most_seconds: float = 60.0
    on: frozenset[str] | None = None

    def names(self, code: str) -> bool:
        return code in (TRANSIENT if self.on is None else self.on)

    def wait_seconds_after(self, attempt: int, *, chance: float) -> float:
        """`attempt` is the one that failed, counted from 1; `chance` is drawn from [0, 1)."""
        # Beyond the most attempts a definition may name, the bound has long been reached.
        grown = self.wait_seconds * self.factor ** min(attempt - 1, MAX_ATTEMPTS)
        return chance * min(grown, self.at_most_seconds)


def read(written: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None) -> tuple[RetryRule, ...]:
    """The rules of a node as its definition writes them: nothing, one, or a list."""
    if written is None:
        return ()
    rules = [written] if isinstance(written, Mapping) else written
    return tuple(_read_rule(rule) for rule in rules)


def _read_rule(written: Mapping[str, Any]) -> RetryRule:
    on = frozenset(written["on"]) if "on" in written else None
    return RetryRule(**{**written, "on": on})


def wait_before_next(
    rules: Sequence[RetryRule], *, code: str, attempt: int, chance: float
) -> float | None:
    """Seconds until the next attempt, or None: that was the last one.

    `attempt` is the one that failed, counted from 1; `chance` is drawn from [0, 1).
    """
    rule = next((rule for rule in rules if rule.names(code)), None)
    if rule is None or attempt >= rule.attempts:
        return None
    return rule.wait_seconds_after(attempt, chance=chance)
