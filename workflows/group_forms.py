"""What people send about model groups and the places of data classes. Forms check and shape; the verbs decide."""

from typing import Any

from django import forms

from compliance.labels import DataClass
from workflows.forms import FIELD
from workflows.model_groups import Move
from workflows.models import Deployment, Provider


class NewGroupForm(forms.Form):
    """A name and the deployment that is tried first."""

    name = forms.RegexField(
        r"^[a-z][a-z0-9_-]{0,62}$",
        widget=forms.TextInput(attrs=FIELD),
        help_text="Small letters, digits, hyphens. Definitions name it; it stays.",
    )
    deployment = forms.ChoiceField(
        label="Tried first",
        help_text="Others are added on the group's own page.",
        widget=forms.Select(attrs=FIELD),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["deployment"].choices = _names_of(Deployment)  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    """One deployment of a group and where it goes."""

    deployment = forms.ChoiceField()
    move = forms.ChoiceField(choices=[(each.value, each.value) for each in Move])

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["deployment"].choices = _names_of(Deployment)  # type: ignore[attr-defined]


class PlacementForm(forms.Form):
    """Where one data class may go."""

    data_class = forms.TypedChoiceField(
        choices=[(level.word, level.word.capitalize()) for level in DataClass],
        coerce=DataClass.from_word,
        widget=forms.Select(attrs=FIELD),
    )
    regions = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs=FIELD),
        help_text="Words such as eu, with spaces or commas between. Empty: any region.",
    )
    providers = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: any provider.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["providers"].choices = _names_of(Provider)  # type: ignore[attr-defined]

    def clean_regions(self) -> list[str]:
        regions: list[str] = self.cleaned_data["regions"].replace(",", " ").split()
        return regions


def _names_of(model: type[Deployment] | type[Provider]) -> list[tuple[str, str]]:
    return [(name, name) for name in model.objects.values_list("name", flat=True)]
