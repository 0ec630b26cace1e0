"""Finding and masking over one text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from compliance.detectors.finding import KINDS, TAG_OF, Finding
from compliance.detectors.folding import fold
from compliance.detectors.patterns import ANY, DETECTORS
from compliance.errors import DetectionFailed

MAX_CHARACTERS = 12_000_000  # more than the largest input that is taken
SHORT_BYTES = 4096  # of a text that is looked at for everything at once before it is for each kind


def find(text: str, kinds: Collection[str] | None = None) -> list[Finding]:
    """What is in the text, in order and without overlaps. Raises DetectionFailed.

    Fails closed: a text too long to look at, or a kind nobody knows, is an error, not an empty answer.
    """
    wanted = _checked(text, kinds)
    folded = fold(text)
    if len(folded.content) <= SHORT_BYTES and not ANY.search(folded.content):
        return []
    spans = [
        Finding(detector.kind, *folded.span(start, end))
        for detector in DETECTORS
        if detector.kind in wanted
        for start, end in detector.spans(folded.content)
    ]
    return list(_without_overlaps(spans))


def mask(text: str, kinds: Collection[str] | None = None) -> tuple[str, list[Finding]]:
    """The text with each finding replaced by `[KIND n]`: the same value gets the same number."""
    findings = find(text, kinds)
    numbers: dict[str, dict[str, int]] = {}
    pieces: list[str] = []
    position = 0
    for finding in findings:
        known = numbers.setdefault(finding.kind, {})
        value = "".join(filter(str.isalnum, text[finding.start : finding.end])).casefold()
        number = known.setdefault(value, len(known) + 1)
        pieces += (text[position : finding.start], f"[{finding.kind} {number}]")
        position = finding.end
    pieces.append(text[position:])
    return "".join(pieces), findings


def tags_in(text: str) -> frozenset[str]:
    """The tags of everything that is in the text. Raises DetectionFailed."""
    return frozenset(TAG_OF[finding.kind] for finding in find(text))


def _checked(text: str, kinds: Collection[str] | None) -> frozenset[str]:
    if len(text) > MAX_CHARACTERS:
        raise DetectionFailed(
            f"A text of {len(text):,} characters is too long to look at; "
            f"{MAX_CHARACTERS:,} are the limit. It is held."
        )
    wanted = KINDS if kinds is None else frozenset(kinds)
    if unknown := sorted(wanted - KINDS):
        raise DetectionFailed(f"There is no detector for “{unknown[0]}”.")
    return wanted


def _without_overlaps(spans: list[Finding]) -> Iterator[Finding]:
    """One finding for findings that overlap: all they cover, under the kind of the longest."""
    cluster: list[Finding] = []
    end = -1
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        if cluster and span.start >= end:
            yield _joined(cluster, end)
            cluster = []
        cluster.append(span)
        end = max(end, span.end)
    if cluster:
        yield _joined(cluster, end)


def _joined(cluster: list[Finding], end: int) -> Finding:
    longest = max(cluster, key=lambda each: each.end - each.start)
    return Finding(longest.kind, cluster[0].start, end)
