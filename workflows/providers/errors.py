"""How a call to a provider can fail, in kinds to choose by. Sentences never quote what was sent or answered."""

from enum import StrEnum

from tenancy.errors import GroveError
from workflows import departures


class FailureKind(StrEnum):
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    BAD_REQUEST = "bad_request"
    REFUSED = "refused"
    AUTH = "auth"
    MALFORMED = "malformed"


# The next deployment is tried only where no token can have been made, and nothing was wrong with the request.
RETRYABLE = frozenset(
    {
        FailureKind.CONNECTION,
        FailureKind.TIMEOUT,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER,
    }
)


class ProviderError(GroveError):
    """The provider did not answer as it should.

    `began`: a part of the answer had already come. `was_sent`: something may have arrived there.
    """

    code = "provider_failed"
    status = 502

    def __init__(
        self,
        kind: FailureKind,
        sentence: str,
        *,
        retry_after_seconds: float | None = None,
        began: bool = False,
        was_sent: bool = True,
    ) -> None:
        self.kind = kind
        self.was_sent = was_sent
        self.retry_after_seconds = retry_after_seconds
        self.began = began
        super().__init__(sentence, kind=str(kind))

    @property
    def recorded_kind(self) -> str:
        """As the row of the call names it: see workflows/departures.py."""
        return departures.to_recorded(str(self.kind), was_sent=self.was_sent)

    @property
    def retryable(self) -> bool:
        """May the next deployment be asked? Never after the first token."""
        return self.kind in RETRYABLE and not self.began


class ProviderKindUnknown(ProviderError):
    """Grove has no adapter for this kind of provider, or no such way to sign in."""

    code = "provider_kind_unknown"
    status = 422

    def __init__(self, sentence: str) -> None:
        super().__init__(FailureKind.BAD_REQUEST, sentence)


class DeploymentUnfit(GroveError):
    """This deployment may not see this data."""

    code = "deployment_unfit"
    status = 409


class ModelUnavailable(GroveError):
    """All deployments that may take this call are left in peace for a while."""

    code = "model_unavailable"
    status = 503


class PriceUnknown(GroveError):
    """The price of this deployment is not known, so nothing may be spent on it."""

    code = "price_unknown"
    status = 409
