"""for_each and refine, driven as the engine drives them: one call when they open, one whenever a body ended."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.steps import count_steps
from workflows.nodes import KINDS, BodyEnd, Ends, NodeFailed, Result
from workflows.nodes.bodies import BODY

EACH = {"items": "{{ batch.claims }}", "body": {"nodes": []}, "value": "{{ read.text }}"}
REFINE = {
    "body": {"nodes": []},
    "accept": {"left": "{{ critic.good }}", "op": "==", "right": True},
    "value": "{{ draft.text }}",
    "feedback": "{{ critic.wanting }}",
}


def step(kind, values, inputs, ends):
    """What follows. Asked twice, as after a crash, the answer is the same."""
    asked = KINDS[kind]
    config = asked.opens(asked.read(values), inputs)
    first = asked.next(config, inputs, Ends(ends))

    assert asked.next(config, inputs, Ends(ends)) == first
    return first


def read(given):
    """What the body makes of its claim."""
    return BodyEnd(given=given, outputs={"read": {"text": f"{given['index']}: {given['item']}"}})


def gather(values, inputs, *, end=read, seed=0):
    """Drive a for_each to its end; bodies end in any order. Gives its result and what was started."""
    chance = random.Random(seed)  # noqa: S311 - an order for a test
    ends, started, under_way = [], [], {}
    while True:
        follows = step("for_each", values, inputs, ends)
        for given_values in follows.start:
            under_way[len(ends)] = given_values
            started.append(given_values)
            ends.append(None)
        assert len(under_way) <= values.get("width", 4)
        if follows.result is not None:
            assert not under_way
            return follows.result, started
        index = chance.choice(sorted(under_way))
        ends[index] = end(under_way.pop(index))


# -- for_each


def test_the_form_of_a_body_is_the_same_for_all_containers():
    containers = [kind for kind in KINDS.values() if kind.body]

    assert all(kind.schema["properties"]["body"] == BODY for kind in containers)


@settings(deadline=None, max_examples=60)
@given(count=st.integers(0, 40), width=st.integers(1, 9), seed=st.integers(0, 9))
def test_every_entry_is_started_once_and_in_order_within_the_width(count, width, seed):
    inputs = {"batch": {"claims": [f"c{place}" for place in range(count)]}}

    result, started = gather({**EACH, "width": width}, inputs, seed=seed)

    assert [each["index"] for each in started] == list(range(count))
    assert result.output == {
        "items": [f"{place}: c{place}" for place in range(count)],
        "failed": [],
    }


def gather_at_length(count):
    """As the engine does: what is known of the bodies grows with them."""
    values = {
        **EACH,
        "items": [f"c{place}" for place in range(count)],
        "failures": count,
        "at_most": count,
    }
    kind, ends, started = KINDS["for_each"], Ends(), []
    config = kind.opens(kind.read(values), {})
    while (follows := kind.next(config, {}, ends)).result is None:
        for given_values in follows.start:
            started.append(given_values)
            ends.begin()
        given_values = started[len(started) - ends.under_way]
        code = "odd" if given_values["index"] % 2 else ""
        end = BodyEnd(given=given_values, outputs=read(given_values).outputs, code=code)
        ends.end(given_values["index"], end)
    return follows.result


def test_the_work_grows_with_the_entries_and_not_with_their_square():
    few = count_steps(lambda: gather_at_length(300))
    many = count_steps(lambda: gather_at_length(1200))

    assert len(gather_at_length(1200).output["failed"]) == 600
    assert many < 4.4 * few


def test_a_static_list_may_hold_references():
    values = {**EACH, "items": ["{{ batch.a }}", "b"], "as": "item"}

    result, _ = gather(values, {"batch": {"a": "A"}})

    assert result.output["items"] == ["0: A", "1: b"]


def test_the_entry_goes_by_the_name_it_is_given():
    values = {**EACH, "as": "claim"}
    (given_values,) = step("for_each", values, {"batch": {"claims": ["x"]}}, []).start

    assert given_values == {"claim": "x", "index": 0}
    assert KINDS["for_each"].body(KINDS["for_each"].read(values)) == {"claim", "index"}


@pytest.mark.parametrize(("count", "in_children"), [(25, False), (26, True)])
def test_many_entries_are_runs_of_their_own(count, in_children):
    follows = step("for_each", EACH, {"batch": {"claims": [0] * count}}, [])

    assert follows.in_children is in_children
    assert len(follows.start) == 4


def fail_some(*indexes):
    def end(given_values):
        if given_values["index"] in indexes:
            return BodyEnd(given=given_values, code="model_refused", sentence="No.")
        return read(given_values)

    return end


def test_a_few_failures_may_be_allowed_and_are_told():
    values = {**EACH, "failures": 2}

    result, _ = gather(values, {"batch": {"claims": list("abcd")}}, end=fail_some(1, 3))

    assert result.output == {
        "items": ["0: a", None, "2: c", None],
        "failed": [
            {"index": 1, "code": "model_refused", "sentence": "No."},
            {"index": 3, "code": "model_refused", "sentence": "No."},
        ],
    }


def test_one_failure_too_many_fails_at_once_while_others_are_under_way():
    inputs = {"batch": {"claims": list("abcd")}}
    ends = [None, BodyEnd(given={"item": "b", "index": 1}, code="timeout", sentence="Late."), None]

    with pytest.raises(NodeFailed) as raised:
        step("for_each", EACH, inputs, ends)

    assert raised.value.code == "items_failed"
    assert raised.value.sentence == (
        "1 entry failed and none may fail; the first is entry 1 (timeout): Late."
    )


def test_a_value_that_leads_nowhere_is_a_failure_of_its_entry():
    def end(given_values):
        outputs = {"read": {} if given_values["index"] else {"text": "ok"}}
        return BodyEnd(given=given_values, outputs=outputs)

    inputs = {"batch": {"claims": [1, 2]}}
    result, _ = gather({**EACH, "failures": 1}, inputs, end=end)

    assert result.output["items"] == ["ok", None]
    assert [(each["index"], each["code"]) for each in result.output["failed"]] == [
        (1, "reference_missing")
    ]
    with pytest.raises(NodeFailed, match="1 entry failed"):
        gather(EACH, inputs, end=end)


def test_a_node_that_a_body_skipped_is_null():
    def end(given_values):
        return BodyEnd(given=given_values, outputs={})

    assert gather(EACH, {"batch": {"claims": [1]}}, end=end)[0].output["items"] == [None]


def test_a_value_may_name_what_is_given_and_what_is_around():
    values = {**EACH, "value": {"number": "{{ index }}", "of": "{{ batch.name }}"}}

    result, _ = gather(values, {"batch": {"claims": [1], "name": "B"}})

    assert result.output["items"] == [{"number": 0, "of": "B"}]


@pytest.mark.parametrize("claims", ["text", {"a": 1}, None, 3])
def test_what_is_no_list_fails(claims):
    with pytest.raises(NodeFailed) as raised:
        step("for_each", EACH, {"batch": {"claims": claims}}, [])

    assert raised.value.code == "items_not_a_list"


def test_a_million_entries_are_refused_before_anything_starts():
    with pytest.raises(NodeFailed) as raised:
        step("for_each", EACH, {"batch": {"claims": [0] * 1_000_000}}, [])

    assert raised.value.code == "too_many_items"
    assert "1,000,000 entries; at most 1,000" in raised.value.sentence


# -- refine


def rounds(values, verdicts):
    """Drive a refine through rounds with these verdicts. Gives the notes, what was given, and the last step."""
    ends, notes, started = [], [], []
    for verdict in (None, *verdicts):
        if verdict is not None:
            outputs = {
                "draft": {"text": f"draft {len(ends)}"},
                "critic": {"good": verdict, "wanting": f"wanting {len(ends)}"},
            }
            ends[-1] = BodyEnd(given=started[-1], outputs=outputs)
        follows = step("refine", values, {}, ends)
        notes += [(note.event, note.body["round"]) for note in follows.notes]
        started += follows.start
        ends += [None] * len(follows.start)
    return notes, started, follows


def test_two_rounds_are_rejected_and_the_third_is_accepted():
    notes, started, last = rounds(REFINE, [False, False, True])

    assert started == [
        {"previous": None, "feedback": None, "round": 1},
        {"previous": "draft 1", "feedback": "wanting 1", "round": 2},
        {"previous": "draft 2", "feedback": "wanting 2", "round": 3},
    ]
    assert last.result is not None
    assert last.result.output == {"value": "draft 3", "rounds": 3, "accepted": True}
    told = [(note.event, note.body["round"]) for note in last.result.notes]
    assert notes + told == [("refine.rejected", 1), ("refine.rejected", 2), ("refine.accepted", 3)]


def test_a_round_under_way_is_waited_for():
    assert step("refine", REFINE, {}, [None]).start == ()


def test_no_accepted_round_fails_and_says_so_of_the_last_one():
    with pytest.raises(NodeFailed) as raised:
        rounds({**REFINE, "rounds": 2}, [False, False])

    assert raised.value.code == "refine_exhausted"
    assert [note.event for note in raised.value.notes] == ["refine.rejected"]


def test_the_last_round_may_be_good_enough():
    _, _, last = rounds({**REFINE, "rounds": 2, "on_exhausted": "last"}, [False, False])

    assert last.result.output == {"value": "draft 2", "rounds": 2, "accepted": False}


def test_a_round_that_failed_fails_the_node_with_the_same_code():
    end = BodyEnd(given={"round": 1}, code="model_timeout", sentence="No answer.")

    with pytest.raises(NodeFailed) as raised:
        step("refine", REFINE, {}, [end])

    assert (raised.value.code, raised.value.sentence) == (
        "model_timeout",
        "Round 1 failed: No answer.",
    )


def test_a_verdict_that_cannot_be_decided_fails():
    with pytest.raises(NodeFailed) as raised:
        rounds(REFINE, ["yes"])

    assert raised.value.code == "not_comparable"


def test_without_feedback_the_next_round_is_told_nothing():
    values = {name: value for name, value in REFINE.items() if name != "feedback"}

    assert rounds(values, [False])[1][1] == {"previous": "draft 1", "feedback": None, "round": 2}


def test_labels_are_left_to_the_engine():
    # A container sees values only; the labels are joined from the nodes that its templates name.
    result, _ = gather(EACH, {"batch": {"claims": [1]}})

    assert isinstance(result, Result)
    assert result.labels is None
    assert KINDS["refine"].carries_over
    assert not KINDS["for_each"].carries_over
