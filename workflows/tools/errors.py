"""How a tool call can fail, in kinds to choose by. Sentences never quote what was sent or answered."""

from enum import StrEnum

from tenancy.errors import GroveError
from workflows import departures


class ToolFailure(StrEnum):
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    REDIRECT = "redirect"
    ADDRESS = "address"
    STORE_FULL = "store_full"
    OUTCOME_UNKNOWN = "outcome_unknown"  # an effect may have happened: never repeated silently


class ToolError(GroveError):
    """The tool did not do what it was asked for. `was_sent`: what it does may have happened all the same."""

    code = "tool_failed"
    status = 502

    def __init__(self, kind: ToolFailure, sentence: str, *, was_sent: bool = False) -> None:
        self.kind = kind
        self.was_sent = was_sent
        super().__init__(sentence, kind=str(kind))

    @property
    def recorded_kind(self) -> str:
        """As the row of the call names it: see workflows/departures.py."""
        return departures.to_recorded(str(self.kind), was_sent=self.was_sent)


class ToolUnknown(GroveError):
    """There is no such tool."""

    code = "tool_unknown"
    status = 422


class ArgumentsInvalid(GroveError):
    """These arguments are not what the tool takes."""

    code = "tool_arguments_invalid"
    status = 422
