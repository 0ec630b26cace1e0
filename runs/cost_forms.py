"""What people ask about costs. The form checks and shapes; runs/costs.py adds up."""

from typing import Any

from django import forms

from runs import costs
from runs.costs import Asked
from runs.errors import CostsInvalid
from workflows.models import Workflow

FIELD = {"class": "field"}
DAY = forms.DateInput(attrs={**FIELD, "type": "date"}, format="%Y-%m-%d")


class CostsForm(forms.Form):
    """Which days, put together how, and of which workflow. What is not said is this month, by workflow."""

    since = forms.DateField(required=False, label="From", widget=DAY)
    until = forms.DateField(required=False, label="To", widget=DAY)
    by = forms.ChoiceField(
        required=False,
        label="Put together by",
        choices=list(costs.GROUPS.items()),
        widget=forms.Select(attrs=FIELD),
    )
    workflow: "forms.ModelChoiceField[Workflow]" = forms.ModelChoiceField(
        required=False,
        label="Workflow",
        queryset=None,  # asked for in a tenant only: see __init__
        to_field_name="slug",
        empty_label="All workflows",
        widget=forms.Select(attrs=FIELD),
        error_messages={"invalid_choice": "There is no such workflow."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workflows = Workflow.objects.only("tenant", "slug", "title").order_by("title")
        self.fields["workflow"].queryset = workflows  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = costs.usual()
        until = cleaned.get("until") or last
        since = cleaned.get("since") or min(first, until)
        asked = Asked(
            since=since,
            until=until,
            by=cleaned.get("by") or "workflow",
            workflow=cleaned.get("workflow"),
        )
        try:
            asked.check()
        except CostsInvalid as error:
            raise forms.ValidationError(error.sentence) from error
        return cleaned | {"asked": asked}
