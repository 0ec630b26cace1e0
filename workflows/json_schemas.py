"""JSON Schema 2020-12 for inputs and model outputs: is a schema sound, does a value fit?

Pure and closed: references stay inside the schema, patterns run on RE2, which cannot be made slow.
Sentences name places and rules, never the values they judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, cast

import orjson
import re2
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import UnknownType, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from workflows.expressions import type_name

MAX_FAULTS = 20
_TYPE_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """One place that does not fit. `path` leads into the value, or into the schema itself."""

    path: tuple[str | int, ...]
    sentence: str
    rule: str
    key: str | None = None  # the member that is not known, where that is what is wrong

    def __str__(self) -> str:
        return f"{place_name(self.path)}: {self.sentence}" if self.path else self.sentence


def place_name(path: tuple[str | int, ...]) -> str:
    """`answers[0].text`."""
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return name.removeprefix(".")


def check_schema(schema: Any) -> list[SchemaFault]:
    """What is wrong with a schema: its form, references that leave it, patterns RE2 refuses."""
    faults = [
        _fault(error)
        for error in _sorted(Draft202012Validator(Draft202012Validator.META_SCHEMA), schema)
    ]
    if not faults:
        faults = list(_closed_world_faults(schema))
    return faults[:MAX_FAULTS]


def faults(schema: Mapping[str, Any], value: Any) -> list[SchemaFault]:
    """Where the value does not fit the schema, at most MAX_FAULTS. Fails closed."""
    validator = _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))
    try:
        return [_fault(error) for error in _sorted(validator, value)][:MAX_FAULTS]
    except RecursionError:
        return [SchemaFault((), "Schema and value go deeper than can be checked.", "depth")]
    except (UnknownType, Unresolvable, re2.error):
        return [SchemaFault((), "The schema itself is broken.", "schema")]


def _fault(error: ValidationError) -> SchemaFault:
    odd = _unknown_members(error) if error.validator == "additionalProperties" else []
    return SchemaFault(
        path=tuple(error.absolute_path),
        sentence=_sentence(error),
        rule=str(error.validator),
        key=odd[0] if odd else None,
    )


def _sorted(validator: Any, value: Any) -> list[ValidationError]:
    errors: list[ValidationError] = []
    for error in validator.iter_errors(value):
        errors.append(error)
        if len(errors) >= 5 * MAX_FAULTS:
            break
    return sorted(errors, key=lambda error: [str(step) for step in error.absolute_path])


@lru_cache(maxsize=512)
def _validator(schema: bytes) -> Any:
    return _Validator(orjson.loads(schema), registry=Registry(), format_checker=_FORMATS)


def _check_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _compiled(pattern).search(value):
        yield ValidationError("does not match the pattern")


def _check_pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[Any]:
    if not isinstance(value, dict):
        return
    for pattern, schema in patterns.items():
        for key, inner in value.items():
            if _compiled(pattern).search(key):
                yield from validator.descend(inner, schema, path=key, schema_path=pattern)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_Validator = extend(
    Draft202012Validator,
    {"pattern": _check_pattern, "patternProperties": _check_pattern_properties},
)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or (
        len(value) == 10 and date.fromisoformat(value).isoformat() == value
    )


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _closed_world_faults(schema: Any) -> Iterator[SchemaFault]:
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), schema)]
    while pending:
        path, inner = pending.pop()
        if isinstance(inner, dict):
            yield from _reference_faults(path, inner, schema)
            yield from _pattern_faults(path, inner)
            pending.extend(((*path, key), each) for key, each in inner.items())
        elif isinstance(inner, list):
            pending.extend(((*path, place), each) for place, each in enumerate(inner))


def _reference_faults(
    path: tuple[str | int, ...], inner: dict[str, Any], root: Any
) -> Iterator[SchemaFault]:
    for keyword in ("$ref", "$dynamicRef"):
        target = inner.get(keyword)
        if isinstance(target, str) and not _leads_somewhere(target, root):
            yield SchemaFault(
                (*path, keyword),
                f"“{target}” leads nowhere inside this schema. References begin with #/$defs/",
                keyword,
            )
    if path and isinstance(inner.get("$id"), str):
        yield SchemaFault((*path, "$id"), "Only the outermost schema may have an $id.", "$id")


def _leads_somewhere(target: str, root: Any) -> bool:
    if not target.startswith("#/$defs/") and not target.startswith("#/properties/"):
        return False
    for written in target[2:].split("/"):
        step = written.replace("~1", "/").replace("~0", "~")
        if not isinstance(root, dict) or step not in root:
            return False
        root = root[step]
    return True


def _pattern_faults(path: tuple[str | int, ...], inner: dict[str, Any]) -> Iterator[SchemaFault]:
    patterns = [((*path, "pattern"), inner.get("pattern"))]
    if isinstance(inner.get("patternProperties"), dict):
        patterns += [((*path, "patternProperties", key), key) for key in inner["patternProperties"]]
    for place, pattern in patterns:
        if isinstance(pattern, str):
            try:
                _compiled(pattern)
            except re2.error:
                yield SchemaFault(
                    place,
                    "This pattern is not one RE2 knows (no look-around, no back-references)",
                    "pattern",
                )


def _sentence(error: ValidationError) -> str:
    """What a person would say about it, without the value."""
    if error.validator == "anyOf" and list(error.absolute_schema_path)[-2:-1] == ["type"]:
        # Only the schema of schemas has several forms for `type`.
        return f"must be one of {', '.join(_TYPE_NAMES)}"
    told = _SENTENCES.get(str(error.validator))
    if told is not None:
        return told(error)
    return f"does not fit the rule “{error.validator}”"


def _type_sentence(error: ValidationError) -> str:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else cast("list[str]", wanted)
    must = " or ".join(_TYPE_NAMES.get(name, name) for name in names)
    return f"must be {must}, not {type_name(error.instance)}"


def _required_sentence(error: ValidationError) -> str:
    # One error for each missing member, named only in jsonschema's own message.
    names = cast("list[str]", error.validator_value)
    missing = [name for name in names if error.message.startswith(f"{name!r} ")]
    return f"“{missing[0]}” is missing" if missing else "something is missing"


def _additional_sentence(error: ValidationError) -> str:
    odd = _unknown_members(error)
    named = ", ".join(f"“{name[:60]}”" for name in odd[:5])
    return f"{named} {'is' if len(odd) == 1 else 'are'} not known here"


def _unknown_members(error: ValidationError) -> list[str]:
    known = cast("Mapping[str, Any]", error.schema).get("properties", {})
    return [str(name) for name in cast("Mapping[str, Any]", error.instance) if name not in known]


def _enum_sentence(error: ValidationError) -> str:
    allowed = ", ".join(str(value) for value in cast("list[Any]", error.validator_value)[:20])
    return f"must be one of {allowed}"


_SENTENCES: dict[str, Callable[[ValidationError], str]] = {
    "type": _type_sentence,
    "required": _required_sentence,
    "additionalProperties": _additional_sentence,
    "enum": _enum_sentence,
    "const": lambda error: f"must be {error.validator_value}",
    "pattern": lambda error: f"must match the pattern {error.validator_value}",
    "format": lambda error: f"must be a {error.validator_value}",
    "minLength": lambda error: f"must have at least {error.validator_value} characters",
    "maxLength": lambda error: f"must have at most {error.validator_value} characters",
    "minItems": lambda error: f"must have at least {error.validator_value} entries",
    "maxItems": lambda error: f"must have at most {error.validator_value} entries",
    "minimum": lambda error: f"must be at least {error.validator_value}",
    "maximum": lambda error: f"must be at most {error.validator_value}",
    "exclusiveMinimum": lambda error: f"must be more than {error.validator_value}",
    "exclusiveMaximum": lambda error: f"must be less than {error.validator_value}",
    "minProperties": lambda error: f"must have at least {error.validator_value} members",
    "maxProperties": lambda error: f"must have at most {error.validator_value} members",
    "uniqueItems": lambda _error: "must not repeat an entry",
    "anyOf": lambda _error: "fits none of the allowed forms",
    "oneOf": lambda _error: "must fit exactly one of the allowed forms",
    "not": lambda _error: "has a form that is excluded",
}
