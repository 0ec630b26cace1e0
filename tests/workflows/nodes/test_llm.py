"""The model node: validated output, one counted repair, integrity (row A7)."""

import pytest

from compliance.labels import DataClass, Integrity, Labels
from tests.workflows.nodes.fake_context import FakeContext
from workflows.nodes import KINDS, ModelAnswer, NodeFailed
from workflows.nodes.llm import without_fence

SCHEMA = {
    "type": "object",
    "properties": {"severity": {"type": "integer", "minimum": 1, "maximum": 4}},
    "required": ["severity"],
    "additionalProperties": False,
}
LLM = KINDS["llm"]


def config_of(**values):
    return LLM.read({"model_group": "default", "prompt": "Sort: {{ mask.text }}", **values})


def run(ctx, **values):
    return LLM.run(ctx, config_of(**values), {"mask": {"text": "I lost money."}})


def test_what_is_asked():
    ctx = FakeContext(answers=['{"severity": 3}'], labels=Labels(DataClass.CONFIDENTIAL))

    result = run(ctx, output=SCHEMA, system="You sort.", max_tokens=50, temperature=0.5)

    assert result.output == {"severity": 3}
    (call,) = ctx.calls
    assert call["messages"] == [
        {"role": "system", "content": "You sort."},
        {"role": "user", "content": "Sort: I lost money."},
    ]
    assert call["schema"] == SCHEMA
    assert (call["max_tokens"], call["temperature"], call["timeout_seconds"]) == (50, 0.5, 60)
    assert call["labels"].data_class is DataClass.CONFIDENTIAL


def test_without_a_schema_the_output_is_text_and_untrusted():
    ctx = FakeContext(answers=["Hello"], labels=Labels(integrity=Integrity.TRUSTED))

    result = run(ctx)

    assert result.output == {"text": "Hello"}
    assert result.labels.integrity is Integrity.UNTRUSTED


@pytest.mark.parametrize(
    "text",
    [
        '{"severity": 3}',
        '  {"severity": 3}\n',
        '```json\n{"severity": 3}\n```',
        '```\n{"severity": 3}\n```',
        'Here you are:\n```json\n{"severity": 3}\n```\nAnything else?',
        '```json\n{"severity": 3}',
    ],
)
def test_code_fences_are_stripped(text):
    assert run(FakeContext(answers=[text]), output=SCHEMA).output == {"severity": 3}


def test_backticks_inside_json_are_kept():
    assert without_fence('{"a": "```"}') == '{"a": "```"}'


def test_one_repair_says_what_was_wrong_and_is_counted():
    ctx = FakeContext(answers=['{"severity": 9}', '{"severity": 4}'])

    result = run(ctx, output=SCHEMA)

    assert result.output == {"severity": 4}
    assert [(note.event, note.body["count"]) for note in result.notes] == [("output.repair", 1)]
    assert len(ctx.calls) == 2
    asked = ctx.calls[1]["messages"]
    assert asked[-2] == {"role": "assistant", "content": '{"severity": 9}'}
    assert "severity: must be at most 4" in asked[-1]["content"]


@pytest.mark.parametrize(
    "second", ["not json", '{"severity": "high"}', "[]", "NaN", "[" * 100_000, "x" * 2_000_000, ""]
)
def test_invalid_twice_is_a_typed_failure_after_exactly_one_repair(second):
    ctx = FakeContext(answers=["oops", second, '{"severity": 1}'])

    with pytest.raises(NodeFailed) as raised:
        run(ctx, output=SCHEMA)

    assert raised.value.code == "output_schema_mismatch"
    assert [note.event for note in raised.value.notes] == ["output.repair"]
    assert len(ctx.calls) == 2


def test_notes_and_sentences_do_not_repeat_the_answer():
    ctx = FakeContext(answers=['{"severity": "Erika M."}', '{"severity": "Erika M."}'])

    with pytest.raises(NodeFailed) as raised:
        run(ctx, output=SCHEMA)

    assert "Erika" not in raised.value.sentence
    assert "Erika" not in str(raised.value.notes)


def test_a_bounded_output_is_endorsed_and_an_open_one_is_not():
    open_schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    untrusted = Labels(integrity=Integrity.UNTRUSTED)

    bounded = run(FakeContext(answers=['{"severity": 1}'], labels=untrusted), output=SCHEMA)
    free = run(FakeContext(answers=['{"text": "x"}'], labels=untrusted), output=open_schema)

    assert bounded.labels.integrity is Integrity.ENDORSED
    assert free.labels.integrity is Integrity.UNTRUSTED


def test_labels_of_both_answers_are_joined():
    first = ModelAnswer(text="?", labels=Labels(tags=frozenset({"PII"})))
    second = ModelAnswer(text='{"severity": 1}', labels=Labels(tags=frozenset({"PCI"})))

    result = run(FakeContext(answers=[first, second]), output=SCHEMA)

    assert result.labels.tags == {"PII", "PCI"}


def test_a_skipped_node_in_the_prompt_fails():
    with pytest.raises(NodeFailed) as raised:
        LLM.run(FakeContext(), config_of(), {})

    assert raised.value.code == "reference_missing"


def test_what_the_output_has():
    assert LLM.output_schema(config_of(output=SCHEMA)) == SCHEMA
    assert set(LLM.output_schema(config_of())["properties"]) == {"text"}
    assert LLM.faults(config_of()) == []


def test_an_unsound_schema_is_a_fault():
    (fault,) = LLM.faults(config_of(output={"type": "objekt"}))

    assert fault.code == "json_schema_invalid"
    assert fault.path == ("output", "type")
