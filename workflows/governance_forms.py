"""The rules of governance as a form. It checks and shapes; the verb decides."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from workflows import governance
from workflows.errors import GovernanceInvalid
from workflows.forms import FIELD
from workflows.governance import Rules
from workflows.models.governance import LONGEST_TERM_DAYS, MOST_REVIEWERS


class GovernanceForm(forms.Form):
    """All rules, and why they change."""

    review_required = forms.BooleanField(
        required=False,
        label="A version is published only after an approved review",
        help_text="By people who did not write it. Rollbacks to what was approved before need no other one.",
    )
    reviewers = forms.IntegerField(
        min_value=1,
        max_value=MOST_REVIEWERS,
        label="Votes that a review needs",
        widget=forms.NumberInput(attrs=FIELD),
        help_text="When the computed risk is high, a compliance officer has to be among them.",
    )
    documentation_required = forms.BooleanField(
        required=False, label="A version is published only with complete documentation"
    )
    cases_must_pass = forms.BooleanField(
        required=False,
        label="A version is published only when all saved cases pass",
        help_text="There must be one at least. They are tried in memory: nothing leaves.",
    )
    staging_first = forms.BooleanField(
        required=False,
        label="A version is published only after a completed run on staging",
        help_text="Of the very digest that goes live.",
    )
    recertify_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_TERM_DAYS,
        label="Days after which a sign-off has to be given again",
        widget=forms.NumberInput(attrs=FIELD),
        help_text="Empty: it does not expire.",
    )
    block_overdue = forms.BooleanField(
        required=False, label="A workflow whose sign-off is missing or over takes no new runs"
    )
    reason = forms.CharField(
        max_length=500,
        label="Why they change",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
        help_text="Kept with the rules for whoever asks later.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            cleaned["rules"] = Rules(
                **{name: cleaned[name] for name in asdict(Rules()) if name in cleaned}
            )
            try:
                governance.check_satisfiable(cleaned["rules"])
            except GovernanceInvalid as refused:
                raise ValidationError({"reviewers": refused.sentence}) from refused
        return cleaned
