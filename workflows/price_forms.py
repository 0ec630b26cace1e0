"""What people send about prices. Forms check and shape; the verbs decide."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time
from typing import Any

from django import forms

from tenancy.errors import GroveError
from tenancy.money import to_micros
from workflows import price_sheet
from workflows.forms import FIELD
from workflows.models import Deployment
from workflows.providers import register

MOST_DEPLOYMENTS = 1_000
FROM = "At midnight UTC. Empty: from now on."


def amount_field(label: str, hint: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=hint,
        max_length=20,
        widget=forms.TextInput(attrs={**FIELD, "inputmode": "decimal", "autocomplete": "off"}),
    )


def currency_field(*, required: bool = True) -> forms.RegexField:
    return forms.RegexField(
        r"^[A-Z]{3}$",
        initial="EUR",
        max_length=3,
        required=required,
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"}),
        error_messages={"invalid": "A currency is three capital letters, such as EUR."},
    )


def _day_field(hint: str) -> forms.DateField:
    return forms.DateField(
        label="From",
        help_text=hint,
        required=False,
        widget=forms.DateInput(attrs={**FIELD, "type": "date"}),
        error_messages={"invalid": "Write a day like 2026-01-31."},
    )


@contextmanager
def said_of_fields() -> Iterator[None]:
    """What a verb would refuse is said at the form."""
    try:
        yield
    except GroveError as error:
        raise forms.ValidationError(error.sentence) from error


class _OfDeployment(forms.Form):
    """A deployment and the day from which something holds."""

    deployment: "forms.ModelChoiceField[Deployment]" = forms.ModelChoiceField(
        queryset=None,  # that of the tenant, see below
        to_field_name="name",
        empty_label=None,
        widget=forms.Select(attrs=FIELD),
        error_messages={"invalid_choice": "There is no such deployment."},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["deployment"].queryset = Deployment.objects.order_by("name")  # type: ignore[attr-defined]

    def clean_valid_from(self) -> datetime | None:
        day = self.cleaned_data["valid_from"]
        if day is None:
            return None
        moment = datetime.combine(day, time(), UTC)
        with said_of_fields():
            register.check_moment(moment)
        return moment


class PriceForm(_OfDeployment):
    """What a million tokens cost from a day on."""

    input_micros_per_million = amount_field("A million tokens in", "An amount such as 2.50.")
    output_micros_per_million = amount_field("A million tokens out")
    currency = currency_field()
    valid_from = _day_field(FROM)

    def clean_input_micros_per_million(self) -> int:
        return _micros(self.cleaned_data["input_micros_per_million"])

    def clean_output_micros_per_million(self) -> int:
        return _micros(self.cleaned_data["output_micros_per_million"])


class EndPriceForm(_OfDeployment):
    """From when on nothing may be spent on a deployment."""

    valid_from = _day_field(FROM)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            with said_of_fields():
                register.get_price_to_end(**cleaned)
        return cleaned


class PriceSheetForm(forms.Form):
    """Prices as a file, or typed; checked first, and taken over only when that is asked for."""

    file = forms.FileField(
        required=False,
        label="File",
        widget=forms.ClearableFileInput(attrs={**FIELD, "accept": ".csv,text/csv"}),
        help_text=f"Columns: {', '.join(price_sheet.COLUMNS)}. Amounts like 2.50; the last two may be left out.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or as text",
        widget=forms.Textarea(attrs={"class": "field code", "rows": 6, "spellcheck": "false"}),
    )
    take = forms.BooleanField(
        required=False,
        label="Take the prices over",
        help_text="Without it they are only checked.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload, text = cleaned.get("file"), cleaned.get("text", "")
        if upload is not None:
            if upload.size > price_sheet.MOST_BYTES:
                raise forms.ValidationError("A sheet of prices is at most 1 MB. Send it in parts.")
            try:
                text = upload.read().decode()
            except UnicodeDecodeError:
                raise forms.ValidationError("This file is not text in UTF-8.") from None
        if not text.strip():
            raise forms.ValidationError("Choose a file, or write the prices down.")
        with said_of_fields():
            return cleaned | {"text": text, "sheet": price_sheet.read(text)}


def _micros(amount: str) -> int:
    try:
        return to_micros(amount.strip())
    except ValueError:
        raise forms.ValidationError("Write an amount like 2.50, with a point.") from None
