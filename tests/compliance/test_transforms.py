"""What a `modify` obligation does to a text."""

import pytest

from compliance import transforms
from compliance.errors import TransformUnknown

LETTER = "Write to ann@example.org about card 4111 1111 1111 1111."


def test_each_transform_masks_what_carries_its_tag_and_nothing_else() -> None:
    masked = transforms.apply_all(["redact:PII"], LETTER)

    assert "ann@example.org" not in masked
    assert "4111 1111 1111 1111" in masked


def test_transforms_are_applied_in_turn() -> None:
    masked = transforms.apply_all(["redact:PII", "redact:PCI"], LETTER)

    assert "ann@example.org" not in masked
    assert "4111" not in masked
    assert transforms.apply_all(["redact:PII", "redact:PCI"], masked) == masked


def test_nothing_asked_nothing_changed() -> None:
    assert transforms.apply_all([], LETTER) == LETTER


@pytest.mark.parametrize("name", ["rot13:PII", "redact", "redact:", "redact:MOOD", ""])
def test_a_transform_that_cannot_be_carried_out_is_refused(name: str) -> None:
    with pytest.raises(TransformUnknown):
        transforms.apply_all([name], LETTER)
