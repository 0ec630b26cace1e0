"""Sign-off of a workflow's document: by a person, for the very bytes, until a day. Nobody signs what they wrote.

The document says nothing of the day it is made on, nor of what it is not about: its digest changes when the definition
in use, its texts, its places or the policy do, and stays the same otherwise.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils.timezone import now

from compliance.models import PolicyActivation
from tenancy import ledger, persons, statements
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.narrowing import among
from workflows import document, document_difference, documentation_history, governance
from workflows.document_difference import Difference
from workflows.document_marks import moment
from workflows.errors import (
    AttestationInvalid,
    AttestationOutdated,
    AttestationOverdue,
    AttestationRefused,
    WorkflowDisposed,
)
from workflows.governance import Rules
from workflows.models import (
    Attestation,
    Documentation,
    RegisterEntry,
    Review,
    VersionStatus,
    Workflow,
    WorkflowVersion,
)

PREDICATE = "urn:grove:document-attestation:1"
LONGEST_STATEMENT = 2000
FARTHEST = timedelta(days=3653)
SOON = timedelta(days=30)


class Standing(StrEnum):
    """How the sign-off of a workflow stands."""

    MISSING = "unsigned"
    STALE = "stale"
    EXPIRED = "expired"
    CURRENT = "current"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """The version in use and its newest attestation. `ends_at`: when it has to be given again."""

    workflow: Workflow
    version: WorkflowVersion
    standing: Standing
    attestation: Attestation | None
    ends_at: datetime | None

    @property
    def is_overdue(self) -> bool:
        return self.standing is not Standing.CURRENT

    @property
    def is_due_soon(self) -> bool:
        return not self.is_overdue and self.ends_at is not None and self.ends_at < now() + SOON

    @property
    def sentence(self) -> str:
        """What is the matter, for a person."""
        signed = self.attestation
        if signed is None:
            return "its document was never signed"
        if self.standing is Standing.STALE:
            return f"its document says something else than what was signed {moment(signed.as_of)}"
        if self.standing is Standing.EXPIRED:
            return f"its sign-off ended {moment(self.ends_at)}"
        return f"its document was signed {moment(signed.as_of)}"


@transaction.atomic
def sign(
    *,
    version: WorkflowVersion,
    digest: str,
    statement: str,
    by: Actor,
    expires_at: datetime | None = None,
) -> Attestation:
    """Sign the document of the version in use. `digest` is that of the document which the person has read.

    Raises AttestationInvalid, AttestationRefused (not in use, not a person, one's own words), AttestationOutdated.
    """
    workflow = Workflow.objects.select_for_update().get(pk=version.workflow_id)
    if workflow.is_disposed:
        raise WorkflowDisposed
    marker = _markers([workflow.pk])[
        workflow.pk
    ]  # before the moment: what it counts is in the document
    at = now()
    statement = statement.strip()
    _check(statement, expires_at, at)
    signer = persons.of_actor(by)
    if not signer.startswith("user:"):
        raise AttestationRefused("A person signs a document, not a program.")
    if workflow.published_id != version.pk:
        raise AttestationRefused(f"Version {version.number} is not in use: sign the one that is.")
    if signer in set(authors(version, at)):
        raise AttestationRefused(
            "Nobody signs what they wrote: ask somebody who wrote neither the definition nor its texts."
        )
    if digest != document.digest(document.render(version=version, as_of=at)):
        raise AttestationOutdated
    newest = Attestation.objects.filter(workflow=workflow).first()
    signed: Attestation = Attestation.objects.create(
        workflow=workflow,
        version=version,
        number=newest.number + 1 if newest else 1,
        digest=digest,
        as_of=at,
        marker=marker,
        statement=statement,
        expires_at=expires_at,
        envelope=_envelope(version, digest, at, statement, expires_at, signer),
        **Attestation.authorship(by),
    )
    ledger.append(
        EventType.DOCUMENT_ATTESTED,
        subject=signed,
        by=by,
        workflow=workflow.slug,
        version=version.number,
        digest=digest,
        expires_at=expires_at.isoformat() if expires_at else None,
    )
    return signed


def find(version: WorkflowVersion, rules: Rules | None = None) -> SignOff:
    """How the sign-off stands for a version that is in use."""
    (found,) = find_all([version], rules)
    return found


def find_all(
    versions: Collection[WorkflowVersion],
    rules: Rules | None = None,
    *,
    at: datetime | None = None,
) -> list[SignOff]:
    """How the sign-offs of these versions stand, each the one in use of its workflow; or stood at a past moment.

    For a past moment what had been signed by then is held against the document of then, under the rules of then.
    """
    rules = rules or governance.at(at)
    ids = [version.workflow_id for version in versions]
    signed_by_then = Attestation.objects.filter(among(ids, "workflow_id"))
    if at is not None:
        signed_by_then = signed_by_then.filter(created_at__lte=at)
    newest = {
        each.workflow_id: each
        for each in signed_by_then.order_by("workflow_id", "-number").distinct("workflow_id")
    }
    markers = _markers(_to_compare(versions, newest), at)
    found = []
    for version in versions:
        signed = newest.get(version.workflow_id)
        ends_at = _ends_at(signed, rules)
        found.append(
            SignOff(
                workflow=version.workflow,
                version=version,
                standing=_standing(
                    version, signed, markers.get(version.workflow_id, ""), ends_at, at
                ),
                attestation=signed,
                ends_at=ends_at,
            )
        )
    return found


def _to_compare(
    versions: Iterable[WorkflowVersion], newest: Mapping[UUID, Attestation]
) -> list[UUID]:
    """The workflows whose version in use is the one that was signed: of others no document has to be looked at."""
    signed = {each.version_id for each in newest.values()}
    return [version.workflow_id for version in versions if version.pk in signed]


def versions_in_use() -> list[WorkflowVersion]:
    """The version that new runs take, of every workflow that has one, by title."""
    rows = WorkflowVersion.objects.filter(
        pk__in=Workflow.objects.living().filter(published__isnull=False).values("published_id")
    )
    return list(rows.select_related("workflow").order_by("workflow__title", "pk"))


def check_current(version: WorkflowVersion) -> None:
    """Raises AttestationOverdue where the sign-off of the version in use is missing, stale or over."""
    found = find(version.workflow.published or version)
    if found.is_overdue:
        raise AttestationOverdue(
            f"“{found.workflow}” takes no new runs: {found.sentence}. "
            "Whoever may attest signs it on its documentation page.",
            standing=found.standing.value,
        )


def difference_to_signed(
    version: WorkflowVersion, signed: Attestation, *, may_read: bool
) -> Difference:
    """What the document of the version says otherwise now than what was signed, made anew from its moment."""
    before = document.copy_for(version=signed.version, as_of=signed.as_of, may_read=may_read)
    after = document.copy_for(version=version, may_read=may_read)
    names = (
        f"signed {moment(signed.as_of)}, version {signed.version.number}",
        f"now, version {version.number}",
    )
    return document_difference.compare(before.text, after.text, named=names)


def authors(version: WorkflowVersion, at: datetime) -> Iterator[str]:
    """Whoever wrote what the document says: the definition since the version before, and every text that stands."""
    yield persons.of(kind=version.author_kind, id=version.author_id)
    before = (
        WorkflowVersion.objects.filter(workflow=version.workflow_id, number__lt=version.number)
        .select_related("revision")
        .first()
    )
    revisions = version.workflow.revisions.filter(
        number__lte=version.revision.number, number__gt=before.revision.number if before else 0
    )
    written: set[tuple[str, str]] = set(revisions.values_list("author_kind", "author_id"))
    for value in documentation_history.as_of(version.workflow, at):
        written.add((value.row.author_kind, value.row.author_id))
    for kind, author_id in sorted(written):
        yield persons.of(kind=kind, id=author_id)


def _check(statement: str, expires_at: datetime | None, at: datetime) -> None:
    if not 0 < len(statement) <= LONGEST_STATEMENT:
        raise AttestationInvalid(f"Say in up to {LONGEST_STATEMENT:,} characters what you attest.")
    if expires_at is not None and not at < expires_at <= at + FARTHEST:
        raise AttestationInvalid("A sign-off ends after now, and within ten years.")


def _envelope(
    version: WorkflowVersion,
    digest: str,
    at: datetime,
    statement: str,
    expires_at: datetime | None,
    signer: str,
) -> dict[str, object]:
    name = f"{version.workflow.slug}-version-{version.number}.md"
    return statements.sign(
        subjects={name: digest},
        predicate_type=PREDICATE,
        predicate={
            "workflow": version.workflow.slug,
            "version": version.number,
            "definition": version.digest,
            "as_of": at.isoformat(),
            "statement": statement,
            "expires_at": expires_at.isoformat() if expires_at else None,
            "signed_by": dict(zip(("kind", "id"), signer.split(":", 1), strict=True)),
        },
    )


def _ends_at(signed: Attestation | None, rules: Rules) -> datetime | None:
    """The earlier of the day that was named and the term that the rules give."""
    if signed is None:
        return None
    days = rules.recertify_days
    term = signed.as_of + timedelta(days=days) if days else None
    return min((each for each in (signed.expires_at, term) if each), default=None)


def _standing(
    version: WorkflowVersion,
    signed: Attestation | None,
    marker: str,
    ends_at: datetime | None,
    at: datetime | None,
) -> Standing:
    if signed is None:
        return Standing.MISSING
    if signed.version_id != version.pk or _is_other(version, signed, marker, at):
        return Standing.STALE
    ended = ends_at is not None and ends_at <= (at or now())
    return Standing.EXPIRED if ended else Standing.CURRENT


def _is_other(
    version: WorkflowVersion, signed: Attestation, marker: str, at: datetime | None
) -> bool:
    """Whether the document says something else. Another policy or other texts are always told of in it."""
    before, after = signed.marker.split("-"), marker.split("-")
    if before == after:
        return False
    if (before[0], before[-1]) != (after[0], after[-1]):
        return True
    return _digest_of(version, marker, at) != signed.digest


@lru_cache(maxsize=1024)
def _digest_of(version: WorkflowVersion, marker: str, at: datetime | None) -> str:
    """The marker says what the document is made from, so a process makes each of them once."""
    return document.digest(document.render(version=version, as_of=at))


def _markers(workflow_ids: Iterable[UUID], at: datetime | None = None) -> Mapping[UUID, str]:
    """For each workflow, how many rows there are of all that its document is made from: they are only ever added.

    For a past moment as many as there were.
    """
    ids, until = list(workflow_ids), at or datetime.max.replace(tzinfo=UTC)
    if not ids:
        return {}
    policies = PolicyActivation.objects.filter(at__lte=until)
    policy = policies.aggregate(most=Max("number"))["most"] or 0
    entries = RegisterEntry.objects.filter(created_at__lte=until).count()
    disposed = Workflow.objects.filter(disposed_at__lte=until).count()
    texts = dict(
        Documentation.objects.filter(among(ids, "workflow_id"), created_at__lte=until)
        .order_by()
        .values_list("workflow_id")
        .annotate(Max("number"))
    )
    steps = dict(
        VersionStatus.objects.filter(among(ids, "version__workflow_id"), created_at__lte=until)
        .order_by()
        .values_list("version__workflow_id")
        .annotate(Count("id"))
    )
    judged = _judged(ids, until)
    return {
        each: f"{policy}-{entries}-{disposed}-{steps.get(each, 0)}-{judged.get(each, 0)}-{texts.get(each, 0)}"
        for each in ids
    }


def _judged(ids: Collection[UUID], until: datetime) -> Mapping[UUID, int]:
    """Reviews that began, votes that were given, reviews that ended: each is told of in the document."""
    rows = Review.objects.filter(among(ids, "workflow_id"), created_at__lte=until)
    counted = (
        rows.order_by()
        .values_list("workflow_id")
        .annotate(
            begun=Count("id", distinct=True),
            ended=Count("id", distinct=True, filter=Q(ended_at__lte=until)),
            given=Count("votes", distinct=True, filter=Q(votes__created_at__lte=until)),
        )
    )
    return {workflow: begun + ended + given for workflow, begun, ended, given in counted}
