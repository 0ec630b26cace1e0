"""The other kinds of nodes, one by one (row A2), with the record that a condition leaves (row A3)."""

import pytest

from compliance.detectors import KINDS as DETECTORS
from compliance.detectors import search
from compliance.labels import DataClass, Integrity, Labels
from tests.workflows.nodes.fake_context import FakeContext
from workflows.json_schemas import check_schema
from workflows.nodes import KINDS, NodeFailed

LETTER = {"text": "Write to erika@example.com, IBAN DE89 3704 0044 0532 0130 00."}


def run(kind, values, inputs, ctx=None):
    return KINDS[kind].run(ctx or FakeContext(), KINDS[kind].read(values), inputs)


def failed(kind, values, inputs, ctx=None):
    with pytest.raises(NodeFailed) as raised:
        run(kind, values, inputs, ctx)
    return raised.value


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_describes_itself(kind):
    assert kind.title
    assert kind.sentence.endswith(".")
    assert check_schema(dict(kind.schema)) == []


def test_the_kinds_are_these():
    steps = {"input", "redact", "llm", "condition", "transform", "merge", "output"}
    waiting = {"delay", "callback", "approval", "sub_workflow"}
    containers = {"for_each", "refine"}

    assert steps | waiting | containers <= set(KINDS)
    assert {name for name, kind in KINDS.items() if kind.next} == containers
    assert waiting <= {name for name, kind in KINDS.items() if kind.resume}


def test_a_container_is_driven_by_its_next_alone():
    with pytest.raises(TypeError, match="ask its `next`"):
        KINDS["refine"].run(FakeContext(), None, {})


# -- input


def test_input_hands_on_what_fits_with_its_labels():
    ctx = FakeContext(run_input=LETTER, node_id="letter", labels=Labels(DataClass.CONFIDENTIAL))
    values = {
        "schema": {"type": "object", "required": ["text"]},
        "labels": {"tags": ["PII"], "residency": ["eu"], "data_class": "internal"},
    }

    result = run("input", values, {}, ctx)

    assert result.output == LETTER
    assert result.labels == Labels(
        DataClass.CONFIDENTIAL,
        Integrity.UNTRUSTED,
        frozenset({"PII"}),
        frozenset({"eu"}),
        frozenset({"letter"}),
    )


def test_input_that_does_not_fit_fails_without_repeating_it():
    ctx = FakeContext(run_input={"text": "Erika"})

    error = failed("input", {"schema": {"properties": {"text": {"type": "integer"}}}}, {}, ctx)

    assert error.code == "input_schema_mismatch"
    assert error.sentence == "The input does not fit: text: must be a whole number, not a text."


# -- output


def test_output_keeps_types_and_gives_null_for_what_was_skipped():
    values = {"value": {"all": "{{ a }}", "text": "Is {{ a.n }}", "none": ["{{ gone.x }}"], "k": 1}}

    result = run("output", values, {"a": {"n": 1}})

    assert result.output == {"all": {"n": 1}, "text": "Is 1", "none": [None], "k": 1}


def test_output_does_not_hide_a_missing_field_or_a_skipped_node_inside_a_text():
    assert failed("output", {"value": "{{ a.x }}"}, {"a": {}}).code == "reference_missing"
    assert failed("output", {"value": "So {{ b }}"}, {"a": {}}).code == "reference_missing"


# -- merge


def test_merge_first_takes_the_first_live_in_order():
    values = {"mode": "first", "after": ["a", "b:yes", "c"]}

    result = run("merge", values, {"c": 3, "b": 2})

    assert result.output == 2
    assert result.notes[0].body == {"node": "b"}


def test_merge_object_takes_all_live():
    assert run("merge", {"mode": "object", "after": ["a", "b"]}, {"b": 2}).output == {"b": 2}


def test_merge_of_nothing_fails():
    assert failed("merge", {"mode": "first", "after": ["a"]}, {}).code == "nothing_to_merge"


# -- condition


def case(branch, left, op, right):
    return {"branch": branch, "when": {"left": left, "op": op, "right": right}}


def test_condition_takes_the_first_that_holds_and_records_every_case():
    values = {
        "cases": [
            case("low", "{{ c.severity }}", "<", 2),
            case("high", "{{ c.severity }}", ">=", 3),
            case("fraud", "{{ c.category }}", "==", "fraud"),
        ],
        "otherwise": "normal",
    }

    result = run("condition", values, {"c": {"severity": 3, "category": "fee"}})

    assert result.branch == "high"
    assert result.output["branch"] == "high"
    assert [record["held"] for record in result.output["operands"]] == [False, True, False]
    assert result.output["operands"][0] == {
        "branch": "low",
        "op": "<",
        "held": False,
        "left": {"written": "{{ c.severity }}", "value": 3},
        "right": {"written": 2, "value": 2},
    }


def test_condition_falls_back_to_otherwise():
    values = {"cases": [case("a", 1, "==", 2)], "otherwise": "rest"}

    assert run("condition", values, {}).branch == "rest"


