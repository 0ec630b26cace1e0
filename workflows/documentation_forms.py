"""The form for what people say about a workflow: one text for the whole, one for each node, and why it changes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.forms import BoundField

from workflows import documentation
from workflows.completeness import NodeText
from workflows.documentation import FIELDS, LONGEST_LINE, LONGEST_REASON, LONGEST_TEXT, Texts
from workflows.forms import FIELD

HINTS = {
    "purpose": "What it is for, in a sentence that somebody outside of the team understands.",
    "owner": "The team that answers for it.",
    "category": "Where it belongs, such as Customer service.",
    "legal_basis": "On what ground personal data is used, such as GDPR Art. 6 (1) c.",
    "people_concerned": "Whose data it is, such as customers who complain.",
    "retention_days": "For how many days inputs, outputs and calls of a run are kept.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFields:
    """The fields of one node."""

    node: NodeText
    text: BoundField
    still_true: BoundField | None


class DocumentationForm(forms.Form):
    """`begun_from` is the number of the texts that were on the page."""

    begun_from = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    purpose = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={**FIELD, "rows": 3}),
        help_text=HINTS["purpose"],
    )
    owner = forms.CharField(
        required=False,
        max_length=LONGEST_LINE,
        widget=forms.TextInput(attrs=FIELD),
        help_text=HINTS["owner"],
    )
    category = forms.CharField(
        required=False,
        max_length=LONGEST_LINE,
        widget=forms.TextInput(attrs=FIELD),
        help_text=HINTS["category"],
    )
    legal_basis = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        label="Legal basis",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
        help_text=HINTS["legal_basis"],
    )
    people_concerned = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        label="People concerned",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
        help_text=HINTS["people_concerned"],
    )
    retention_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=documentation.MOST_DAYS,
        label="Retention in days",
        widget=forms.NumberInput(attrs=FIELD),
        help_text=HINTS["retention_days"],
    )
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        label="Why it changes",
        widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
        help_text="Kept in the history for whoever asks later.",
    )

    def __init__(self, *sent: Any, nodes: Iterable[NodeText], **options: Any) -> None:
        super().__init__(*sent, **options)
        self.nodes = tuple(nodes)
        for node in self.nodes:
            self.fields[_text_of(node)] = forms.CharField(
                required=False,
                max_length=LONGEST_TEXT,
                label=f"{node.title} ({node.id})",
                widget=forms.Textarea(attrs={**FIELD, "rows": 2}),
            )
            if node.stale_since:
                self.fields[_still_of(node)] = forms.BooleanField(
                    required=False, label=f"The text of {node.id} is still true"
                )

    def node_fields(self) -> Iterator[NodeFields]:
        for node in self.nodes:
            still = self[_still_of(node)] if _still_of(node) in self.fields else None
            yield NodeFields(node=node, text=self[_text_of(node)], still_true=still)

    def to_texts(self, before: Texts) -> Texts:
        """What was typed; texts of nodes that the page did not show stay as they were."""
        said = dict(before.node_texts) | {
            node.id: _unix(self.cleaned_data[_text_of(node)]) for node in self.nodes
        }
        fields: dict[str, Any] = {name: _unix(self.cleaned_data[name]) for name in FIELDS}
        return replace(before, **fields, node_texts=said)

    @property
    def confirmed(self) -> list[str]:
        return [node.id for node in self.nodes if self.cleaned_data.get(_still_of(node))]


def initial_of(texts: Texts, number: int, nodes: Iterable[NodeText]) -> dict[str, Any]:
    """What the form shows at first."""
    return {
        "begun_from": number,
        **{name: getattr(texts, name) for name in FIELDS},
        **{_text_of(node): node.text for node in nodes},
    }


def _text_of(node: NodeText) -> str:
    return f"node-{node.id}"


def _still_of(node: NodeText) -> str:
    return f"still-{node.id}"


def _unix(value: Any) -> Any:
    """Browsers send line breaks as two characters."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
