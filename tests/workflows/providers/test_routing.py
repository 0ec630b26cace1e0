"""Which deployments are asked, in which order, and why the others are not."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from compliance.labels import DataClass, Labels
from tests.workflows.providers.targets import make_target
from workflows.providers import routing
from workflows.providers.contract import Target
from workflows.providers.fitness import Placement, Placements
from workflows.providers.standing import Standing

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = AT.date()
YESTERDAY = date(2026, 11, 20)
RESTING = Standing(failures=1, open_until=AT + timedelta(seconds=5))
OPEN = Standing(failures=3, open_until=AT + timedelta(seconds=20))
HALF_OPEN = Standing(failures=3, open_until=AT)
ASKED = Standing(failures=1, must_wait=True, open_until=AT + timedelta(seconds=60))
EU_ONLY = Placements(
    by_class={DataClass.CONFIDENTIAL: Placement(regions=frozenset({"eu"}))},
)


def plan(*members: Target, labels: Labels = Labels(), **more: Any) -> routing.Plan:  # noqa: B008
    return routing.plan(members, labels, today=TODAY, at=AT, **more)


def named(*targets: Target) -> list[str]:
    return [target.name for target in targets]


@pytest.mark.parametrize(
    ("facts", "labels", "code"),
    [
        ({"clearance": 1}, Labels(DataClass.CONFIDENTIAL), "data_class_too_high"),
        ({"trains_on_data": True}, Labels(DataClass.INTERNAL), "provider_trains_on_data"),
        ({"region": "us"}, Labels(residency=frozenset({"eu"})), "residency"),
        ({"region": ""}, Labels(residency=frozenset({"eu"})), "residency"),
        ({"region": "eu"}, Labels(residency=frozenset()), "residency"),
        ({"papers_expire_on": YESTERDAY}, Labels(), "papers_expired"),
        ({"baa": False}, Labels(tags=frozenset({"PHI"})), "phi_without_papers"),
        (
            {"baa": True, "zero_retention": False},
            Labels(tags=frozenset({"PHI"})),
            "phi_without_papers",
        ),
        ({"dpa": False}, Labels(tags=frozenset({"PII"})), "pii_without_dpa"),
    ],
)
def test_one_fault_is_enough_to_be_left_out(
    facts: dict[str, Any], labels: Labels, code: str
) -> None:
    unfit = make_target(name="unfit", **facts)
    fit = make_target(name="fit", region="eu", baa=True)
    if labels.residency == frozenset():
        fit = unfit

    planned = plan(unfit, fit, labels=labels)

    if fit is unfit:  # nowhere is nowhere for everybody
        assert planned.is_refused
        return
    assert named(*planned.targets) == ["fit"]
    assert [each.code for each in planned.left_out] == [code]
    assert planned.left_out[0].name == "unfit"


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        ({"trains_on_data": True}, Labels(DataClass.PUBLIC)),
        ({"papers_expire_on": TODAY}, Labels()),  # valid through its last day
        ({"egress": "internal", "dpa": False}, Labels(tags=frozenset({"PII", "PHI"}))),
        ({"baa": True}, Labels(tags=frozenset({"PHI"}))),
    ],
)
def test_what_is_allowed_stays_in(facts: dict[str, Any], labels: Labels) -> None:
    assert not plan(make_target(**facts), labels=labels).is_refused


def test_where_none_may_the_first_comes_alone_with_its_fault() -> None:
    abroad, low = make_target(name="abroad", region="us"), make_target(name="low", clearance=0)

    planned = plan(abroad, low, labels=Labels(DataClass.INTERNAL, residency=frozenset({"eu"})))

    assert planned.is_refused
    assert named(*planned.targets) == ["abroad"]
    assert planned.targets[0].fault is not None
    assert planned.targets[0].fault.code == "residency"
    assert [each.name for each in planned.left_out] == ["low"]


def test_failover_never_leaves_the_places_of_a_class() -> None:
    down = make_target(name="eu", region="eu", standing=OPEN)
    healthy = make_target(name="us", region="us")

    planned = plan(down, healthy, labels=Labels(DataClass.CONFIDENTIAL), placements=EU_ONLY)

    assert planned.targets == ()
    assert [each.code for each in planned.left_out] == ["breaker_open", "class_placement"]


def test_higher_class_goes_by_the_nearest_placement_below() -> None:
    us = make_target(clearance=3, region="us")

    assert plan(us, labels=Labels(DataClass.RESTRICTED), placements=EU_ONLY).is_refused
    assert not plan(us, labels=Labels(DataClass.INTERNAL), placements=EU_ONLY).is_refused


def test_class_may_name_its_providers() -> None:
    only = Placements(by_class={DataClass.PUBLIC: Placement(providers=frozenset({"house"}))})

    planned = plan(make_target(provider="other"), make_target(provider="house"), placements=only)

    assert [each.provider for each in planned.targets] == ["house"]
    assert "“other”" in planned.left_out[0].sentence


def test_order_is_kept_but_who_rests_comes_last_and_who_is_open_not_at_all() -> None:
    resting = make_target(name="resting", standing=RESTING)
    trial = make_target(name="trial", standing=HALF_OPEN)
    opened = make_target(name="open", standing=OPEN)
    asked = make_target(name="asked", standing=ASKED)
    fine = make_target(name="fine")

    planned = plan(resting, trial, opened, asked, fine)

    assert named(*planned.targets) == ["trial", "fine", "resting"]
    assert planned.on_trial == {trial.deployment_id}
    assert [(each.name, each.code) for each in planned.left_out] == [
        ("open", "breaker_open"),
        ("asked", "asked_to_wait"),
    ]
    assert "12:01:00 UTC" in planned.left_out[1].sentence
