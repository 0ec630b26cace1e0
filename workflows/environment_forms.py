"""Which version goes to staging, and why."""

from typing import Any

from django import forms

from workflows.models import VersionState, Workflow

FIELD = {"class": "field"}
OFFERED = 50


class StageForm(forms.Form):
    """A choice among the newest versions that are not retired."""

    version = forms.ChoiceField(widget=forms.Select(attrs=FIELD))
    reason = forms.CharField(
        max_length=1000,
        label="What is tried",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
        help_text="Kept with the promotion for whoever asks later.",
    )

    def __init__(self, *args: Any, workflow: Workflow, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = workflow.versions.with_state().select_related("workflow")[:OFFERED]
        self._versions = {
            str(each.number): each for each in versions if each.state is not VersionState.RETIRED
        }
        choices = [(number, _words(each)) for number, each in self._versions.items()]
        self.fields["version"] = forms.ChoiceField(
            choices=choices or [("", "There is no version yet")],
            widget=forms.Select(attrs=FIELD),
            help_text="" if choices else "Make a version of a revision first.",
        )

    def clean_version(self) -> Any:
        return self._versions[self.cleaned_data["version"]]


def _words(version: Any) -> str:
    return f"Version {version.number}, {version.state}, {version.digest[:8]}…"
