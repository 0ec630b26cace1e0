"""Deployments that failed are left in peace for a while."""

from tenancy.models import new_id
from workflows.providers.errors import FailureKind, ProviderError
from workflows.providers.health import PAUSE_SECONDS, Cooldowns


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_deployment_cools_down_and_comes_back() -> None:
    clock, deployment = Clock(), new_id()
    cooldowns = Cooldowns(clock)

    cooldowns.failed(deployment, ProviderError(FailureKind.SERVER, "down"))
    cooling = cooldowns.is_cooling(deployment)
    clock.now += PAUSE_SECONDS + 0.1

    assert cooling
    assert not cooldowns.is_cooling(deployment)


def test_failures_in_a_row_double_the_pause() -> None:
    clock, deployment = Clock(), new_id()
    cooldowns = Cooldowns(clock)

    for _ in range(2):
        cooldowns.failed(deployment, ProviderError(FailureKind.CONNECTION, "down"))
    clock.now += PAUSE_SECONDS + 0.1

    assert cooldowns.is_cooling(deployment)


def test_provider_says_how_long() -> None:
    clock, deployment = Clock(), new_id()
    cooldowns = Cooldowns(clock)
    error = ProviderError(FailureKind.RATE_LIMITED, "slow down", retry_after_seconds=60)

    cooldowns.failed(deployment, error)
    clock.now += 59

    assert cooldowns.is_cooling(deployment)


def test_good_answer_ends_it_and_a_bad_request_never_begins_it() -> None:
    deployment, other = new_id(), new_id()
    cooldowns = Cooldowns(Clock())

    cooldowns.failed(deployment, ProviderError(FailureKind.SERVER, "down"))
    cooldowns.answered(deployment)
    cooldowns.failed(other, ProviderError(FailureKind.BAD_REQUEST, "no"))

    assert not cooldowns.is_cooling(deployment)
    assert not cooldowns.is_cooling(other)
