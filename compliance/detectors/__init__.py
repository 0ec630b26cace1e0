"""Finds and masks identifiers and secrets in texts: own patterns on RE2, with checksums. Pure.

Names, addresses and other free words are not found here; that needs a model.
"""

from compliance.detectors.finding import (
    KINDS,
    TAG_OF,
    Finding,
    tags_cleared_by,
    tags_covered_by,
)
from compliance.detectors.search import MAX_CHARACTERS, find, mask, tags_in
from compliance.errors import DetectionFailed

__all__ = [
    "KINDS",
    "MAX_CHARACTERS",
    "TAG_OF",
    "DetectionFailed",
    "Finding",
    "find",
    "mask",
    "tags_cleared_by",
    "tags_covered_by",
    "tags_in",
]
