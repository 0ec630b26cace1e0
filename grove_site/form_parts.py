"""How fields of forms are printed: made without a template, for some lists have an option for each workflow.

What is not named here is printed by Django's own templates.
"""

from collections.abc import Callable
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe


class FormRenderer(DjangoTemplates):
    """Prints what `PRINTED` names as django/forms/widgets/*.html do, but for white space between options."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> Any:
        printed = PRINTED.get(template_name)
        if printed is None:
            return super().render(template_name, context, request)
        return mark_safe(printed(context["widget"]))  # noqa: S308 - every text in it was escaped


def _select(widget: dict[str, Any]) -> str:
    options = "".join(
        f'<optgroup label="{escape(name)}">{_options(choices)}</optgroup>'
        if name
        else _options(choices)
        for name, choices, _ in widget["optgroups"]
    )
    return f'<select name="{escape(widget["name"])}"{_attributes(widget)}>{options}</select>'


def _options(choices: list[dict[str, Any]]) -> str:
    return "".join(
        f'<option value="{escape(str(choice["value"]))}"{_attributes(choice)}>{escape(choice["label"])}</option>'
        for choice in choices
    )


def _input(widget: dict[str, Any]) -> str:
    value = widget["value"]
    said = "" if value is None else f' value="{escape(str(value))}"'
    name = escape(widget["name"])
    return f'<input type="{escape(widget["type"])}" name="{name}"{said}{_attributes(widget)}>'


def _textarea(widget: dict[str, Any]) -> str:
    text = escape(widget["value"]) if widget["value"] else ""
    return f'<textarea name="{escape(widget["name"])}"{_attributes(widget)}>\n{text}</textarea>'


def _attributes(widget: dict[str, Any]) -> SafeString:
    """`True` is an attribute without a value, `False` is none."""
    said = (
        f" {escape(name)}" if value is True else f' {escape(name)}="{escape(str(value))}"'
        for name, value in widget["attrs"].items()
        if value is not False
    )
    return mark_safe("".join(said))  # noqa: S308 - escaped above


FOLDER = "django/forms/widgets/"
PRINTED: dict[str, Callable[[dict[str, Any]], str]] = {
    f"{FOLDER}select.html": _select,
    f"{FOLDER}textarea.html": _textarea,
} | {
    f"{FOLDER}{kind}.html": _input
    for kind in (
        "text",
        "number",
        "email",
        "url",
        "password",
        "hidden",
        "date",
        "datetime",
        "checkbox",
    )
}
