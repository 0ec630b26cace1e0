"""Schemas that are sound, values that fit, and sentences that keep the value to themselves."""

import time

import pytest

from workflows.json_schemas import MAX_FAULTS, check_schema, faults


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": "integer"}, "Erika", "must be a whole number, not a text"),
        ({"type": ["integer", "null"]}, True, "must be a whole number or nothing, not true or false"),
        ({"required": ["a", "b"]}, {"a": 1}, "“b” is missing"),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1, "b": 2, "c": 3},
            "“b”, “c” are not known here",
        ),
        ({"properties": {"a": {"enum": ["x", "y"]}}}, {"a": "Erika"}, "a: must be one of x, y"),
        ({"items": {"maximum": 3}}, [1, 9], "[1]: must be at most 3"),
        ({"const": 1}, 2, "must be 1"),
        ({"pattern": "^a+$"}, "Erika", "must match the pattern ^a+$"),
        ({"patternProperties": {"^x": {"type": "null"}}}, {"x1": 1, "y": 2}, "x1: must be nothing, not a number"),
        ({"format": "date"}, "2026-02-30", "must be a date"),
        ({"format": "date"}, "20260203", "must be a date"),
        ({"format": "date-time"}, "2026-02-03T10:00:00", "must be a date-time"),
        ({"minLength": 3}, "ab", "must have at least 3 characters"),
        ({"anyOf": [{"type": "null"}]}, "Erika", "fits none of the allowed forms"),
        ({"if": {}, "then": {"type": "null"}}, 1, "must be nothing, not a number"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "does not fit the rule “dependentRequired”"),
    ],
)  # fmt: skip
def test_what_does_not_fit(schema, value, says):
    (fault,) = faults(schema, value)

    assert str(fault) == says
    assert "Erika" not in str(fault)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"format": "date"}, "2026-02-28"),
        ({"format": "date"}, 7),
        ({"format": "date-time"}, "2026-02-03T10:00:00Z"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, None),
        ({"patternProperties": {"^x": {}}}, 3),
    ],
)
def test_what_fits(schema, value):
    assert check_schema(schema) == []
    assert faults(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "intger"}, ("type",)),
        ({"minimum": "3"}, ("minimum",)),
        ({"$ref": "https://example.com/x.json"}, ("$ref",)),
        ({"$ref": "#/$defs/nowhere"}, ("$ref",)),
        ({"$ref": "file:///etc/passwd"}, ("$ref",)),
        ({"$ref": "#"}, ("$ref",)),
        ({"properties": {"a": {"$id": "https://example.com/"}}}, ("properties", "a", "$id")),
        ({"pattern": "(?=x)"}, ("pattern",)),
        ({"patternProperties": {"(": {}}}, ("patternProperties", "(")),
    ],
)
def test_schemas_that_are_not_sound(schema, path):
    (fault,) = check_schema(schema)

    assert fault.path == path


def test_a_schema_that_turns_in_circles_fails_closed():
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}

    assert [fault.rule for fault in faults(schema, 1)] == ["depth"]


def test_a_slow_pattern_is_not_slow():
    started = time.monotonic()

    assert faults({"pattern": "^(a+)+$"}, "a" * 50_000 + "!")

    assert time.monotonic() - started < 60  # by backtracking: for ever


def test_faults_are_counted_to_a_limit():
    assert len(faults({"items": {"type": "null"}}, list(range(10_000)))) == MAX_FAULTS


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "intger"},
        {"$ref": "https://example.com/x.json"},
        {"$ref": "#/$defs/nowhere"},
        {"pattern": "(?=x)"},
    ],
)
def test_a_broken_schema_fits_nothing(schema):
    assert [fault.rule for fault in faults(schema, "x")] == ["schema"]
