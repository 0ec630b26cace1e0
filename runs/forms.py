"""From a workflow's input schema to a form, and from what was typed back to an input.

Covers the flat part of JSON Schema that people fill in: texts, choices, numbers, yes or no, dates, lists of
texts. A schema with anything else is asked for as JSON or as a file.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import File

from runs import start
from runs.errors import InputInvalid, InputTooLarge
from tenancy.money import to_micros
from workflows.definition import Definition

FIELD = {"class": "field"}
LONG_TEXT = 200  # a text that may be longer than this gets several lines
PREFIX = "in-"


class StartForm(forms.Form):
    """How to start a run: fields made from the schema, or JSON, or a file; and whose data it is."""

    file = forms.FileField(
        required=False,
        label="File",
        widget=forms.ClearableFileInput(attrs=FIELD),
        help_text="JSON is taken as the whole input; any other text as the input's text.",
    )
    document = forms.CharField(
        required=False,
        label="Input as JSON",
        widget=forms.Textarea(attrs={"class": "field code", "rows": 10, "spellcheck": "false"}),
    )
    owner_label = forms.CharField(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Whose data this is: a customer, a case. Disposal can go by it.",
    )
    subject = forms.CharField(
        required=False,
        max_length=500,
        label="Person concerned",
        widget=forms.TextInput(attrs=FIELD),
        help_text="Kept as a keyed digest only, so that a request for erasure finds this run.",
    )
    budget = forms.CharField(
        required=False,
        max_length=20,
        label="Budget of this run",
        widget=forms.TextInput(attrs={**FIELD, "inputmode": "decimal", "autocomplete": "off"}),
        help_text="The most that it may spend with all its child runs, such as 2.50. The workflow's own holds, too.",
    )
    budget_currency = forms.RegexField(
        r"^[A-Z]{3}$",
        required=False,
        max_length=3,
        label="Currency",
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"}),
        help_text="Empty: that of its models' prices.",
        error_messages={"invalid": "A currency is three capital letters, such as EUR."},
    )
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, definition: Definition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        self.made = fields_of(definition.input_schema)
        for name, field in (self.made or {}).items():
            self.fields[f"{PREFIX}{name}"] = field

    def made_fields(self) -> list[forms.BoundField]:
        return [self[f"{PREFIX}{name}"] for name in self.made or {}]

    @property
    def refusal_status(self) -> int:
        """Of the answer that shows what is wrong with what was sent."""
        wrong = [error for errors in self.errors.as_data().values() for error in errors]
        too_large = any(error.code == InputTooLarge.code for error in wrong)
        return InputTooLarge.status if too_large else InputInvalid.status

    def clean_budget(self) -> int | None:
        """In micro-units; None for no budget."""
        amount = self.cleaned_data["budget"].strip()
        try:
            return to_micros(amount) if amount else None
        except ValueError:
            raise ValidationError("Write money like 2.50, with a point.") from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("file"):
            self._forgive_made_fields()
            cleaned["run_input"] = self._of_file(cleaned["file"])
        elif self.made is None or cleaned.get("document"):
            self._forgive_made_fields()
            cleaned["run_input"] = _parse(cleaned.get("document", ""), "document")
        elif not self.errors:
            cleaned["run_input"] = self._of_fields(cleaned)
        if not self.errors and "run_input" in cleaned:
            self._check(cleaned["run_input"])
        return cleaned

    def _forgive_made_fields(self) -> None:
        """What was not filled in does not matter when the input came another way."""
        for name in self.made or {}:
            self.errors.pop(f"{PREFIX}{name}", None)

    def _of_file(self, upload: "File[bytes]") -> Any:
        try:
            start.check_size(upload.size)
            text = upload.read().decode()
        except InputTooLarge as error:
            raise ValidationError(
                {"file": ValidationError(error.sentence, code=error.code)}
            ) from error
        except UnicodeDecodeError:
            raise ValidationError({"file": "This file is not text in UTF-8."}) from None
        if (upload.name or "").endswith(".json"):
            return _parse(text, "file")
        name = text_field(self.definition.input_schema)
        if name is None:
            raise ValidationError({"file": "This input is more than one text: send a .json file."})
        return {name: text}

    def _of_fields(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        given = {}
        for name, field in (self.made or {}).items():
            value = cleaned.get(f"{PREFIX}{name}")
            if value in (None, "", []) and not field.required:
                continue
            given[name] = value.isoformat() if isinstance(value, date) else value
        return given

    def _check(self, run_input: Any) -> None:
        """The same check that the verb makes, said at the fields it is about."""
        try:
            start.check_input(self.definition, run_input)
        except InputTooLarge as error:
            raise ValidationError(error.sentence, code=error.code) from error
        except InputInvalid as error:
            for fault in error.extra["errors"]:
                where = fault["pointer"].removeprefix("#/input").lstrip("/").partition("/")[0]
                name = f"{PREFIX}{where}" if f"{PREFIX}{where}" in self.fields else None
                self.add_error(name, fault["detail"].removeprefix(f"{where}: ").capitalize())


class DecideForm(forms.Form):
    """Yes or no to what a run asks; whoever refuses says why."""

    verdict = forms.ChoiceField(
        choices=[("approved", "Approve"), ("refused", "Refuse")], widget=forms.HiddenInput
    )
    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={**FIELD, "rows": 4}),
        help_text="Kept with the decision. Needed when you refuse.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("verdict") == "refused" and not cleaned.get("reason", "").strip():
            self.add_error("reason", "Say why you refuse.")
        return cleaned


class Lines(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={**FIELD, "rows": 4})

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


def fields_of(schema: Mapping[str, Any]) -> dict[str, forms.Field] | None:
    """A form field for each property, or None when one of them has no plain form."""
    if schema.get("type") != "object" or not schema.get("properties"):
        return None
    required = set(schema.get("required", ()))
    made: dict[str, forms.Field] = {}
    for name, part in schema["properties"].items():
        field = _field(part, required=name in required)
        if field is None:
            return None
        field.label = part.get("title") or name.replace("_", " ").capitalize()
        field.help_text = part.get("description", "")
        field.initial = part.get("default")
        made[name] = field
    return made


def text_field(schema: Mapping[str, Any]) -> str | None:
    """The one property that takes a plain text file: the only required one, and a text."""
    properties = schema.get("properties", {})
    required = list(schema.get("required", ())) or list(properties)
    if len(required) != 1 or properties.get(required[0], {}).get("type") != "string":
        return None
    return str(required[0])


def _field(part: Mapping[str, Any], *, required: bool) -> forms.Field | None:
    kind = part.get("type")
    if "enum" in part:
        return _choice(part["enum"], required=required)
    if kind == "string":
        return _text(part, required=required)
    if kind in ("integer", "number"):
        made = forms.IntegerField if kind == "integer" else forms.FloatField
        return made(required=required, widget=forms.NumberInput(attrs={**FIELD, "step": "any"}))
    if kind == "boolean":
        choices = [(True, "Yes"), (False, "No")]
        return forms.TypedChoiceField(
            required=required,
            choices=choices if required else [("", "Not said"), *choices],
            coerce=lambda value: value == "True",
            empty_value=None,
            widget=forms.Select(attrs=FIELD),
        )
    if kind == "array" and part.get("items", {}).get("type") == "string":
        return Lines(required=required)
    return None


def _choice(values: list[Any], *, required: bool) -> forms.Field | None:
    if not all(isinstance(value, str) for value in values):
        return None
    choices = [(value, value.replace("_", " ")) for value in values]
    return forms.ChoiceField(
        required=required,
        choices=choices if required else [("", "Not said"), *choices],
        widget=forms.Select(attrs=FIELD),
    )


def _text(part: Mapping[str, Any], *, required: bool) -> forms.Field:
    if part.get("format") == "date":
        widget = forms.DateInput(attrs={**FIELD, "type": "date"})
        return forms.DateField(required=required, widget=widget)
    long = part.get("maxLength", LONG_TEXT + 1) > LONG_TEXT
    text = forms.Textarea(attrs={**FIELD, "rows": 10}) if long else forms.TextInput(attrs=FIELD)
    return forms.CharField(
        required=required, strip=False, max_length=part.get("maxLength"), widget=text
    )


def _parse(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        sentence = f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        raise ValidationError({field: sentence}) from None
