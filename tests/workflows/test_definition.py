"""From text to values, digest and back."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.labels import DataClass, Integrity
from workflows.definition import Budget, Edge, digest, of_spec, parse
from workflows.definition_schema import definition_schema
from workflows.errors import DefinitionInvalid
from workflows.expressions import Comparison
from workflows.json_schemas import check_schema, faults
from workflows.source import read
from workflows.yaml_text import to_yaml

GOOD = (Path(__file__).parent / "good.yaml").read_text()
NESTED = (Path(__file__).parent / "nested.yaml").read_text()
# What a definition can carry: no lone surrogates, no null characters.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40
) | st.text("ab \n\t:#-'\"{}[]>|", max_size=30)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def test_a_definition_says_what_the_text_says():
    definition = parse(GOOD)

    assert definition.name == "complaint"
    assert definition.data_class is DataClass.CONFIDENTIAL
    assert definition.on_worker_loss == "resume"
    assert definition.graph.order[:4] == ("letter", "mask", "classify", "route")
    assert definition.kinds["mask"] == "redact"
    assert definition.node("quick").after[0].branch == "urgent"
    assert definition.node("classify").config.model_group == "default"
    assert definition.model_groups == {"default"}
    assert definition.input_labels.integrity is Integrity.UNTRUSTED
    assert definition.input_schema["required"] == ["text"]
    assert definition.node("mask").line == 13


def test_a_node_reads_what_it_names_and_no_more():
    definition = parse(GOOD)

    assert definition.reads("letter") == frozenset()
    assert definition.reads("classify") == {"mask"}
    assert definition.reads("quick") == {"mask"}
    assert definition.reads("joined") == {"quick", "slow"}
    assert definition.reads("result") == {"joined"}


def test_a_transform_of_everything_reads_everything_upstream():
    definition = parse(GOOD.replace("{answer: mask.text}", "{answer: keys(@)}", 1))

    assert definition.reads("quick") == {"letter", "mask", "classify", "route"}


def test_yaml_and_json_of_the_same_definition_have_the_same_digest():
    spec = parse(GOOD).spec

    again = parse(orjson.dumps(spec), media="json").spec

    assert digest(again) == digest(spec)
    assert digest(of_spec(spec).spec) == digest(spec)


def test_the_digest_is_pinned():
    # It is written into ledgers: if this changes, old digests can no longer be recomputed.
    expected = "bb3300360b99626eaf69dc8ec5976f5ff3ad6d8965599d55f45e84547304061f"

    assert digest(parse(GOOD).spec) == expected


def test_the_digest_does_not_depend_on_the_order_of_members():
    spec = dict(parse(GOOD).spec)

    assert digest(dict(reversed(spec.items()))) == digest(spec)


def test_exported_yaml_imports_byte_identically():
    text = to_yaml(parse(GOOD).spec)

    assert to_yaml(parse(text).spec) == text
    assert parse(text).spec == parse(GOOD).spec


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_any_value_survives_yaml(value):
    spec = {"grove": 1, "value": value, "nodes": [{"value": value, "id": "x"}]}

    again = read(to_yaml(spec)).value

    assert again == spec
    assert digest(again) == digest(spec)
    assert to_yaml(again) == to_yaml(spec)


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo\n",
        "one\n\n  two\n\n",
        "one\ntwo",
        " one\ntwo",
        "\none",
        "one \ntwo",
        "one\r\ntwo",
        "{{ a.b }}\n# no comment",
        "- a\n- b: c",
    ],
)
def test_longer_texts_survive_yaml(text):
    assert read(to_yaml({"prompt": text})).value == {"prompt": text}


def test_a_prompt_is_written_as_a_block_that_people_can_read():
    assert to_yaml({"prompt": "Sort this:\n\n{{ mask.text }}\n"}) == (
        "prompt: |\n  Sort this:\n\n  {{ mask.text }}\n"
    )


def test_an_edge_may_be_written_with_a_condition():
    edge = parse(NESTED).node("each_claim").body.node("improve").after[0]

    assert (edge.source, edge.branch) == ("read_claim", None)
    assert edge.when == Comparison(left="{{ read_claim.amount }}", op=">", right=100)
    assert edge != Edge("read_claim", "improve")
    assert len({edge, Edge("read_claim", "improve")}) == 2


def test_an_edge_after_an_approval_waits_for_the_approval():
    definition = parse(NESTED)

    assert [str(edge) for edge in definition.node("bank").after] == ["check:approved"]
    assert [str(edge) for edge in definition.node("declined").after] == ["check:refused"]


def test_a_node_says_what_happens_when_it_fails():
    definition = parse(NESTED)
    read_claim = definition.node("each_claim").body.node("read_claim")

    assert definition.node("each_claim").on_failure == "route"
    assert definition.node("score").fallback == {"points": 0}
    assert definition.node("score").timeout_seconds == 3600
    assert definition.node("check").respond_here
    assert [rule.attempts for rule in read_claim.retry] == [6, 3]
    assert parse(GOOD).node("mask").retry == ()


def test_a_kind_with_a_time_out_of_its_own_bounds_its_calls_and_not_the_attempt():
    text = GOOD.replace("model_group: default", "model_group: default\n    timeout_seconds: 5")
    node = parse(text).node("classify")

    assert node.timeout_seconds is None
    assert node.config.timeout_seconds == 5


def test_a_body_reads_what_is_inside_given_and_around():
    definition = parse(NESTED)
    each = definition.node("each_claim").body
    improve = each.node("improve").body

    assert each.reads("read_claim") == {"claim", "index", "batch"}
    assert each.reads("improve") == {"claim", "read_claim"}
    assert improve.reads("draft") == {"round", "claim", "previous", "feedback", "read_claim"}
    assert improve.reads("critic") == {"draft"}
    assert improve.outer_reads == {"claim", "read_claim"}
    assert definition.reads("each_claim") == {"batch"}
    assert each.answers == {"improve", "read_claim"}
    assert improve.answers == {"draft", "critic"}


def test_a_transform_of_everything_in_a_body_reads_what_is_inside_and_given():
    text = NESTED.replace(
        "        - id: improve\n",
        "        - {id: all, kind: transform, after: [read_claim], expression: keys(@)}\n"
        "        - id: improve\n",
    )

    assert parse(text).node("each_claim").body.reads("all") == {"read_claim", "claim", "index"}


def test_a_trail_leads_through_the_containers():
    definition = parse(NESTED)

    assert definition.trail("draft") == ("each_claim", "improve", "draft")
    assert definition.trail("bank") == ("bank",)
    with pytest.raises(KeyError):
        definition.trail("nobody")


def test_a_nested_definition_survives_yaml_with_its_digest():
    spec = parse(NESTED).spec
    text = to_yaml(spec)

    assert digest(parse(text).spec) == digest(spec)
    assert to_yaml(parse(text).spec) == text
    assert text.index("budget:") < text.index("nodes:")


def test_a_nested_definition_fits_the_published_schema():
    assert check_schema(definition_schema()) == []
    assert faults(definition_schema(), parse(NESTED).spec) == []
    broken = orjson.loads(orjson.dumps(parse(NESTED).spec))
    broken["nodes"][1]["body"]["nodes"][0] = {"id": "a", "kind": "input", "schema": {}}
    assert faults(definition_schema(), broken) != []


def test_what_definitions_without_bodies_call_is_found_in_them_too():
    definition = parse(NESTED)

    assert definition.budget == Budget(amount_micros=5_000_000, currency="EUR")
    assert definition.tools == frozenset()
    assert parse(GOOD).budget is None


def test_a_draft_without_an_input_says_so():
    draft = parse(GOOD.replace("kind: input", "kind: transform\n    expression: a", 1).replace(
        """    schema:
      type: object
      properties: {text: {type: string}}
      required: [text]
      additionalProperties: false
""", ""))  # fmt: skip

    with pytest.raises(DefinitionInvalid, match="no node of kind input"):
        draft.input_schema  # noqa: B018


def test_a_broken_form_raises_with_its_problems():
    with pytest.raises(DefinitionInvalid) as raised:
        parse("grove: 1")

    assert {problem["code"] for problem in raised.value.extra["problems"]} >= {"name_invalid"}


def test_the_published_schema_is_sound_and_fits_a_good_definition():
    schema = definition_schema()

    assert check_schema(schema) == []
    assert faults(schema, parse(GOOD).spec) == []
    assert faults(schema, {"grove": 1}) != []
