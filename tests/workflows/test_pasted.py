"""Pasting one node: read as it was copied, named freely, placed; what cannot be read is told with its line."""

import copy
from pathlib import Path
from typing import Any

import pytest

from workflows import edited_text, edits, node_tree, pasted, source, validation
from workflows.edits import Edit
from workflows.errors import EditRefused

HERE = Path(__file__).parent
GOOD = source.read((HERE / "good.yaml").read_text()).value
NESTED = source.read((HERE / "nested.yaml").read_text()).value
NODE = "- id: tone\n  kind: llm\n  after: [mask]\n  model_group: default\n  prompt: Kind?\n"


def paste(spec: Any, text: str, **more: Any) -> tuple[Any, edits.Told]:
    made = copy.deepcopy(spec)
    told = edits.apply(made, Edit(name="paste", arguments={"value": text, **more}))
    return made, told


def written(spec: Any, node: str) -> dict[str, Any]:
    spot = node_tree.find(spec, node)
    assert spot is not None
    return spot.written


@pytest.mark.parametrize(
    "text",
    [
        NODE,
        NODE.replace("- id", "  id").replace("\n  ", "\n").replace("  id", "id", 1),  # no dash
        "".join(f"      {line}\n" for line in NODE.splitlines()),  # as it stood in a body
        NODE.replace("\n  ", "\n        "),  # selected from the dash on
        NODE.replace("\n", "\r\n"),  # as browsers send it
        '{"id": "tone", "kind": "llm", "after": ["mask"], "model_group": "default", "prompt": "Kind?"}',
    ],
)
def test_a_node_is_read_however_it_was_copied(text: str) -> None:
    assert pasted.read(text) == {
        "id": "tone",
        "kind": "llm",
        "after": ["mask"],
        "model_group": "default",
        "prompt": "Kind?",
    }


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", None, "Paste the YAML of a node."),
        ("id: a\nkind: [", 2, "not YAML"),
        ("id: a\nkind: lm", 2, "There is no kind “lm”. Did you mean “llm”?"),
        ("\n\nkind: llm\n", 3, "It has no id"),
        ("kind: llm\nid: Not An Id\n", 2, "cannot be an id"),
        ("- id: a\n  kind: llm\n- id: b\n  kind: llm\n", 3, "one node at a time"),
        ("grove: 1\nname: x\nnodes: []\n", 3, "a whole definition"),
        ("just words", 1, "no node"),
    ],
)
def test_what_is_no_node_is_refused_at_its_line(text: str, line: int | None, told: str) -> None:
    with pytest.raises(EditRefused, match=told) as refused:
        pasted.read(text)

    assert refused.value.extra.get("line") == line
    assert line is None or f"Line {line}:" in str(refused.value)


@pytest.mark.parametrize("node", sorted(node_tree.ids(GOOD)))
def test_what_is_copied_is_what_is_pasted(node: str) -> None:
    text = pasted.to_text(written(GOOD, node))

    assert text.startswith(f"- id: {node}\n")
    assert pasted.read(text) == written(GOOD, node)


@pytest.mark.parametrize("node", sorted(node_tree.ids(NESTED)))
def test_bodies_are_copied_as_a_whole(node: str) -> None:
    assert pasted.read(pasted.to_text(written(NESTED, node))) == written(NESTED, node)


def test_a_name_that_is_taken_becomes_a_free_one() -> None:
    text = pasted.to_text(written(GOOD, "classify"))

    made, told = paste(GOOD, text)
    again, _ = paste(made, text)

    assert told.node == "classify_2"
    assert told.sentence == "Pasted model “classify_2”, as “classify” is taken"
    assert written(made, "classify_2") == written(GOOD, "classify") | {"id": "classify_2"}
    assert written(again, "classify_3")["after"] == ["mask"]
    assert [each.code for each in validation.check(made) if each.severity == "error"] == []


def test_names_inside_a_body_become_free_too_and_references_follow() -> None:
    (container,) = [
        spot.id for spot in node_tree.spots(NESTED) if spot.written.get("kind") == "refine"
    ][:1]
    before = node_tree.ids(NESTED)

    made, told = paste(NESTED, pasted.to_text(written(NESTED, container)), after=_beside(container))

    after = node_tree.ids(made)
    inner = [each.id for each in node_tree.spots({"nodes": [written(made, told.node)]})]
    assert len(after) == len(before) + len(inner)
    assert not set(inner) & before
    errors = [each for each in validation.check(made) if each.code == "reference_unknown"]
    assert errors == [each for each in validation.check(NESTED) if each.code == "reference_unknown"]


def _beside(container: str) -> str:
    """A node of the same list, so that the pasted one sees what it reads."""
    spot = node_tree.find(NESTED, container)
    assert spot is not None
    return node_tree.source_of(spot.written["after"][0])


def test_it_goes_where_it_is_told_to() -> None:
    made, _ = paste(GOOD, NODE, after="mask", take_over=True)
    beside, _ = paste(GOOD, NODE, after="classify")

    assert written(made, "tone")["after"] == ["mask"]
    assert written(made, "classify")["after"] == ["tone"]
    assert written(beside, "tone")["after"] == ["classify"]
    assert written(beside, "route")["after"] == ["classify"]


def test_what_it_ran_after_elsewhere_is_told_and_left_out() -> None:
    made, told = paste(GOOD, NODE.replace("[mask]", "[nowhere, mask]"))
    lost, _ = paste(GOOD, NODE.replace("[mask]", "[nowhere]"))

    assert written(made, "tone")["after"] == ["mask"]
    assert told.sentence.endswith("; what it ran after is not here: “nowhere”")
    assert written(lost, "tone")["after"] == []  # only the output ends the graph: a check says so
    assert "node_unreachable" in {each.code for each in validation.check(lost)}


def test_a_second_input_is_refused() -> None:
    with pytest.raises(EditRefused, match="exactly one input"):
        paste(GOOD, pasted.to_text(written(GOOD, "letter")))


def test_comments_of_the_draft_stay() -> None:
    text = (HERE / "good.yaml").read_text().replace("nodes:\n", "nodes:  # as agreed\n")

    made = edited_text.edit(text, [Edit(name="paste", arguments={"value": pasted.read(NODE)})])

    assert "nodes:  # as agreed" in made.text
    assert node_tree.find(source.read(made.text).value, "tone") is not None
    assert made.node == "tone"
