"""The semantic difference: what was planted is named, and nothing else."""

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.differences.planted import PLANTED, definition_of, node, rename, rich
from workflows.definition import parse, to_yaml
from workflows.differences import NO_CHANGE, bounded, compare

# What takes away, or calls otherwise, what others change.
TOGETHER_WITH_NONE = {"node removed", "node renamed", "node moved", "tool", "kind"}


@pytest.mark.parametrize("name", PLANTED)
def test_what_was_planted_is_named_and_nothing_else(name: str) -> None:
    plant, category, level, said, pointer = PLANTED[name]
    changed = rich()
    plant(changed)

    found = compare(definition_of(rich()), definition_of(changed))

    (change,) = found.changes
    assert (change.category, change.level) == (category, level)
    assert said in change.sentence
    assert change.pointer.endswith(pointer)
    assert found.headline == "1 change in behaviour"


@settings(max_examples=25, deadline=None)
@given(
    st.sets(
        st.sampled_from(sorted(set(PLANTED) - TOGETHER_WITH_NONE)),
        min_size=2,
        max_size=4,
    )
)
def test_several_plants_are_named_each(names: set[str]) -> None:
    before, changed = definition_of(rich()), rich()
    alone = []
    for name in sorted(names):
        one = rich()
        PLANTED[name][0](one)
        alone += [each.sentence for each in compare(before, definition_of(one)).changes]
        PLANTED[name][0](changed)

    found = {each.sentence for each in compare(before, definition_of(changed)).changes}

    untouched = [sentence for sentence in alone if "reads otherwise" not in sentence]
    overlapping = {"archive", "classify", "letter", "count", "notify"}
    sure = {each for each in untouched if not any(f"“{name}”" in each for name in overlapping)}
    assert sure <= found
    assert len(found) <= len(alone)


def test_layout_comments_order_and_written_defaults_change_nothing() -> None:
    laid_out = deepcopy(rich())
    laid_out["nodes"] = laid_out["nodes"][:3] + laid_out["nodes"][:2:-1]
    node(laid_out, "classify")["max_tokens"] = 1000
    node(laid_out, "count")["on_failure"] = "fail"
    node(laid_out, "each_claim")["width"] = 4
    text = "# A comment\n" + to_yaml(laid_out).replace("\n  - ", "\n\n  - ")

    found = compare(definition_of(rich()), parse(text))

    assert found.changes == ()
    assert found.headline == NO_CHANGE == "No change in behaviour"


def test_words_are_told_and_are_no_change_in_behaviour() -> None:
    changed = rich()
    changed["title"] = "Another title"
    node(changed, "classify")["description"] = "Sorts letters."

    found = compare(definition_of(rich()), definition_of(changed))

    assert found.headline == NO_CHANGE
    assert [each.sentence for each in found.words] == [
        "The title is “Another title” now.",
        "Node “classify”: the description is “Sorts letters.” now.",
    ]
    assert found.marks() == {}


def test_a_rename_is_one_change_though_many_name_it() -> None:
    changed = rich()
    rename(changed)

    found = compare(definition_of(rich()), definition_of(changed))

    assert found.renamed == (("classify", "sort_out"),)
    assert [each.sentence for each in found.changes] == [
        "Node “classify” is called “sort_out” now, and does the same."
    ]


def test_a_first_definition_is_all_new() -> None:
    found = compare(None, definition_of(rich()))

    assert {each.mark for each in found.changes} == {"added"}
    assert set(found.marks()) == {each["id"] for each in rich()["nodes"]}
    assert "with 2 nodes inside" in " ".join(each.sentence for each in found.changes)


def test_prompts_show_what_came_and_what_went_word_by_word() -> None:
    changed = rich()
    node(changed, "classify")["prompt"] = "Sort that: {{ mask.text }}"

    (change,) = compare(definition_of(rich()), definition_of(changed)).changes

    assert [(part.sign, part.text) for part in change.parts] == [
        (" ", "Sort "),
        ("-", "this"),
        ("+", "that"),
        (" ", ": {{ mask.text }}"),
    ]


def test_the_order_is_stable_and_the_list_can_be_bounded() -> None:
    changed = rich()
    for name in ("prompt", "retention", "approver", "node removed"):
        PLANTED[name][0](changed)
    shuffled = deepcopy(changed)
    shuffled["nodes"].reverse()

    first = compare(definition_of(rich()), definition_of(changed))
    again = compare(definition_of(rich()), definition_of(changed))

    assert first == again
    assert {each.sentence for each in first.changes} == {
        each.sentence for each in compare(definition_of(rich()), definition_of(shuffled)).changes
    }
    shown, more = bounded(first.changes, 3)
    assert (len(shown), more) == (3, 1)
