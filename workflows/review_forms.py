"""What people send in reviews, and about the rules of governance. Forms check and shape; the verbs decide."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from workflows import checklist
from workflows.checklist import Answered
from workflows.errors import VoteRefused
from workflows.forms import FIELD
from workflows.models import VoteChoice
from workflows.reviews import LONGEST_COMMENT, LONGEST_REASON

ANSWERS = [("yes", "Yes"), ("no", "No"), ("not_applicable", "Does not apply")]


class SubmitForm(forms.Form):
    """What the reviewers are told."""

    message = forms.CharField(
        required=False,
        max_length=2000,
        label="What should reviewers know?",
        widget=forms.Textarea(attrs={**FIELD, "rows": 4}),
        help_text="Why this change, and what to look at first.",
    )


class VoteForm(forms.Form):
    """A judgement: the checklist, a reason, and one of two buttons."""

    choice = forms.ChoiceField(choices=VoteChoice.choices, widget=forms.HiddenInput)
    reason = forms.CharField(
        required=False,
        max_length=LONGEST_REASON,
        label="Reason",
        widget=forms.Textarea(attrs={**FIELD, "rows": 4}),
        help_text="Needed to request changes. Others read it once all have voted.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, control in checklist.fields():
            self.fields[name] = forms.ChoiceField(
                required=False,
                choices=ANSWERS,
                label=control.question,
                widget=forms.RadioSelect,
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        choice, reason = cleaned.get("choice"), (cleaned.get("reason") or "").strip()
        cleaned["answers"] = {
            control.code: cleaned[name] for name, control in checklist.fields() if cleaned.get(name)
        }
        if choice == VoteChoice.REQUEST_CHANGES and not reason:
            raise ValidationError({"reason": "Say what has to change."})
        try:
            checklist.check(cleaned["answers"], approving=choice == VoteChoice.APPROVE)
        except VoteRefused as refused:
            raise ValidationError(refused.sentence) from refused
        return cleaned

    def rows(self, answered: Iterable[Answered]) -> list[tuple[Answered, Any]]:
        """Each control with its evidence and the field in which it is answered."""
        return [(each, self[f"control_{each.control.code}"]) for each in answered]


class CommentForm(forms.Form):
    """A remark at a node or on the whole; an answer to one, which may resolve it."""

    node = forms.ChoiceField(required=False, label="About", widget=forms.Select(attrs=FIELD))
    text = forms.CharField(
        required=False,
        max_length=LONGEST_COMMENT,
        label="Comment",
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
    )
    answers = forms.IntegerField(required=False, widget=forms.HiddenInput)
    resolves = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, nodes: Iterable[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["node"].choices = [("", "The whole"), *nodes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not (cleaned.get("text") or "").strip() and not cleaned.get("resolves"):
            raise ValidationError({"text": "Say something."})
        return cleaned
