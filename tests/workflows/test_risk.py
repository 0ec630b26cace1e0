"""The tier is the sum of what can go wrong, and says each part."""

from dataclasses import replace

import pytest

from compliance.labels import DataClass
from workflows.risk import Facts, Tier, assess

PLAIN = Facts(
    data_class=DataClass.PUBLIC,
    tags=(),
    external=(),
    trained_on=(),
    writes=(),
    asks_a_model=False,
    approvals=(),
)


@pytest.mark.parametrize(
    ("facts", "points", "tier"),
    [
        (PLAIN, 0, Tier.LOW),
        (replace(PLAIN, data_class=DataClass.CONFIDENTIAL), 2, Tier.LOW),
        (replace(PLAIN, data_class=DataClass.RESTRICTED), 3, Tier.MEDIUM),
        (replace(PLAIN, asks_a_model=True), 1, Tier.LOW),
        (replace(PLAIN, asks_a_model=True, approvals=("check",)), 0, Tier.LOW),
        (
            Facts(
                data_class=DataClass.CONFIDENTIAL,
                tags=("PII",),
                external=("a",),
                trained_on=("a",),
                writes=("send",),
                asks_a_model=True,
                approvals=("check",),
            ),
            5,
            Tier.HIGH,
        ),
    ],
)
def test_points_make_the_tier(facts: Facts, points: int, tier: Tier) -> None:
    found = assess(facts)

    assert (found.points, found.tier) == (points, tier)


def test_every_point_is_told() -> None:
    found = assess(replace(PLAIN, data_class=DataClass.RESTRICTED, external=("b", "a")))

    assert found.reasons == (
        "handles data up to restricted (+3)",
        "data may go outside: a, b (+1)",
    )
