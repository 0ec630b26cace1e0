"""Money without a lost fraction, states in words that cannot break out."""

import pytest

from grove_site import marks


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (0, "EUR", "€0.00"),
        (None, "EUR", "€0.00"),  # nothing was spent
        (41_200, "EUR", "€0.0412"),  # fractions of a cent stay
        (1, "USD", "$0.000001"),  # the smallest unit
        (1_234_500_000, "EUR", "€1,234.50"),  # thousands, two decimals at least
        (2_000_000, "CHF", "CHF 2.00"),  # a currency without a sign
    ],
)
def test_money(micros: int | None, currency: str, shown: str) -> None:
    assert marks.money(micros, currency) == shown


def test_an_unknown_state_is_shown_in_words() -> None:
    assert marks.badge("some_new_state").endswith("</svg>Some new state</span>")


def test_a_state_is_an_icon_and_a_word_and_cannot_break_out() -> None:
    assert marks.badge("failed").startswith('<span class="badge badge--bad"><svg')
    assert marks.badge("failed").endswith("Failed</span>")
    assert "<b>" not in marks.badge("<b>")
