"""Forms of nodes: what nobody touched makes no edit, and what was typed makes exactly its own."""

import copy
from pathlib import Path
from typing import Any

import pytest

from workflows import branch_table, edits, field_plans, form_fields, node_form, node_tree, source
from workflows.field_plans import Offers
from workflows.node_tree import Spot

HERE = Path(__file__).parent
GOOD = source.read((HERE / "good.yaml").read_text()).value
NESTED = source.read((HERE / "nested.yaml").read_text()).value
OFFERS = Offers(model_groups={"default": "default"}, versions={"scoring@3": "Scoring, version 3"})
NODES = [(spec, spot.id) for spec in (GOOD, NESTED) for spot in node_tree.spots(spec)]


def spot_of(spec: Any, node: str) -> Spot:
    spot = node_tree.find(spec, node)
    assert spot is not None
    return spot


def sent_by_a_browser(spec: Any, node: str, **typed: Any) -> dict[str, list[str]]:
    """What the form sends as it stands, with some of it typed over."""
    spot = spot_of(spec, node)
    state: dict[str, list[str]] = {"has": ["f-after"], "f-id": [node]}
    for field in node_form.fields(field_plans.of_node(spec, spot, OFFERS), spot.written):
        state |= {key: list(values) for key, values in field.state.items()}
        state["has"].append(field.plan.key)
    after = node_form.after(spot)
    state["f-after"] = [each.value for each in after.choices if each.chosen] if after else []
    table = node_form.branches(spot)
    for row in table.rows if table else ():
        state |= row.state()
    return state | {name.replace("__", "-"): value for name, value in typed.items()}


def changed(spec: Any, node: str, **typed: Any) -> Any:
    read = node_form.read_node(
        spec, spot_of(spec, node), sent_by_a_browser(spec, node, **typed), OFFERS
    )
    assert read.errors == {}
    made = copy.deepcopy(spec)
    for edit in read.edits:
        edits.apply(made, edit)
    return made


@pytest.mark.parametrize(
    ("spec", "node"), NODES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_form_that_nobody_touched_makes_no_edit(spec: Any, node: str) -> None:
    sent = sent_by_a_browser(spec, node)

    read = node_form.read_node(spec, spot_of(spec, node), sent, OFFERS)

    assert read == node_form.Read(edits=(), errors={})


def test_a_prompt_is_taken_with_line_ends_as_they_are_kept() -> None:
    made = changed(GOOD, "classify", **{"f-prompt": ["One\r\ntwo {{ mask.text }}"]})

    assert spot_of(made, "classify").written["prompt"] == "One\ntwo {{ mask.text }}"


def test_a_value_chosen_from_upstream_is_written_as_a_reference() -> None:
    made = changed(GOOD, "classify", **{"f-prompt-from": ["letter.text"]})
    table = changed(GOOD, "result", **{"f-value-0-from": ["classify.severity"]})

    assert spot_of(made, "classify").written["prompt"].endswith("{{ mask.text }} {{ letter.text }}")
    assert spot_of(table, "result").written["value"] == {"answer": "{{ classify.severity }}"}


def test_upstream_values_are_offered_from_the_schemas() -> None:
    plans = {
        plan.name: plan for plan in field_plans.of_node(GOOD, spot_of(GOOD, "classify"), OFFERS)
    }

    assert plans["prompt"].sources == ("mask.text", "mask.found", "letter.text")


def test_a_body_is_offered_what_it_is_given() -> None:
    plans = {
        plan.name: plan for plan in field_plans.of_node(NESTED, spot_of(NESTED, "critic"), OFFERS)
    }

    assert {"draft.text", "feedback", "claim", "index", "batch.rules"} <= set(
        plans["prompt"].sources
    )


def test_an_emptied_field_is_left_out_and_a_required_one_is_empty() -> None:
    made = changed(NESTED, "each_claim", **{"f-width": [""], "f-as": [""]})
    empty = changed(GOOD, "classify", **{"f-prompt": [""]})

    assert "width" not in spot_of(made, "each_claim").written
    assert spot_of(empty, "classify").written["prompt"] == ""


def test_a_number_that_is_none_and_yaml_that_is_none_are_told_at_their_field() -> None:
    sent = sent_by_a_browser(
        NESTED, "read_claim", **{"f-max_tokens": ["many"], "f-output": ["a: [1,\nb"]}
    )

    read = node_form.read_node(NESTED, spot_of(NESTED, "read_claim"), sent, OFFERS)

    assert read.errors["max_tokens"] == ("“many” is not a number.",)
    assert read.errors["output"][0].startswith("Line ")
    assert read.edits == ()


def test_branches_are_renamed_led_elsewhere_and_added_in_one_go() -> None:
    made = changed(
        GOOD,
        "route",
        **{
            "f-cases-0-branch": ["now"],
            "f-cases-0-to": ["quick", "slow"],
            "f-cases-1-branch": ["later"],
            "f-cases-1-left-from": ["classify.severity"],
            "f-cases-1-op": ["<"],
            "f-cases-1-right": ["2"],
            "f-cases-1-to": ["joined"],
        },
    )
    route = spot_of(made, "route").written

    assert [case["branch"] for case in route["cases"]] == ["now", "later"]
    assert route["cases"][1]["when"] == {"left": "{{ classify.severity }}", "op": "<", "right": 2}
    assert spot_of(made, "slow").written["after"] == ["route:normal", "route:now"]
    assert spot_of(made, "joined").written["after"] == ["quick", "slow", "route:later"]


def test_boxes_name_what_would_close_a_loop() -> None:
    after = node_form.after(spot_of(GOOD, "quick"))
    assert after is not None

    assert [each.value for each in after.choices if each.chosen] == ["route:urgent"]
    assert "route:normal" in [each.value for each in after.choices]
    assert after.closing == ("joined", "result")


def test_ticks_change_what_a_node_runs_after() -> None:
    made = changed(GOOD, "slow", **{"f-after": ["route:normal", "mask"]})

    assert spot_of(made, "slow").written["after"] == ["route:normal", "mask"]


def test_a_renamed_node_and_its_prompt_are_saved_together() -> None:
    made = changed(GOOD, "mask", **{"f-id": ["veil"], "f-title": ["Veil"]})

    assert spot_of(made, "veil").written["title"] == "Veil"
    assert "{{ veil.text }}" in spot_of(made, "classify").written["prompt"]


def test_no_branch_may_lead_to_what_comes_before() -> None:
    table = branch_table.table_of(spot_of(GOOD, "route"))
    assert table is not None

    assert [node for node, _ in table.targets] == ["quick", "slow", "joined", "result"]


def test_a_table_of_arguments_reads_back_what_it_shows() -> None:
    values = {"a": "5", "b": 5, "c": {"d": [True, None]}, "e": "", "f": "two\nlines"}
    plan = form_fields.Plan(name="arguments", label="", widget="pairs")

    assert form_fields.value_of(plan, form_fields.state_of(plan, values)) == values
