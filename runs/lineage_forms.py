"""What people ask of a run that has ended: a fork of it, or a replay. Forms check and shape; the verbs decide."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from compliance.models import PolicySnapshot
from runs.models import Run, RunPurpose
from workflows.models import WorkflowVersion

FIELD = {"class": "field"}
GROUP = "group-"
Choices = Sequence[tuple[str, str]]


class ForkChoice(forms.Form):
    """Where a fork begins, and on which version: enough to say what it would do."""

    at = forms.ChoiceField(label="First node that runs anew", widget=forms.Select(attrs=FIELD))
    version = forms.TypedChoiceField(coerce=int, widget=forms.Select(attrs=FIELD))

    def __init__(
        self, *args: Any, nodes: Choices, versions: Iterable[WorkflowVersion], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "at", nodes)
        _offer(self, "version", _versions(versions))


class ForkForm(forms.Form):
    """The rest of it. What would be done outside once more needs a word and a reason."""

    purpose = forms.ChoiceField(
        required=False,
        choices=[(RunPurpose.WORK.value, "To go on with the work"), (RunPurpose.WHAT_IF.value, "To see what if")],
        widget=forms.Select(attrs=FIELD),
    )  # fmt: skip
    reason = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
        help_text="Stays on record. No personal data.",
    )
    confirm = forms.BooleanField(required=False, label="Yes, do this outside once more")
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, needs_confirmation: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_confirmation = needs_confirmation

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.needs_confirmation and not cleaned.get("confirm"):
            self.add_error("confirm", "Confirm that these calls may be made once more.")
        if self.needs_confirmation and not cleaned.get("reason", "").strip():
            self.add_error("reason", "Say why these calls are made once more.")
        return cleaned


class ReplayForm(forms.Form):
    """As it was; or what if another version, policy or deployment had been asked."""

    version = forms.TypedChoiceField(coerce=int, widget=forms.Select(attrs=FIELD))
    policy = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        label="Policy",
        widget=forms.Select(attrs=FIELD),
    )

    def __init__(
        self,
        *args: Any,
        versions: Iterable[WorkflowVersion],
        policies: Iterable[PolicySnapshot],
        groups: Iterable[str],
        deployments: Sequence[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "version", _versions(versions))
        numbers = [(str(each.number), f"Policy {each.number}") for each in policies]
        _offer(self, "policy", [("", "As it was"), *numbers])
        for group in groups:
            self.fields[f"{GROUP}{group}"] = forms.ChoiceField(
                required=False,
                label=f"Model group {group}",
                choices=[("", "As it was"), *((name, name) for name in deployments)],
                widget=forms.Select(attrs=FIELD),
            )

    @property
    def model_groups(self) -> dict[str, list[str]]:
        """Those that are to lead elsewhere."""
        return {
            name.removeprefix(GROUP): [chosen]
            for name, chosen in self.cleaned_data.items()
            if name.startswith(GROUP) and chosen
        }


def _versions(versions: Iterable[WorkflowVersion]) -> Choices:
    return [(str(each.number), f"Version {each.number}") for each in versions]


def _offer(form: forms.Form, name: str, choices: Choices) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
    field.choices = choices


class TryForm(forms.Form):
    """The past run whose input and answers a draft is tried with."""

    run = forms.ChoiceField(label="Input and answers of", widget=forms.Select(attrs=FIELD))

    def __init__(self, *args: Any, runs: Sequence[Run], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [
            (str(each.pk), f"…{str(each.pk)[-8:]}, {each.created_at:%d %b %H:%M}, {each.get_status_display().lower()}")
            for each in runs
        ]  # fmt: skip
        _offer(self, "run", choices)
