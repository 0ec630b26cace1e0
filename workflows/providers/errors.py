"""How a call to a provider can fail, in kinds to choose by. Sentences never quote what was sent or answered."""

from enum import StrEnum

from tenancy.errors import GroveError


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
    """The provider did not answer as it should."""

    code = "provider_failed"
    status = 502

    def __init__(
        self, kind: FailureKind, sentence: str, *, retry_after_seconds: float | None = None
    ) -> None:
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds
        super().__init__(sentence, kind=str(kind))

    @property
    def retryable(self) -> bool:
        return self.kind in RETRYABLE


class ProviderKindUnknown(GroveError):
    """Grove has no adapter for this kind of provider."""

    code = "provider_kind_unknown"
    status = 422


class DeploymentUnfit(GroveError):
    """This deployment may not see this data."""

    code = "deployment_unfit"
    status = 409


class PriceUnknown(GroveError):
    """The price of this deployment is not known, so nothing may be spent on it."""

    code = "price_unknown"
    status = 409
