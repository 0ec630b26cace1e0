"""What people send about budgets. Forms check and shape; the verbs decide."""

from typing import Any

from django import forms

from workflows import budget_scopes, budgets
from workflows.errors import BudgetInvalid
from workflows.forms import FIELD
from workflows.models import Budget, BudgetPeriod, BudgetUnit
from workflows.price_forms import amount_field, currency_field

STOP = [
    ("stop", "Stop calls that would pass it"),
    ("tell", "Let them pass, and raise alerts only"),
]


def _choice(choices: Any, label: str, hint: str = "", initial: Any = None) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=choices,
        label=label,
        help_text=hint,
        initial=initial,
        widget=forms.Select(attrs=FIELD),
        error_messages={"invalid_choice": "This is not among the choices, or no longer."},
    )


class BudgetForm(forms.Form):
    """A new budget. What it counts, in what, and for how long stays as it is."""

    name = forms.RegexField(
        r"^[a-z][a-z0-9_-]{0,62}$",
        widget=forms.TextInput(attrs={**FIELD, "autocomplete": "off"}),
        help_text="Small letters, digits, hyphens. It stays.",
        error_messages={
            "invalid": "A name is small letters, digits, hyphens, and begins with a letter."
        },
    )
    counted = _choice(
        (), "Counts", "Which calls it counts. A call counts in every budget that it falls under."
    )
    unit = _choice(BudgetUnit.choices, "In")
    amount = amount_field("Limit", "Money like 250.00, or a whole number of tokens.")
    currency = currency_field(required=False)
    period = _choice(
        BudgetPeriod.choices,
        "Period",
        "From midnight or from the first of the month, UTC; or without end.",
        "month",
    )
    hard_stop = _choice(STOP, "At the limit", "A stop holds for calls at the same moment, too.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["counted"].choices = budget_scopes.choices()  # type: ignore[attr-defined]
        self.fields["currency"].help_text = (
            "Of money only. Calls that are priced in another one cannot be compared with it: "
            "where it stops calls, they do not leave."
        )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Budget.objects.filter(name=name).exists():
            raise forms.ValidationError(f"There is already a budget “{name}”.")
        return name

    def clean_hard_stop(self) -> bool:
        return bool(self.cleaned_data["hard_stop"] == "stop")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        unit = cleaned.get("unit")
        if unit == BudgetUnit.TOKENS:
            cleaned["currency"] = ""
        elif "currency" in cleaned and not cleaned["currency"]:
            self.add_error("currency", "Say in which currency: three capital letters, such as EUR.")
        _take_amount(self, cleaned, unit)
        return cleaned

    def facts(self) -> dict[str, Any]:
        """What was said, as the verb takes it."""
        facts = dict(self.cleaned_data)
        scope, _, name = facts.pop("counted").partition(":")
        return facts | budget_scopes.find(scope, name)


class BudgetChangeForm(forms.Form):
    """More or less, and whether it stops calls."""

    amount = amount_field("Limit")
    hard_stop = _choice(STOP, "At the limit", "A stop holds for calls at the same moment, too.")

    def __init__(self, *args: Any, budget: Budget, **options: Any) -> None:
        super().__init__(*args, **options)
        self.budget = budget
        self.fields["amount"].help_text = f"In {budget.currency or 'tokens'}. Alerts begin anew."

    def clean_hard_stop(self) -> bool:
        return bool(self.cleaned_data["hard_stop"] == "stop")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        _take_amount(self, cleaned, self.budget.unit)
        return cleaned


def _take_amount(form: forms.Form, cleaned: dict[str, Any], unit: str | None) -> None:
    """The amount in the budget's own unit, or an error at its field."""
    if unit is None or "amount" not in cleaned:
        return
    try:
        cleaned["amount"] = budgets.to_units(cleaned["amount"], unit)
        budgets.check_amount(cleaned["amount"])
    except BudgetInvalid as error:
        form.add_error("amount", error.sentence)
