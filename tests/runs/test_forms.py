"""Which schemas become a form, with which fields, and what is asked for as JSON instead."""

from typing import Any

import pytest
from django import forms

from runs.forms import Lines, fields_of, text_field


def schema(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("part", "field", "widget"),
    [
        ({"type": "string", "maxLength": 80}, forms.CharField, forms.TextInput),  # short text
        ({"type": "string"}, forms.CharField, forms.Textarea),  # as long as it likes
        ({"type": "string", "format": "date"}, forms.DateField, forms.DateInput),
        ({"type": "string", "enum": ["a", "b"]}, forms.ChoiceField, forms.Select),
        ({"type": "integer"}, forms.IntegerField, forms.NumberInput),
        ({"type": "number"}, forms.FloatField, forms.NumberInput),
        ({"type": "boolean"}, forms.TypedChoiceField, forms.Select),
        ({"type": "array", "items": {"type": "string"}}, Lines, forms.Textarea),
    ],
)
def test_property_becomes_a_field(
    part: dict[str, Any], field: type[forms.Field], widget: type[forms.Widget]
) -> None:
    made = fields_of(schema(it=part))

    assert made is not None
    assert type(made["it"]) is field
    assert type(made["it"].widget) is widget
    assert not made["it"].required


@pytest.mark.parametrize(
    "given",
    [
        {"type": "string"},  # not an object
        {"type": "object"},  # anything goes
        schema(deep={"type": "object", "properties": {"a": {"type": "string"}}}),  # nested
        schema(many={"type": "array", "items": {"type": "object"}}),  # list of objects
        schema(either={"type": ["string", "null"]}),  # more than one type
        schema(numbers={"enum": [1, 2]}),  # choices that are no texts
    ],
)
def test_other_schemas_are_asked_for_as_json(given: dict[str, Any]) -> None:
    assert fields_of(given) is None


def test_labels_and_hints_come_from_the_schema() -> None:
    made = fields_of(
        schema(("case_id",), case_id={"type": "string", "description": "As on the file."})
    )

    assert made is not None
    assert made["case_id"].label == "Case id"
    assert made["case_id"].help_text == "As on the file."
    assert made["case_id"].required


def test_lines_are_a_list_without_empty_ones() -> None:
    assert Lines(required=False).clean("one\n\n  two \n") == ["one", "two"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (schema(text={"type": "string"}), "text"),  # the only one
        (schema(("text",), text={"type": "string"}, n={"type": "integer"}), "text"),  # required
        (schema(a={"type": "string"}, b={"type": "string"}), None),  # which one?
        (schema(n={"type": "integer"}), None),  # not a text
    ],
)
def test_a_plain_text_file_fills_the_one_text(given: dict[str, Any], name: str | None) -> None:
    assert text_field(given) == name
