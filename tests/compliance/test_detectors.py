"""What the detectors find, what they leave, and how well: precision and recall with floors."""

import re
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.detectors import (
    KINDS,
    TAG_OF,
    DetectionFailed,
    Finding,
    find,
    mask,
    patterns,
    search,
    tags_cleared_by,
    tags_covered_by,
    tags_in,
)

LABELLED = Path(__file__).parent / "labelled_texts.txt"
MARK = re.compile(r"⟦([A-Z_]+):(.*?)⟧")
# Where a detector falls below its floor, the build fails.
PRECISION_FLOOR = 0.95
RECALL_FLOOR = 0.95
PLANTED = {
    "EMAIL": ["complaints@example.com", "a.b+c@mail.example.org"],
    "IBAN": ["DE44 5001 0517 5407 3249 31", "GB29NWBK60161331926819"],
    "CARD": ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005"],
    "PHONE": ["+49 30 23125 123", "(212) 555-0147", "030 23125-456"],
    "SSN": ["536-90-4399"],
    "TAX_ID": ["86 095 742 719"],
    "API_KEY": ["sk-abcdefghijklmnopqrstuvwx"],
    "IP_ADDRESS": ["192.0.2.14"],
}


def labelled():
    """(text, expected findings) of every line."""
    for line in LABELLED.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        text, expected, position = "", [], 0
        for match in MARK.finditer(line):
            text += line[position : match.start()]
            expected.append(Finding(match[1], len(text), len(text) + len(match[2])))
            text += match[2]
            position = match.end()
        yield text + line[position:], expected


def test_quality_stays_above_its_floors(capsys):
    right, missed, wrong = Counter(), Counter(), Counter()
    faults = []
    for text, expected in labelled():
        found = find(text)
        right.update(each.kind for each in expected if each in found)
        missed.update(each.kind for each in expected if each not in found)
        wrong.update(each.kind for each in found if each not in expected)
        if found != expected:
            faults.append(
                f"{text!r}: {[(each.kind, text[each.start : each.end]) for each in found]}"
            )

    with capsys.disabled():
        print("\n\nkind            precision  recall  cases")
        for kind in sorted(KINDS):
            hits, misses, extra = right[kind], missed[kind], wrong[kind]
            precision, recall = hits / max(hits + extra, 1), hits / max(hits + misses, 1)
            print(f"{kind:<15} {precision:>9.2f} {recall:>7.2f} {hits + misses:>6}")
    assert set(right) == KINDS, "every detector has a case it finds"
    assert right.total() / (right.total() + wrong.total()) >= PRECISION_FLOOR, faults
    assert right.total() / (right.total() + missed.total()) >= RECALL_FLOOR, faults


def test_masks_are_numbered_and_the_same_value_keeps_its_number():
    text = "a@example.com, b@example.com, A@example.com; DE44500105175407324931 = DE44 5001 0517 5407 3249 31"

    masked, findings = mask(text)

    assert masked == "[EMAIL 1], [EMAIL 2], [EMAIL 1]; [IBAN 1] = [IBAN 1]"
    assert text[findings[0].start : findings[0].end] == "a@example.com"


def test_only_the_kinds_asked_for_are_masked():
    masked, _ = mask("a@example.com 192.0.2.14", ["IP_ADDRESS"])

    assert masked == "a@example.com [IP_ADDRESS 1]"


FILLERS = st.text(alphabet="abz ,.;:!?()\n-/äß€\u00a0'\"", max_size=12)
PLANTS = st.sampled_from([value for values in PLANTED.values() for value in values])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FILLERS, PLANTS), min_size=1, max_size=6), FILLERS)
def test_nothing_planted_survives_a_mask(pieces, end):
    text = "".join(f"{filler} {plant} " for filler, plant in pieces) + end

    masked, findings = mask(text)

    assert all(plant not in masked for _, plant in pieces)
    assert find(masked) == []
    assert all(one.end <= other.start for one, other in pairwise(findings))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_looked_at_and_a_mask_leaves_nothing_to_find(text):
    masked, findings = mask(text)

    assert find(masked) == []
    assert all(0 <= each.start < each.end <= len(text) for each in findings)


