"""Risk is computed from what changed: how grave it is, why, and who has to approve."""

import pytest

from compliance.labels import DataClass
from tests.workflows.differences.planted import PLANTED, definition_of, drop, node, rich
from workflows.differences import Level, compare
from workflows.differences.risk import Risk, assess, unguarded_writes
from workflows.differences.surroundings import Place, Surroundings
from workflows.differences.surroundings import compare as around_of
from workflows.governance import Rules

STRICT = Rules(review_required=True, reviewers=2)


def risk_of(changed: dict, rules: Rules = STRICT, around=()) -> Risk:
    before, after = definition_of(rich()), definition_of(changed)
    return assess(
        before=before, after=after, difference=compare(before, after), around=around, rules=rules
    )


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_the_level_is_that_of_the_gravest_change(name: str) -> None:
    plant, _, level, _, _ = PLANTED[name]
    changed = rich()
    plant(changed)

    found = risk_of(changed)

    assert found.level >= level
    assert found.needs_officer is (found.level is Level.HIGH)


def test_nothing_changed_is_a_low_risk_that_is_reviewed_all_the_same() -> None:
    found = risk_of(rich())

    assert (found.level, found.reasons, found.reviewers) == (Level.LOW, (), 2)
    assert found.who == "2 reviewers have to approve it; no author of it may."


def test_without_rules_nobody_is_asked() -> None:
    assert risk_of(rich(), Rules()).who == "The rules of this tenant ask nobody to approve it."


def test_a_write_that_no_person_guards_any_more_is_grave() -> None:
    changed = rich()
    node(changed, "archive")["after"] = ["ways"]

    found = risk_of(changed)

    assert found.level is Level.HIGH
    assert any("“archive” may write to the outside" in each.sentence for each in found.reasons)
    assert found.who.startswith("2 reviewers, a compliance officer among them, have")


def test_taking_the_approval_out_is_grave() -> None:
    changed = rich()
    drop(changed, "check")
    for each in changed["nodes"]:
        if each.get("after") == ["check"]:
            each["after"] = ["score", "ways"]

    found = risk_of(changed)

    assert unguarded_writes(definition_of(rich())) == ()
    assert unguarded_writes(definition_of(changed)) == ("archive",)
    assert {each.sentence.split(" (")[0] for each in found.reasons[:2]} >= {"Node “check”"}


def place(name: str = "eu", **facts) -> Place:
    given = {"region": "eu", "papers": frozenset({"dpa", "no_training"}), "model": "m1"} | facts
    return Place(kind="deployment", name=name, **given)


def around(*places: Place, **more) -> Surroundings:
    return Surroundings(places={(each.kind, each.name): each for each in places}, **more)


@pytest.mark.parametrize(
    ("before", "after", "level", "said"),
    [
        (around(), around(place()), Level.HIGH, "may go to the deployment “eu” now: external, eu"),
        (around(), around(place(is_external=False)), Level.MEDIUM, "internal, eu"),
        (around(place()), around(), Level.LOW, "no longer goes to the deployment “eu”"),
        (around(place()), around(place(papers=frozenset())), Level.HIGH, "is without"),
        (around(place(papers=frozenset())), around(place(papers=frozenset({"baa"}))), Level.LOW, "has business"),
        (around(place()), around(place(region="us")), Level.MEDIUM, "region of the deployment “eu” is “us”"),
        (around(place()), around(place(model="m2")), Level.MEDIUM, "is “m2” now, was “m1”"),
        (around(place()), around(place(clearance=DataClass.RESTRICTED)), Level.HIGH, "up to restricted data"),
        (around(place(is_external=False)), around(place()), Level.HIGH, "outside the walls"),
        (around(place()), around(place(enabled=False)), Level.LOW, "is disabled now"),
        (around(groups={"a": ("x",)}), around(groups={"a": ("x", "y")}), Level.MEDIUM, "asks “x” and “y”"),
        (around(policy=(1, "a")), around(policy=(2, "b")), Level.MEDIUM, "Policy 2 is in force, was policy 1."),
        (around(), around(secrets=frozenset({"key"})), Level.MEDIUM, "secret “key” is used now"),
        (around(), around(pinned={"b@2": "ab" * 32}), Level.MEDIUM, "version “b@2” now (sha256 abababababab…)"),
        (around(pinned={"b@2": "x"}), around(pinned={"b@2": ""}), Level.HIGH, "cannot be found"),
    ],
)  # fmt: skip
def test_what_changed_around_is_told(before, after, level, said) -> None:
    found = around_of(before, after)

    assert max(each.level for each in found) is level
    assert any(said in each.sentence for each in found)


def test_the_same_surroundings_are_no_change() -> None:
    assert around_of(around(place()), around(place())) == ()
