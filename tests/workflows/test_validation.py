"""Definitions that are refused, each with its node, its line and a sentence (row A1)."""

from pathlib import Path

import pytest

from workflows import definition
from workflows.errors import DefinitionInvalid, SourceUnreadable
from workflows.problems import Severity, has_errors
from workflows.validation import check

HERE = Path(__file__).parent
GOOD = (HERE / "good.yaml").read_text()
BROKEN = sorted((HERE / "broken").glob("*.yaml"))


def has_a_spec(path: Path) -> bool:
    try:
        definition.parse(path.read_text())
    except (DefinitionInvalid, SourceUnreadable):
        return False
    return True


def test_a_good_definition_has_no_problems():
    assert check(GOOD, model_groups={"default"}) == []


def test_there_are_enough_broken_ones():
    assert len(BROKEN) >= 12


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_broken_definition_is_refused_with_node_line_and_sentence(path):
    # The first line of each file says what is expected: code | node | line | sentence.
    text = path.read_text()
    code, node, line, sentence = text.split("\n")[0].removeprefix("# ").split(" | ", 3)

    problems = check(text, model_groups={"default"})

    found = next(problem for problem in problems if problem.code == code)
    assert found.node == (None if node == "-" else node)
    assert found.line == int(line)
    assert found.sentence == sentence
    assert has_errors(problems)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_one_mistake_is_told_once_or_nearly(path):
    errors = [
        problem
        for problem in check(path.read_text(), model_groups={"default"})
        if problem.severity is Severity.ERROR
    ]

    assert 1 <= len(errors) <= 3


@pytest.mark.parametrize(
    "path", [path for path in BROKEN if has_a_spec(path)], ids=lambda path: path.stem
)
def test_a_spec_has_the_same_problems_as_its_text(path):
    text = path.read_text()

    codes = sorted(
        problem.code for problem in check(definition.parse(text).spec, model_groups={"default"})
    )

    assert codes == sorted(problem.code for problem in check(text, model_groups={"default"}))


def test_without_known_model_groups_they_are_not_judged():
    assert check(GOOD.replace("model_group: default", "model_group: other")) == []


def test_problems_come_in_the_order_of_the_lines():
    text = GOOD.replace("letter.text", "lettre.text").replace("mask.text}", "maks.text}")

    lines = [problem.line for problem in check(text)]

    assert len(lines) >= 2
    assert lines == sorted(lines)


def test_a_reference_past_a_merge_is_a_warning_since_it_may_be_skipped():
    text = GOOD.replace('"{{ joined.answer }}"', '"So: {{ quick.answer }}"')

    (problem,) = check(text)

    assert problem.code == "reference_maybe_skipped"
    assert problem.severity is Severity.WARNING
    assert not has_errors([problem])


def test_an_output_may_name_a_skipped_node_as_a_whole_value():
    assert check(GOOD.replace('"{{ joined.answer }}"', '"{{ quick.answer }}"')) == []


def test_an_open_schema_only_warns_of_an_unknown_field():
    text = GOOD.replace("      additionalProperties: false\n  - id: mask", "  - id: mask")

    (problem,) = check(text.replace("letter.text", "letter.txt"))

    assert (problem.code, problem.severity) == ("reference_field_unknown", Severity.WARNING)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "grove: 1",
        "nodes: 3",
        "grove: 1\nnodes: [1, {}, {id: x}, {id: [x]}]",
        b"\xff",
    ],
)
def test_anything_is_answered_with_problems_and_never_raises(text):
    assert has_errors(check(text))


def test_the_input_comes_first():
    text = GOOD.replace("    kind: input\n", "    kind: input\n    after: [result]\n")

    assert "input_not_first" in {problem.code for problem in check(text)}


def test_a_missing_member_inside_a_node_says_where():
    text = GOOD.replace('left: "{{ classify.severity }}", ', "")

    (problem,) = check(text)

    assert problem.sentence == "Node “route” (condition): in “cases[0].when” “left” is missing."


def test_a_reference_into_a_list_is_not_judged_before_the_run():
    text = GOOD.replace("{{ letter.text }}", "{{ letter[0].text }}")

    assert check(text) == []


def test_a_reference_into_something_open_is_not_judged():
    text = GOOD.replace("{{ joined.answer }}", "{{ joined.anything.at.all }}")

    assert check(text) == []


def test_a_reference_into_an_input_without_members_is_not_judged():
    schema = """      type: object
      properties: {text: {type: string}}
      required: [text]
      additionalProperties: false
"""

    assert check(GOOD.replace(schema, "      type: object\n")) == []


def test_self_reference_is_refused():
    text = GOOD.replace("{{ letter.text }}", "{{ mask.text }}")

    assert [problem.code for problem in check(text)] == ["reference_not_upstream"]


def test_transform_must_name_upstream_nodes():
    text = GOOD.replace("{answer: mask.text}", "{answer: maks.text}", 1)

    (problem,) = check(text)

    assert problem.sentence == (
        "Node “quick” names “maks” in its expression, but there is no node “maks”."
        " Did you mean “mask”?"
    )
