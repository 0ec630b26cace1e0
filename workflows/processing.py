"""Records of processing, one for each workflow: what GDPR Art. 30 asks for, as far as Grove knows it, at any moment.

Generated from texts, definition and register; nothing is kept of it. A technical aid: it makes nobody compliant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from compliance.labels import DataClass
from tenancy.context import current_tenant
from workflows import landscape
from workflows.document_facts import papers_in_words
from workflows.document_marks import NOT_SAID, plain, table
from workflows.landscape import Landscape, Standing
from workflows.models import RegisterKind

DISCLAIMER = (
    "Made from what Grove knows, as a technical aid for a record under GDPR Art. 30. It does not make anybody "
    "compliant: what is missing, and whether it is right, is for the controller to say."
)
MEASURES = (
    "Payloads are encrypted at rest with keys of their own that can be destroyed; every call of a model or tool is "
    "decided by a policy before it leaves and kept on record in an append-only, signed log; row-level security keeps "
    "tenants apart."
)
HOME_REGIONS = ("eu", "eea")  # a region whose name begins so counts as inside
# London and Zurich, as AWS and Google call them
NOT_HOME = frozenset({"eu-west-2", "eu-central-2", "europe-west2", "europe-west6"})
CSV_HEADS = (
    "workflow", "title", "version", "controller", "owner", "purpose", "legal_basis", "people_concerned",
    "data_class", "marks", "recipients", "outside_home", "retention_days", "missing",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Somebody that data may go to. `is_away`: outside of the house and of the home regions, or nobody knows."""

    name: str
    title: str
    what: str
    region: str
    is_external: bool
    is_away: bool
    papers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one workflow in use."""

    at: datetime
    workflow: str
    title: str
    version: int
    controller: str
    owner: str
    purpose: str
    legal_basis: str
    people_concerned: str
    data_class: DataClass
    marks: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    retention_days: int | None

    @property
    def missing(self) -> tuple[str, ...]:
        """What the article asks for and nobody has said."""
        said = (
            ("purpose", self.purpose),
            ("owner", self.owner),
            ("legal basis", self.legal_basis),
            ("people concerned", self.people_concerned),
            ("retention", self.retention_days),
        )
        return tuple(name for name, value in said if not value)

    @property
    def away(self) -> tuple[Recipient, ...]:
        return tuple(each for each in self.recipients if each.is_away)


class Records(Sequence[Record]):
    """Of workflows that had a version in use at a moment and can be read still. Each is written when it is asked for:
    a page shows some of them."""

    def __init__(self, seen: Landscape) -> None:
        self.at, self.controller = seen.at, current_tenant().name
        self.standings = [each for each in seen.workflows if each.definition is not None]

    def __len__(self) -> int:
        return len(self.standings)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        if isinstance(place, slice):
            return [self._record(each) for each in self.standings[place]]
        return self._record(self.standings[place])

    def _record(self, standing: Standing) -> Record:
        return _record(standing, self.at, self.controller)


def find_all(at: datetime, *, slug: str = "") -> Records:
    """Of every workflow, or of this one."""
    return Records(landscape.take(at, slug=slug, with_runs=False))


def find(slug: str, at: datetime) -> Record | None:
    return next(iter(find_all(at, slug=slug)), None)


def to_markdown(record: Record) -> str:
    """The record as a document. The same facts give the same bytes."""
    retention = f"{record.retention_days:,} days" if record.retention_days else NOT_SAID
    marks = ", ".join(record.marks) or "none declared"
    parts = [
        f"# Record of processing: {plain(record.title)}",
        DISCLAIMER,
        table(
            ("", ""),
            [
                ("Workflow", f"`{record.workflow}`, version {record.version}"),
                ("Controller", plain(record.controller)),
                ("Owner", plain(record.owner) or NOT_SAID),
            ],
        ),
        "## Purpose (Art. 30 (1) b)",
        plain(record.purpose) or NOT_SAID,
        "## Legal basis",
        plain(record.legal_basis) or NOT_SAID,
        "## Data subjects and categories of data (Art. 30 (1) c)",
        f"People concerned: {plain(record.people_concerned) or NOT_SAID}",
        f"Data up to the class **{record.data_class.word}**; marks of what comes in: {plain(marks)}.",
        "## Recipients (Art. 30 (1) d)",
        _recipients(record.recipients),
        "## Transfers outside of the home regions (Art. 30 (1) e)",
        ", ".join(
            f"{plain(each.title)} ({plain(each.region) or 'region unknown'})"
            for each in record.away
        )
        or "None known.",
        "## Time limits for erasure (Art. 30 (1) f)",
        retention,
        "## Security measures (Art. 30 (1) g)",
        MEASURES,
    ]
    return "\n\n".join(parts) + "\n"


def to_row(record: Record) -> tuple[object, ...]:
    """One line of the table, in the order of CSV_HEADS."""
    return (
        record.workflow,
        record.title,
        record.version,
        record.controller,
        record.owner,
        record.purpose,
        record.legal_basis,
        record.people_concerned,
        record.data_class.word,
        record.marks,
        [f"{each.name} ({each.region or 'region unknown'})" for each in record.recipients],
        [each.name for each in record.away],
        record.retention_days,
        record.missing,
    )


def _record(standing: Standing, at: datetime, controller: str) -> Record:
    definition, version = standing.definition, standing.version
    assert definition is not None  # noqa: S101 - only these have a record
    assert version is not None  # noqa: S101 - whose definition it is
    coming, texts = definition.input_labels, standing.texts
    return Record(
        at=at,
        workflow=standing.workflow.slug,
        title=definition.title,
        version=version.number,
        controller=controller,
        owner=texts.owner,
        purpose=texts.purpose,
        legal_basis=texts.legal_basis,
        people_concerned=texts.people_concerned,
        data_class=DataClass(max(definition.data_class, coming.data_class)),
        marks=tuple(sorted(str(tag) for tag in coming.tags)),
        recipients=tuple(
            sorted(set(_recipients_of(standing)), key=lambda each: (each.what, each.name))
        ),
        retention_days=texts.retention_days,
    )


def _recipients_of(standing: Standing) -> Iterator[Recipient]:
    """Providers behind the groups it names, and places that its tools reach; what is switched off receives nothing."""
    for group in standing.models.values():
        for deployment in group:
            if not deployment.enabled:
                continue
            facts = standing.known.get((RegisterKind.DEPLOYMENT, deployment.name), {})
            name = str(facts.get("provider") or "")
            provider = standing.known.get((RegisterKind.PROVIDER, name), {})
            yield Recipient(
                name=name,
                title=deployment.provider,
                what="model",
                region=deployment.region,
                is_external=deployment.is_external,
                is_away=deployment.is_external and not _is_home(deployment.region),
                papers=papers_in_words(provider, of_model=True),
            )
    for tool in standing.tools:
        place = tool.place
        if place is not None and place.enabled:
            yield Recipient(
                name=place.name,
                title=place.title or place.name,
                what="tool",
                region=place.region,
                is_external=place.is_external,
                is_away=place.is_external and not _is_home(place.region),
                papers=place.papers,
            )


def _is_home(region: str) -> bool:
    """By its name alone, which is all that is known of it."""
    return region.startswith(HOME_REGIONS) and region not in NOT_HOME


def _recipients(recipients: Sequence[Recipient]) -> str:
    if not recipients:
        return "None: nothing leaves Grove."
    rows = [
        (
            plain(each.title),
            each.what,
            plain(each.region) or "unknown",
            "outside" if each.is_external else "inside",
            plain(each.papers) or "none",
        )
        for each in recipients
    ]
    return table(("Recipient", "As", "Region", "Runs", "Papers"), rows)