@pytest.mark.parametrize(
    "text",
    [
        "４１１１ １１１１ １１１１ １１１１",  # full-width digits
        "4111\u00a01111\u00a01111\u00a01111",  # blanks that do not break
        "4111\u200b1111\u200b1111\u200b1111",  # blanks without width
        "4111–1111–1111–1111",  # dashes
        "٤١١١ ١١١١ ١١١١ ١١١١",  # Arabic-Indic digits
        '{"text": "\\n4111 1111 1111 1111\\n"}',  # inside JSON
    ],
)
def test_disguises_are_seen_through(text):
    (finding,) = find(text)

    assert finding.kind == "CARD"
    assert not any(character.isdigit() for character in mask(text)[0].replace("[CARD 1]", ""))


def test_characters_without_width_do_not_shift_places():
    text = "x\u200bé\u200b a@example.com \u200bend"

    assert mask(text)[0] == "x\u200bé\u200b [EMAIL 1] \u200bend"


def test_findings_that_overlap_are_masked_as_one():
    masked, _ = mask("password: a@example.com")

    assert masked in ("password: [EMAIL 1]", "password: [PASSWORD 1]")


def test_a_text_too_long_to_look_at_is_an_error_and_not_skipped(monkeypatch):
    monkeypatch.setattr(search, "MAX_CHARACTERS", 10)

    with pytest.raises(DetectionFailed, match="too long"):
        find("a" * 11)
    with pytest.raises(DetectionFailed):
        tags_in("a" * 11)


def test_an_unknown_kind_is_an_error():
    with pytest.raises(DetectionFailed, match="IBNA"):
        find("text", ["IBNA"])


def test_tags():
    assert tags_in("a@example.com 4111 1111 1111 1111") == {"PII", "PCI"}
    assert tags_in("nothing here") == frozenset()
    assert tags_covered_by(["CARD"]) == {"PCI"}
    assert tags_covered_by(KINDS) == set(TAG_OF.values())
    assert tags_covered_by(KINDS - {"PHONE"}) == {"PCI", "PHI", "SECRET"}


def test_a_mask_clears_only_what_patterns_can_find_completely():
    assert tags_cleared_by(KINDS) == {"PCI"}
    assert tags_cleared_by(KINDS - {"CARD"}) == frozenset()


def test_a_text_with_too_much_to_judge_is_held(monkeypatch):
    monkeypatch.setattr(patterns, "MAX_CANDIDATES", 10)

    with pytest.raises(DetectionFailed, match="too many numbers"):
        find("4111 " * 100)


@pytest.mark.parametrize(
    "piece", ["1", "1 ", "aa11 ", "a@", "0.", "+1 ", "-----BEGIN PRIVATE KEY-----"]
)
def test_no_text_makes_the_detectors_slow(piece):
    text = piece * (200_000 // len(piece))
    started = time.process_time()

    find(text)

    assert time.process_time() - started < 10


@given(
    st.lists(
        st.one_of(
            st.sampled_from([value for values in PLANTED.values() for value in values]),
            st.text(alphabet="aZ0 9-./@+()\n*é", max_size=12),
            st.sampled_from(
                ["password: hunter22", "geb. am 3.4.1980", "MRN 12345678", "-----BEGIN"]
            ),
        ),
        max_size=6,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_short_text_is_judged_as_a_long_one_is(pieces):
    text = " ".join(pieces)
    at_once = find(text)
    before, search.SHORT_BYTES = search.SHORT_BYTES, 0
    try:
        assert at_once == find(text)
    finally:
        search.SHORT_BYTES = before


def test_a_look_at_everything_at_once_misses_none_of_the_labelled_texts():
    for text, expected in labelled():
        assert not expected or patterns.ANY.search(search.fold(text).content)
