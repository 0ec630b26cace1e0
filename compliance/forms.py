"""What people send about disposals. Forms check and shape; the verbs decide."""

from typing import Any

from django import forms

from compliance import disposables
from compliance.models import DisposalPlan
from compliance.models.disposal import LegalBasis

FIELD = {"class": "field"}


class ConfirmForm(forms.Form):
    """The ground, the reason, and the first signs of the plan's digest typed by hand."""

    legal_basis = forms.ChoiceField(
        choices=LegalBasis.choices, widget=forms.Select(attrs=FIELD), label="Ground"
    )
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
        help_text="Kept for ever in the disposal log: name no person here.",
    )
    typed = forms.CharField(
        max_length=8, widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"})
    )

    def __init__(self, *args: Any, plan: DisposalPlan, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = plan.digest[:8]
        self.fields["typed"].label = f"Type {self.wanted} to confirm"
        self.fields["typed"].help_text = "The first eight signs of the plan's digest."

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"].strip()
        if typed != self.wanted:
            raise forms.ValidationError(f"This is not {self.wanted}.")
        return typed


class AcknowledgeForm(forms.Form):
    """What was done about an alert."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={**FIELD, "placeholder": "What was done about it"}),
        error_messages={"required": "Say what was done about it."},
    )


class LogForm(forms.Form):
    """What the log is asked for."""

    kind = forms.ChoiceField(required=False, widget=forms.Select(attrs=FIELD))
    record = forms.UUIDField(
        required=False, widget=forms.TextInput(attrs={**FIELD, "placeholder": "Id of a record"})
    )
    owner = forms.CharField(
        required=False, widget=forms.TextInput(attrs={**FIELD, "placeholder": "Owner label"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [(kind, disposables.get_disposable(kind).label) for kind in disposables.all_kinds()]
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101 - for the type checker
        kind.choices = [("", "Any kind"), *kinds]
