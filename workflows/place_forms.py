"""What people send about destinations and storage profiles. Forms check and shape; the verbs decide."""

from typing import Any

from django import forms

from compliance.labels import DataClass
from workflows.forms import FIELD
from workflows.models import Egress, Scheme
from workflows.models.destination import reading_methods
from workflows.tools.declarations import METHODS

CLASSES = [(int(level), level.word.capitalize()) for level in DataClass]
PAPERS = [
    ("dpa", "Data processing agreement"),
    ("baa", "Business associate agreement"),
    ("zero_retention", "Keeps nothing of what it is sent"),
]


def _name() -> forms.RegexField:
    return forms.RegexField(
        r"^[a-z][a-z0-9_-]{0,62}$",
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits, hyphens. It stays.",
    )


def _choice(choices: Any, label: str, hint: str = "", initial: Any = None) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=choices,
        label=label,
        help_text=hint,
        initial=initial,
        widget=forms.Select(attrs=FIELD),
    )


def _text(label: str, hint: str = "", *, longest: int, initial: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=hint,
        max_length=longest,
        initial=initial,
        required=False,
        widget=forms.TextInput(attrs=FIELD),
    )


class DestinationForm(forms.Form):
    """A host that tool calls may reach."""

    name = _name()
    scheme = _choice(Scheme.choices, "Scheme")
    host = forms.CharField(
        max_length=253,
        widget=forms.TextInput(attrs=FIELD),
        help_text="A name such as api.example.org.",
    )
    port = forms.IntegerField(
        min_value=1, max_value=65_535, initial=443, widget=forms.NumberInput(attrs=FIELD)
    )
    egress = _choice(
        Egress.choices,
        "Where it is",
        "Outside: encrypted, by name, on the public internet only.",
        Egress.EXTERNAL,
    )
    region = _text("Region", "A word such as eu, as residency names it.", longest=32)
    clearance = _choice(
        CLASSES, "May be sent up to", "The highest class of data that a call may carry there."
    )
    answer_class = _choice(
        CLASSES,
        "What comes back is",
        "At least: an answer counts as this class, whatever stands in it.",
        initial=int(DataClass.INTERNAL),
    )
    secret_name = _text("Secret", "Its name among the secrets of this tenant.", longest=100)
    secret_header = _text(
        "In the header",
        "The one header that carries the secret.",
        longest=64,
        initial="Authorization",
    )
    secret_prefix = forms.CharField(
        label="After the words",
        help_text="What stands before it there, such as Bearer and a space.",
        strip=False,
        max_length=32,
        initial="Bearer ",
        required=False,
        widget=forms.TextInput(attrs=FIELD),
    )
    papers_expire_on = forms.DateField(
        label="Papers expire on",
        help_text="From the day after, calls to it are denied.",
        required=False,
        widget=forms.DateInput(attrs={**FIELD, "type": "date"}),
    )
    methods = forms.MultipleChoiceField(
        choices=[(method, method) for method in METHODS],
        initial=reading_methods,
        widget=forms.CheckboxSelectMultiple,
    )
    papers = forms.MultipleChoiceField(
        choices=PAPERS, required=False, widget=forms.CheckboxSelectMultiple
    )

    def facts(self) -> dict[str, Any]:
        """What was said, as the verb takes it."""
        facts = dict(self.cleaned_data)
        papers = facts.pop("papers")
        classes = {name: int(facts[name]) for name in ("clearance", "answer_class")}
        return facts | classes | {name: name in papers for name, _ in PAPERS}


class StorageProfileForm(forms.Form):
    """A place for objects."""

    name = _name()
    title = _text("Title", longest=200)
    region = _text("Region", "A word such as eu, as residency names it.", longest=32)
    clearance = _choice(CLASSES, "Keeps up to")

    def facts(self) -> dict[str, Any]:
        return self.cleaned_data | {"clearance": DataClass(int(self.cleaned_data["clearance"]))}


class SwitchForm(forms.Form):
    """On or off."""

    enabled = forms.TypedChoiceField(
        choices=(("on", "On"), ("off", "Off")), coerce=lambda word: word == "on"
    )
