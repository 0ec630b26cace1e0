"""A select of hundreds of choices. Django renders a template for each of them; this one writes them at once."""

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe


class LongSelect(forms.Select):
    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        groups = format_html_join("", "{}", ((_group(*each),) for each in widget["optgroups"]))
        said = {name: value for name, value in widget["attrs"].items() if value is not False}
        return format_html('<select name="{}"{}>{}</select>', widget["name"], flatatt(said), groups)


def _group(label: str | None, options: list[dict[str, Any]], index: int) -> SafeString:
    printed = format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        (
            (option["value"], mark_safe(" selected") if option["selected"] else "", option["label"])
            for option in options
        ),
    )
    return format_html('<optgroup label="{}">{}</optgroup>', label, printed) if label else printed
