"""Fields printed without a template are what Django's templates print, but for white space between options."""

import re
from datetime import date

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from grove_site.form_parts import FormRenderer

CHOICES = [("", "All"), ("a<b", 'A "name" & <b>'), ("Group's", [(1, "One"), (2, "Two")])]
ODD = {"class": "field", "required": True, "autofocus": False, "rows": 4, "data-x": "\"'<>&"}
CASES: list[tuple[forms.Widget, object]] = [
    (forms.Select(attrs=ODD, choices=CHOICES), "a<b"),
    (forms.Select(choices=CHOICES), None),
    (forms.SelectMultiple(attrs=ODD, choices=CHOICES), ["1", "a<b"]),
    (forms.NullBooleanSelect(), True),
    (forms.TextInput(attrs=ODD), "<script>'\""),
    (forms.TextInput(), None),
    (forms.TextInput(), ""),
    (forms.NumberInput(attrs={"min": 0}), 1_234_567),
    (forms.EmailInput(), "a@example.org"),
    (forms.URLInput(), "https://example.org/?a=1&b=2"),
    (forms.PasswordInput(), "never shown"),
    (forms.HiddenInput(), 0),
    (forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), date(2026, 3, 1)),
    (forms.CheckboxInput(attrs=ODD), True),
    (forms.CheckboxInput(), False),
    (forms.Textarea(attrs=ODD), "</textarea>\nnext & last"),
    (forms.Textarea(), None),
    (forms.RadioSelect(choices=CHOICES), "1"),  # left to the templates
]


@pytest.mark.parametrize(("widget", "value"), CASES)
def test_widget_is_printed_as_by_the_templates(widget: forms.Widget, value: object) -> None:
    attrs = {"id": "id_x<"}

    printed = widget.render("na<me", value, attrs=attrs, renderer=FormRenderer())

    expected = widget.render("na<me", value, attrs=attrs, renderer=DjangoTemplates())
    assert printed == re.sub(r">\s+(?=</?opt|</sel)", ">", expected)
    assert hasattr(printed, "__html__")
