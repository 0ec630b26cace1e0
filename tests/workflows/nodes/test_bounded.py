"""Which schemas leave no room for free text."""

import pytest

from workflows.nodes.bounded import is_bounded


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["a", "b"]},
        {"const": 1},
        {"type": "boolean", "title": "Yes?"},
        {"type": "integer", "minimum": 1},
        {"type": "null"},
        {"type": "string", "format": "date"},
        {"type": "string", "enum": ["a"]},
        {"type": "array", "items": {"type": "number"}, "maxItems": 10},
        {
            "type": "object",
            "properties": {"a": {"enum": ["x"]}},
            "required": ["a"],
            "additionalProperties": False,
        },
        False,
    ],
)
def test_bounded(schema):
    assert is_bounded(schema)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "string"},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "email"},
        {"type": ["integer", "string"]},
        {"type": "object", "properties": {"a": {"enum": ["x"]}}},  # other members may come along
        {"type": "object", "additionalProperties": {"type": "integer"}},  # free names
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {
            "type": "object",
            "patternProperties": {".*": {"enum": ["x"]}},
            "additionalProperties": False,
        },
        {"type": "array", "items": {"enum": ["x"]}},  # as long as one likes
        {"type": "array", "items": {"enum": ["x"]}, "maxItems": 10_000},
        {"type": "array", "maxItems": 3},
        {"type": "integer", "anyOf": [{}]},  # rules we do not judge
        {"$ref": "#/$defs/a"},
    ],
)
def test_not_bounded(schema):
    assert not is_bounded(schema)
