"""Labels join to the stricter side, whatever the order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.labels import DataClass, Integrity, Labels, join

WORDS = st.frozensets(st.sampled_from(["PII", "PCI", "PHI"]))
LABELS = st.builds(
    Labels,
    st.sampled_from(DataClass),
    st.sampled_from(Integrity),
    WORDS,
    st.none() | st.frozensets(st.sampled_from(["eu", "us", "ch"])),
    WORDS,
)


def test_join_takes_the_stricter_of_each():
    one = Labels(DataClass.INTERNAL, Integrity.TRUSTED, frozenset({"PII"}), frozenset({"eu", "us"}))
    other = Labels(DataClass.RESTRICTED, Integrity.UNTRUSTED, frozenset({"PCI"}), frozenset({"eu"}))

    assert join(one, other) == Labels(
        DataClass.RESTRICTED, Integrity.UNTRUSTED, frozenset({"PII", "PCI"}), frozenset({"eu"})
    )


def test_join_of_nothing_is_neutral():
    assert join() == Labels()


@settings(deadline=None)
@given(LABELS, LABELS, LABELS)
def test_join_is_a_semilattice(a, b, c):
    assert join(a) == join(a, a) == a
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c)) == join(a, b, c)
    assert join(a, Labels()) == a


@settings(deadline=None)
@given(LABELS, LABELS)
def test_a_part_is_never_stricter_than_the_whole(a, b):
    assert a.is_within(join(a, b))


def test_what_may_stay_anywhere_is_not_bound_by_regions():
    assert Labels().is_within(Labels(residency=frozenset({"eu"})))
    assert not Labels(residency=frozenset({"eu"})).is_within(Labels())


@settings(deadline=None)
@given(LABELS)
def test_labels_survive_json(labels):
    assert Labels.from_json(labels.to_json()) == labels


@pytest.mark.parametrize(
    "change",
    [
        {"data_class": "secret"},
        {"data_class": 3},
        {"integrity": None},
        {"tags": "PII"},
        {"tags": [1]},
        {"residency": "eu"},
        {"more": 1},
    ],
)
def test_unknown_words_are_refused(change):
    with pytest.raises(ValueError, match=r"\."):
        Labels.from_json({**Labels().to_json(), **change})


def test_missing_members_are_refused():
    with pytest.raises(ValueError, match="residency"):
        Labels.from_json(
            {"data_class": "public", "integrity": "trusted", "tags": [], "origins": []}
        )


def test_small_changes_leave_the_rest():
    labels = Labels(DataClass.INTERNAL).with_tags("PII", "PCI").without_tags("PCI")

    assert labels.with_origins("letter").with_integrity(Integrity.ENDORSED) == Labels(
        DataClass.INTERNAL, Integrity.ENDORSED, frozenset({"PII"}), None, frozenset({"letter"})
    )
    assert DataClass.RESTRICTED.word == "restricted"
