"""A saved case as a form: three pieces of JSON, each with what is wrong in it."""

import json
from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError

from tenancy.errors import GroveError
from workflows.cases import ENDS, Content

FIELD = {"class": "field"}
CODE = {"class": "field code", "spellcheck": "false"}


class CaseForm(forms.Form):
    """What goes in, what the world would answer, and what has to come out."""

    name = forms.SlugField(
        max_length=64,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits and hyphens, such as angry-letter.",
    )
    run_input = forms.CharField(
        label="Input", widget=forms.Textarea(attrs={**CODE, "rows": 8}), help_text="JSON."
    )
    answers = forms.CharField(
        required=False,
        label="Answers",
        widget=forms.Textarea(attrs={**CODE, "rows": 8}),
        help_text="A JSON object: by the path of a node, what its model, tool or person would say. Of entries, "
        "each.say is all and each[2].say one of them.",
    )
    status = forms.ChoiceField(
        label="How it has to end",
        choices=[(end, end.replace("_", " ").capitalize()) for end in ENDS],
        widget=forms.Select(attrs=FIELD),
    )
    error_code = forms.CharField(
        required=False,
        max_length=64,
        label="With the error",
        widget=forms.TextInput(attrs=FIELD),
        help_text="Its code, where it has to fail. Empty: any.",
    )
    output = forms.CharField(
        required=False,
        label="What has to come out",
        widget=forms.Textarea(attrs={**CODE, "rows": 6}),
        help_text="JSON. Of an object only what is named here is compared. Empty: nothing is.",
    )

    @classmethod
    def of(cls, name: str, content: Content | None) -> Self:
        """Filled in with a case that is there, or empty."""
        if content is None:
            return cls(initial={"name": name, "answers": "{}"})
        expected = content.expected
        return cls(
            initial={
                "name": name,
                "run_input": _written(content.run_input),
                "answers": _written(dict(content.answers)),
                "status": expected.status,
                "error_code": expected.error_code,
                "output": "" if expected.output is None else _written(expected.output),
            }
        )

    def clean_run_input(self) -> Any:
        return _read(self.cleaned_data["run_input"])

    def clean_answers(self) -> Any:
        answers = _read(self.cleaned_data["answers"] or "{}")
        if not isinstance(answers, dict):
            raise ValidationError("Answers are an object by the paths of nodes.")
        return answers

    def clean_output(self) -> Any:
        text = self.cleaned_data["output"]
        return _read(text) if text.strip() else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        expected = {name: cleaned[name] for name in ("status", "output", "error_code")}
        try:
            cleaned["content"] = Content.from_json(
                {
                    "input": cleaned["run_input"],
                    "answers": cleaned["answers"],
                    "expected": expected,
                }
            )
        except GroveError as error:
            raise ValidationError(error.sentence) from error
        return cleaned


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        told = f"This is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        raise ValidationError(told) from error


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