def test_condition_that_cannot_be_decided_fails():
    values = {"cases": [case("a", "{{ c.n }}", "<", 2)], "otherwise": "rest"}

    error = failed("condition", values, {"c": {"n": "1"}})

    assert error.code == "not_comparable"
    assert "branch “a”" in error.sentence
    assert failed("condition", values, {}).code == "reference_missing"


def test_condition_records_an_undecidable_case_behind_the_taken_one():
    values = {
        "cases": [
            case("a", 1, "==", 1),
            case("b", "{{ c }}", "<", 2),
            case("d", "{{ x }}", "==", 1),
        ],
        "otherwise": "rest",
    }

    result = run("condition", values, {"c": "text"})

    assert result.branch == "a"
    assert result.output["operands"][1]["error"] == "not_comparable"
    assert result.output["operands"][2]["error"] == "reference_missing"


def test_condition_does_not_keep_long_texts_in_its_record():
    values = {
        "cases": [case("a", "{{ c }}", "contains", "z"), case("b", "{{ d }}", "contains", 1)],
        "otherwise": "rest",
    }

    result = run("condition", values, {"c": "x" * 5000, "d": list(range(10, 500))})

    assert len(result.output["operands"][0]["left"]["value"]) < 400
    assert result.output["operands"][1]["left"]["value"] == "(a list of 490)"


def test_condition_says_what_its_output_has():
    config = KINDS["condition"].read({"cases": [case("a", 1, "==", 1)], "otherwise": "a"})

    assert set(KINDS["condition"].output_schema(config)["properties"]) == {"branch", "operands"}
    assert KINDS["condition"].branches(config) == ["a"]


# -- transform


def test_transform_reshapes():
    values = {"expression": "{a: letter.text, n: length(letter.text)}"}

    assert run("transform", values, {"letter": {"text": "abc"}}).output == {"a": "abc", "n": 3}


def test_transform_fails_typed():
    assert failed("transform", {"expression": "abs('x')"}, {}).code == "expression_failed"
    bomb = " | ".join(["[@, @]"] * 60)
    assert failed("transform", {"expression": bomb}, {}).code == "expression_too_large"


# -- redact


def test_redact_masks_counts_and_notes_what_it_masked():
    tags = frozenset({"PII", "PHI", "PCI", "CUSTOMER"})
    labels = Labels(DataClass.CONFIDENTIAL, Integrity.UNTRUSTED, tags)
    ctx = FakeContext(node_id="mask", labels=labels)

    result = run("redact", {"value": "{{ letter.text }}"}, {"letter": LETTER}, ctx)

    assert result.output == {
        "text": "Write to [EMAIL 1], IBAN [IBAN 1].",
        "found": {"EMAIL": 1, "IBAN": 1},
    }
    # Names and diagnoses are still there: only card data is gone for certain.
    assert result.labels.tags == {"PII", "PHI", "CUSTOMER"}
    assert result.labels.origins == {
        "redacted:PII@mask",
        "redacted:PHI@mask",
        "redacted:PCI@mask",
    }
    assert result.notes[0].body["tags_removed"] == ["PCI"]
    assert result.labels.data_class is DataClass.CONFIDENTIAL
    assert result.labels.integrity is Integrity.UNTRUSTED


def test_redact_keeps_a_tag_that_it_does_not_cover():
    ctx = FakeContext(labels=Labels(tags=frozenset({"PII", "PCI"})))
    values = {"value": "{{ letter.text }}", "detect": ["IBAN"]}

    result = run("redact", values, {"letter": LETTER}, ctx)

    assert result.labels == ctx.labels
    assert "erika@example.com" in result.output["text"]
    assert result.output["found"] == {"IBAN": 1}


def test_redact_refuses_a_text_too_long_to_look_at(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARACTERS", 10)

    error = failed("redact", {"value": "{{ letter.text }}"}, {"letter": LETTER})

    assert error.code == "detection_failed"


def test_redact_does_not_let_an_incomplete_mask_through(monkeypatch):
    finding = search.find(LETTER["text"])[0]
    monkeypatch.setattr("compliance.detectors.find", lambda *_args, **_kwargs: [finding])

    error = failed("redact", {"value": "{{ letter.text }}"}, {"letter": LETTER})

    assert error.code == "redaction_incomplete"


def test_redact_knows_every_detector():
    assert set(KINDS["redact"].schema["properties"]["detect"]["items"]["enum"]) == DETECTORS


def test_a_template_that_cannot_be_read_fails_typed():
    assert failed("redact", {"value": "{{ a b }}"}, {}).code == "template_unreadable"
    assert run("redact", {"value": "{{ a }}"}, {"a": {"n": 1}}).output["text"] == '{"n":1}'


def test_a_text_that_grows_too_large_fails(monkeypatch):
    monkeypatch.setattr("workflows.references.MAX_TEXT", 10)

    error = failed("redact", {"value": "A: {{ letter.text }}"}, {"letter": LETTER})

    assert error.code == "text_too_large"
