"""An edit of a text: what its author wrote beside it stays."""

from pathlib import Path

import orjson
import pytest

from workflows import edited_text, source
from workflows.edits import Edit
from workflows.errors import EditRefused

GOOD = (Path(__file__).parent / "good.yaml").read_text()
COMMENTED = GOOD.replace("  - id: mask\n", "  # Agreed with legal.\n  - id: mask\n").replace(
    "    model_group: default\n", "    model_group: default  # the cheap one\n"
)
PROMPT = 'a: {{ mask.text }}\n# "no" comment\n  - x'


def edit(name: str, **arguments: object) -> Edit:
    return Edit(name=name, arguments=arguments)


def test_comments_quotes_and_layout_stay() -> None:
    made = edited_text.edit(COMMENTED, [edit("rename", node="mask", to="veil")])
    lines = zip(COMMENTED.splitlines(), made.text.splitlines(), strict=True)

    assert [before for before, after in lines if before != after] == [
        "  - id: mask",
        "    after: [mask]",
        '    prompt: "Sort this: {{ mask.text }}"',
        '    expression: "{answer: mask.text}"',
        '    expression: "{answer: mask.text}"',
    ]


def test_a_list_at_the_margin_stays_there() -> None:
    text = "grove: 1\nname: a\ndata_class: public\nnodes:\n- id: one\n  kind: input\n  schema: {}\n"

    made = edited_text.edit(text, [edit("set_field", node="one", field="title", value="One")])

    assert made.text == text + "  title: One\n"


@pytest.mark.parametrize("value", [PROMPT, "yes", "5", "", "{{ a }}", " lead", "ש", "a" * 5000])
def test_a_text_is_read_back_as_it_was_typed(value: str) -> None:
    change = edit("set_field", node="classify", field="prompt", value=value)

    made = edited_text.edit(COMMENTED, [change])

    assert source.read(made.text).value["nodes"][2]["prompt"] == value
    assert "# Agreed with legal." in made.text


def test_json_stays_json() -> None:
    text = orjson.dumps(source.read(GOOD).value).decode()

    made = edited_text.edit(text, [edit("rename", node="mask", to="veil")], media="json")

    assert orjson.loads(made.text)["nodes"][1]["id"] == "veil"


def test_an_edit_without_effect_leaves_the_text_alone() -> None:
    same = edit("set_field", node="mask", field="value", value="{{ letter.text }}")

    assert edited_text.edit(COMMENTED, [same]).text == COMMENTED


def test_a_text_that_cannot_be_read_is_not_edited() -> None:
    with pytest.raises(EditRefused, match="cannot be read"):
        edited_text.edit("nodes: [", [edit("remove", node="x")])


def test_many_changes_are_told_in_one_line() -> None:
    changes = [
        edit("set_field", node=node, field="title", value="New")
        for node in ("letter", "mask", "classify", "route", "quick")
    ]

    told = edited_text.edit(GOOD, changes).sentence

    assert told.endswith("and 2 more changes")
