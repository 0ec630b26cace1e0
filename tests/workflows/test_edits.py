"""Edits of a definition as it is written: no circle ever, and what was named stays named."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows import edits, node_tree, source, validation
from workflows.checks.references import look_up
from workflows.checks.scopes import Scope
from workflows.edits import Edit
from workflows.errors import EditRefused
from workflows.nodes import KINDS
from workflows.references import references_in
from workflows.renaming import WITHOUT_REFERENCES, in_text

HERE = Path(__file__).parent
GOOD = source.read((HERE / "good.yaml").read_text()).value
NESTED = source.read((HERE / "nested.yaml").read_text()).value


def changed(spec: Any, name: str, **arguments: Any) -> Any:
    made = copy.deepcopy(spec)
    edits.apply(made, Edit(name=name, arguments=arguments))
    return made


def written(spec: Any, node: str) -> dict[str, Any]:
    spot = node_tree.find(spec, node)
    assert spot is not None
    return spot.written


def codes(spec: Any) -> list[str]:
    return [problem.code for problem in validation.check(spec)]


def test_a_node_added_after_another_takes_over_what_came_after_it() -> None:
    made = changed(GOOD, "add", kind="llm", after="mask", id="summary")

    assert written(made, "summary")["after"] == ["mask"]
    assert written(made, "classify")["after"] == ["summary"]


def test_a_node_added_beside_leaves_the_others_where_they_were() -> None:
    made = changed(GOOD, "add", kind="llm", after="mask", take_over=False)

    assert written(made, "llm")["after"] == ["mask"]
    assert written(made, "classify")["after"] == ["mask"]


def test_a_node_inserted_on_an_edge_keeps_its_branch() -> None:
    made = changed(GOOD, "insert", source="route", target="slow", kind="redact")

    assert written(made, "redact")["after"] == ["route:normal"]
    assert written(made, "slow")["after"] == ["redact"]
    assert written(made, "quick")["after"] == ["route:urgent"]


def test_what_came_after_a_removed_node_comes_after_what_it_came_after() -> None:
    made = changed(GOOD, "remove", node="route")

    assert written(made, "quick")["after"] == ["classify"]
    assert written(made, "slow")["after"] == ["classify"]


def test_a_duplicate_has_a_free_id_and_names_its_own_inner_nodes() -> None:
    made = changed(NESTED, "duplicate", node="each_claim")
    copied = written(made, "each_claim_2")

    assert copied["value"]["amount"] == "{{ read_claim_2.amount }}"
    assert [node["id"] for node in copied["body"]["nodes"]] == ["read_claim_2", "improve_2"]
    assert copied["body"]["nodes"][1]["after"][0]["node"] == "read_claim_2"
    assert len(node_tree.ids(made)) == sum(1 for _ in node_tree.spots(made))


def test_renaming_takes_templates_conditions_expressions_edges_and_bodies_along() -> None:
    made = changed(
        changed(GOOD, "rename", node="mask", to="veil"), "rename", node="route", to="way"
    )

    assert written(made, "classify")["prompt"] == "Sort this: {{ veil.text }}"
    assert written(made, "quick")["expression"] == "{answer: veil.text}"
    assert written(made, "quick")["after"] == ["way:urgent"]
    assert validation.check(made) == []


def test_renaming_reaches_into_bodies_and_what_edges_compare() -> None:
    made = changed(NESTED, "rename", node="read_claim", to="claim_read")
    edge = written(made, "improve")["after"][0]

    assert edge == {
        "node": "claim_read",
        "when": {"left": "{{ claim_read.amount }}", "op": ">", "right": 100},
    }
    assert "{{ claim_read.amount }}" in written(made, "draft")["prompt"]
    assert codes(made) == codes(NESTED)


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("{{a.b}} a {{ a }} {{ab.a}}", "{{x.b}} a {{ x }} {{ab.a}}"),
        ("{{  a[0].a }}{{", "{{  x[0].a }}{{"),  # an unclosed pair of braces stays
        ("{{ a + 1 }} a", "{{ a + 1 }} a"),  # no reference
    ],
)
def test_only_references_are_renamed_in_a_text(text: str, renamed: str) -> None:
    assert in_text(text, {"a": "x"}) == renamed


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("set_after", {"node": "mask", "after": ["joined"]}, "circle"),
        ("set_after", {"node": "mask", "after": ["mask"]}, "circle"),
        ("set_after", {"node": "mask", "after": ["nobody"]}, "no such node"),
        ("set_branches", {"node": "route", "targets": {"urgent": ["mask"]}}, "circle"),
        ("set_branches", {"node": "route", "targets": {"left": ["slow"]}}, "no branch"),
        ("rename", {"node": "mask", "to": "slow"}, "already"),
        ("rename", {"node": "mask", "to": "Not An Id"}, "cannot be an id"),
        ("remove", {"node": "nobody"}, "no node"),
        ("duplicate", {"node": "letter"}, "exactly one input"),
        ("insert", {"source": "mask", "target": "slow", "kind": "llm"}, "does not come after"),
        ("add", {"kind": "spaceship"}, "no kind"),
        ("set_field", {"node": "mask", "field": "id", "value": "x"}, "not set like a field"),
        ("paint", {}, "no edit"),
        ("remove", {"nodes": "mask"}, "does not take that"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    name: str, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(EditRefused, match=says):
        changed(GOOD, name, **arguments)


def test_an_edge_that_stays_ticked_keeps_what_it_compares() -> None:
    made = changed(NESTED, "set_after", node="improve", after=["read_claim"])

    assert written(made, "improve")["after"] == written(NESTED, "improve")["after"]


def test_a_branch_can_lead_elsewhere_and_change_its_name() -> None:
    made = changed(GOOD, "set_branches", node="route", targets={"urgent": ["quick", "slow"]})
    made = changed(made, "rename_branch", node="route", branch="urgent", to="now")

    assert written(made, "slow")["after"] == ["route:normal", "route:now"]
    assert written(made, "quick")["after"] == ["route:now"]
    assert written(made, "route")["cases"][0]["branch"] == "now"


def test_choices_leave_out_what_comes_after() -> None:
    spot = node_tree.find(GOOD, "classify")
    assert spot is not None

    may, closing = edits.after_choices(spot)

    assert may == ["letter", "mask"]
    assert closing == ["route", "quick", "slow", "joined", "result"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_place_that_may_name_nodes_is_renamed(kind: str) -> None:
    members = {
        str(template.path[0])
        for spec in (GOOD, NESTED)
        for spot in node_tree.spots(spec)
        if spot.written["kind"] == kind
        for template in KINDS[kind].templates(KINDS[kind].read(spot.written))
    }

    assert not members & WITHOUT_REFERENCES


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_node_of_every_kind_has_its_members(kind: str) -> None:
    made = changed(GOOD, "add", kind=kind, after="mask", id="fresh")

    assert "field_missing" not in codes(made)
    assert "field_unknown" not in codes(made)


def scopes(spec: Any) -> list[Scope]:
    read = source.of_value(spec)
    return list(Scope(source=read, path=("nodes",), broken=frozenset()).walk())


def resolved(spec: Any) -> set[tuple[str, str]]:
    """Each node with the names in its templates that lead to a node or to what a body is given."""
    found = set()
    for scope in scopes(spec):
        for node, each in scope.specs.items():
            for template in KINDS[each.kind].templates(each.config):
                if template.inside:
                    continue
                for _, reference in references_in(template.value):
                    if look_up(scope, node, reference).what in ("node", "given"):
                        found.add((node, reference.node))
    return found


STRUCTURAL = ("add", "insert", "remove", "duplicate", "rename")


@st.composite
def edit_of(draw: st.DrawFn, spec: Any, names: tuple[str, ...]) -> Edit:
    """Some edit of the nodes that there are; it may be refused."""
    nodes = sorted(node_tree.ids(spec))
    node, other = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
    kind = draw(st.sampled_from(["llm", "redact", "condition", "for_each", "approval"]))
    some = draw(st.lists(st.sampled_from(nodes), max_size=3))
    arguments: dict[str, dict[str, Any]] = {
        "add": {"kind": kind, "after": node, "take_over": draw(st.booleans())},
        "insert": {"source": node, "target": other, "kind": kind},
        "remove": {"node": node},
        "duplicate": {"node": node},
        "rename": {"node": node, "to": draw(st.sampled_from(["fresh", "other_one", "claim"]))},
        "set_after": {"node": node, "after": some},
        "set_branches": {"node": node, "targets": {"urgent": some, "first": some}},
    }
    name = draw(st.sampled_from(names))
    return Edit(name=name, arguments=arguments[name])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), start=st.sampled_from([GOOD, NESTED]))
def test_any_sequence_of_edits_leaves_no_circle(data: st.DataObject, start: Any) -> None:
    spec = copy.deepcopy(start)
    for _ in range(6):
        edit = data.draw(edit_of(spec, (*STRUCTURAL, "set_after", "set_branches")))
        before = copy.deepcopy(spec)
        try:
            edits.apply(spec, edit)
        except EditRefused:
            spec = before
        for spot in node_tree.spots(spec):
            assert node_tree.graph_of(spot.nodes).find_cycle() is None
        assert len(node_tree.ids(spec)) == sum(1 for _ in node_tree.spots(spec))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), start=st.sampled_from([GOOD, NESTED]))
def test_what_resolved_still_resolves_after_structural_edits(
    data: st.DataObject, start: Any
) -> None:
    spec = copy.deepcopy(start)
    for _ in range(6):
        edit = data.draw(edit_of(spec, STRUCTURAL))
        before = copy.deepcopy(spec)
        try:
            edits.apply(spec, edit)
        except EditRefused:
            spec = before
            continue
        renamed = {edit.arguments["node"]: edit.arguments["to"]} if edit.name == "rename" else {}
        left = node_tree.ids(spec)
        for node, named in resolved(before):
            after = (renamed.get(node, node), renamed.get(named, named))
            is_there = after[0] in left and (after[1] in left or named not in node_tree.ids(before))
            assert not is_there or after in resolved(spec)
