"""A long select says what Django's own says, and nothing in a choice breaks out of it."""

import pytest
from django import forms
from django.test.html import parse_html

from tenancy.selects import LongSelect

CHOICES = [
    ("tenant:", "The whole tenant"),
    ("Workflows", [("workflow:a", "a"), ("workflow:b", '<b> & "b"')]),
]


@pytest.mark.parametrize("value", ["workflow:b", "tenant:", "none of them", None])
@pytest.mark.parametrize("attrs", [{}, {"class": "field", "required": True, "disabled": False}])
def test_it_is_the_same_as_the_usual_one(value: str | None, attrs: dict[str, object]) -> None:
    usual = forms.Select(attrs=attrs, choices=CHOICES).render("counted", value, {"id": "id_c"})
    long = LongSelect(attrs=attrs, choices=CHOICES).render("counted", value, {"id": "id_c"})

    assert parse_html(long) == parse_html(usual)
    assert "<b>" not in long
