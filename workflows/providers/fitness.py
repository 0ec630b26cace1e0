"""Who may see what: the one rule about a deployment and the labels of what would be sent to it. Pure.

It is asked when a version is published, when a route is chosen, and for the line “what would happen now” of a page. The
default policies (compliance/policy) say the same of all they know of; placements are known here alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final, Protocol

from compliance.labels import DataClass, Labels

EXTERNAL: Final = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a deployment may not see something: a code for programs, a sentence for people."""

    code: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where values of a class may go; an empty set leaves that open."""

    regions: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """What a tenant says of its data classes. A class goes by its own placement, or by the nearest below it."""

    by_class: Mapping[DataClass, Placement] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, data_class: DataClass) -> Placement:
        named = [each for each in self.by_class if each <= data_class]
        return self.by_class[max(named)] if named else Placement()


ANYWHERE: Final = Placements()


class Place(Protocol):
    """What is known of a deployment and its provider (see contract.Target)."""

    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def clearance(self) -> int: ...
    @property
    def egress(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def baa(self) -> bool: ...
    @property
    def dpa(self) -> bool: ...
    @property
    def zero_retention(self) -> bool: ...
    @property
    def trains_on_data(self) -> bool: ...
    @property
    def papers_expire_on(self) -> date | None: ...


def find_faults(
    place: Place, labels: Labels, *, today: date, placements: Placements = ANYWHERE
) -> list[Fault]:
    """Why it may not see values with these labels; empty when it may.

    Papers count where what is sent leaves the house: health data (PHI) needs a business associate agreement and zero
    retention (HIPAA 164.308(b)), personal data (PII) a data processing agreement (GDPR Art. 28).
    """
    return [
        *_of_class(place, labels),
        *_of_region(place, labels, placements.of(labels.data_class)),
        *_of_papers(place, labels, today),
    ]


def _of_class(place: Place, labels: Labels) -> Iterator[Fault]:
    word = labels.data_class.word
    if labels.data_class > place.clearance:
        yield Fault(
            code="data_class_too_high",
            sentence=f"“{place.name}” may not see {word} data.",
        )
    if place.trains_on_data and labels.data_class > DataClass.PUBLIC:
        yield Fault(
            code="provider_trains_on_data",
            sentence=f"The provider “{place.provider}” trains on what it is sent, so it may not see {word} data.",
        )


def _of_region(place: Place, labels: Labels, placement: Placement) -> Iterator[Fault]:
    region = place.region or "an unknown region"
    if labels.residency is not None and place.region not in labels.residency:
        allowed = ", ".join(sorted(labels.residency)) or "nowhere"
        yield Fault(code="residency", sentence=f"“{place.name}” is in {region}, not {allowed}.")
    word = labels.data_class.word
    if placement.regions and place.region not in placement.regions:
        allowed = ", ".join(sorted(placement.regions))
        yield Fault(
            code="class_placement",
            sentence=f"{word.capitalize()} data may go to {allowed} only; “{place.name}” is in {region}.",
        )
    if placement.providers and place.provider not in placement.providers:
        allowed = ", ".join(sorted(placement.providers))
        yield Fault(
            code="class_placement",
            sentence=f"{word.capitalize()} data may go to the providers {allowed} only, not to “{place.provider}”.",
        )


def _of_papers(place: Place, labels: Labels, today: date) -> Iterator[Fault]:
    if place.papers_expire_on is not None and place.papers_expire_on < today:
        yield Fault(
            code="papers_expired",
            sentence=f"The papers of “{place.provider}” expired on {place.papers_expire_on}.",
        )
    if place.egress != EXTERNAL:
        return
    if "PHI" in labels.tags and not (place.baa and place.zero_retention):
        yield Fault(
            code="phi_without_papers",
            sentence=(
                f"Health data needs a business associate agreement and zero retention; “{place.provider}” lacks "
                f"{_lacking(place)}."
            ),
        )
    if "PII" in labels.tags and not place.dpa:
        yield Fault(
            code="pii_without_dpa",
            sentence=f"Personal data needs a data processing agreement; “{place.provider}” has none.",
        )


def _lacking(place: Place) -> str:
    missing = [] if place.baa else ["the agreement"]
    missing += [] if place.zero_retention else ["zero retention"]
    return " and ".join(missing)
