"""Which keys do what on every page; static/js/keys.js does it."""

from collections.abc import Sequence

KEYS: Sequence[tuple[str, str]] = (
    ("/", "Go to the search"),
    ("?", "Show these keys"),
    ("j", "Next row of the table"),
    ("k", "Row before"),
    ("Enter", "Open the row"),
    ("x", "Choose the row, or no longer"),
    ("↓ ↑", "Through what the search suggests"),
    ("Esc", "Leave the search, close what is open"),
)
