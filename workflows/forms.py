"""What people send about workflows. Forms check and shape; the verbs decide."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from compliance.labels import DataClass
from workflows import starters
from workflows.source import MAX_BYTES

FIELD = {"class": "field"}


class DefinitionForm(forms.Form):
    """A definition, typed or as a file."""

    text = forms.CharField(
        required=False,
        strip=False,
        label="Definition",
        widget=forms.Textarea(
            attrs={"class": "field code", "rows": 28, "spellcheck": "false", "wrap": "off"}
        ),
        help_text="YAML or JSON.",
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        widget=forms.ClearableFileInput(attrs={**FIELD, "accept": ".yaml,.yml,.json"}),
    )
    summary = forms.CharField(
        required=False,
        max_length=500,
        label="What changed",
        widget=forms.TextInput(attrs=FIELD),
        help_text="One line for the list of revisions.",
    )
    parent = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        upload = cleaned.get("file")
        if upload and upload.size > MAX_BYTES:
            told = f"This file has {upload.size:,} bytes; {MAX_BYTES:,} are allowed."
            raise ValidationError({"file": told})
        if upload:
            try:
                cleaned["text"] = upload.read().decode()
            except UnicodeDecodeError:
                raise ValidationError({"file": "This file is not text in UTF-8."}) from None
        text = (cleaned.get("text") or "").replace("\r\n", "\n")
        if not text.strip():
            raise ValidationError({"text": "Paste a definition, or choose a file."})
        cleaned["text"] = text
        cleaned["media"] = "json" if text.lstrip().startswith("{") else "yaml"
        return cleaned


class BeginForm(forms.Form):
    """A new workflow: what it is called, what it is for, and what it begins from."""

    title = forms.CharField(
        max_length=200,
        label="Title",
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"}),
    )
    name = forms.RegexField(
        regex=r"^[a-z][a-z0-9-]{0,62}$",
        required=False,
        label="Name in addresses",
        help_text="Small letters, digits and hyphens; made from the title when left out. It stays.",
        error_messages={"invalid": "Small letters, digits and hyphens, a letter first."},
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"}),
    )
    purpose = forms.CharField(
        required=False,
        max_length=2000,
        label="Purpose",
        help_text="Why it exists, in one sentence. It goes into the document that is approved.",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
    )
    data_class = forms.ChoiceField(
        choices=[(level.word, level.word.capitalize()) for level in DataClass],
        initial=DataClass.CONFIDENTIAL.word,
        label="Data class",
        help_text="The highest class of data that this workflow may carry.",
        widget=forms.Select(attrs=FIELD),
    )
    starter = forms.ChoiceField(
        choices=[(name, name) for name in starters.NAMES],
        initial="triage",
        label="Template",
        widget=forms.RadioSelect,
    )


class ReasonForm(forms.Form):
    """Why a version is published or retired."""

    reason = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
        help_text="Kept with the version for whoever asks later.",
    )


class AttestationForm(forms.Form):
    """What somebody attests. `digest` is that of the document on the page."""

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    statement = forms.CharField(
        max_length=2000,
        label="What you attest",
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
        help_text="Such as: I have read this document, and it is true of how the workflow is used.",
    )
    expires_on = forms.DateField(
        required=False,
        label="Holds until the end of",
        widget=forms.DateInput(attrs={**FIELD, "type": "date"}),
        help_text="Then it has to be signed again; earlier where the rules say so.",
    )

    @property
    def expires_at(self) -> datetime | None:
        """The end of that day in UTC."""
        day: date | None = self.cleaned_data.get("expires_on")
        return datetime.combine(day, time.max, tzinfo=UTC) if day else None
