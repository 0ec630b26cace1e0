"""The life of a version in words: who approved it, what changed after that, how long data is kept. Pure."""

from collections.abc import Iterator, Sequence

from workflows.document_facts import SinceFacts, VersionFacts
from workflows.document_marks import NOT_SAID, moment, plain, table


def steps(versions: Sequence[VersionFacts]) -> str:
    rows = [
        (
            moment(step.at),
            str(version.number),
            step.state,
            plain(step.by),
            plain(step.reason) or "–",
        )
        for version in versions
        for step in version.steps
    ]
    return table(("When", "Version", "State", "By", "Reason"), sorted(rows, key=lambda row: row[0]))


def retention(days: int | None) -> str:
    if days is None:
        return NOT_SAID
    return f"Inputs, outputs and model calls of a run are kept for {days:,} days."


def versions(versions: Sequence[VersionFacts]) -> str:
    rows = [
        (
            str(version.number),
            moment(version.saved_at),
            plain(version.author),
            plain(version.summary) or "–",
            f"`{version.digest[:16]}`",
        )
        for version in reversed(versions)
    ]
    return table(("Version", "Written", "By", "What changed", "Digest begins"), rows)


def since(facts: SinceFacts | None) -> Iterator[str]:
    """What changed after the version that was last let into use."""
    if facts is None:
        yield "No version up to this one was ever approved for use."
        return
    by = f" by {plain(facts.by)}" if facts.by else ""
    why = f": {plain(facts.reason)}" if facts.reason else ""
    yield f"Version {facts.version} was let into use {moment(facts.at)}{by}{why}".rstrip(".") + "."
    if not facts.changes:
        yield "Nothing that this document tells of has changed since."
        return
    rows = [
        (moment(each.at), plain(each.what), plain(each.by) or "–", plain(each.why) or "–")
        for each in facts.changes
    ]
    yield table(("When", "What changed", "By", "Why"), rows)
