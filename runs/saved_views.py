"""Views of a list, of runs or of providers: kept by a person, shared with the tenant. One of the runs opens first.

What is one's own alone is nobody else's business; what is shared leaves a ledger entry with every change.
"""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from runs import query
from runs.errors import ViewInvalid, ViewNotYours
from runs.filters import FIELDS
from runs.models import DefaultView, SavedView, ViewOf
from tenancy import ledger
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.models import Membership
from workflows import provider_filters

MOST = 100  # of one person
LONGEST_NAME = 80


def visible_to(
    membership: Membership | None, of: ViewOf | None = ViewOf.RUNS
) -> QuerySet[SavedView]:
    """One's own, and those that are shared, of one list; None: of every list."""
    own = Q(membership=membership) if membership is not None else Q(pk__in=())
    views: QuerySet[SavedView] = SavedView.objects.filter(own | Q(is_shared=True))
    if of is not None:
        views = views.filter(of=of)
    return views.select_related("membership__user")


@transaction.atomic
def save(
    *,
    name: str,
    question: str,
    is_shared: bool,
    membership: Membership,
    by: Actor,
    of: ViewOf = ViewOf.RUNS,
) -> SavedView:
    """Keep a question. Under a name that one has already, it takes that one's place. Raises ViewInvalid."""
    name, written = _checked(name, question, of)
    mine = SavedView.objects.select_for_update().filter(membership=membership)
    if view := mine.filter(of=of, name__iexact=name).first():
        change(view=view, question=written, is_shared=is_shared, membership=membership, by=by)
        return view
    if mine.count() >= MOST:
        raise ViewInvalid(f"You have {MOST} views. Remove one first.")
    view = SavedView(of=of, membership=membership, name=name, question=written, is_shared=is_shared)
    try:
        with transaction.atomic():
            view.save(force_insert=True)
    except IntegrityError:
        raise ViewInvalid(f"You have a view “{name}” already.") from None
    _record(EventType.VIEW_SHARED, view, by, was_shared=False)
    return view


@transaction.atomic
def change(
    *,
    view: SavedView,
    question: str,
    is_shared: bool,
    membership: Membership,
    by: Actor,
) -> None:
    """Ask something else under the same name, share it or no longer. Raises ViewInvalid, ViewNotYours."""
    _check_own(view, membership)
    _, written = _checked(view.name, question, ViewOf(view.of))
    was_shared = view.is_shared
    view.question, view.is_shared = written, is_shared
    view.save(update_fields=["question", "is_shared", "changed_at"])
    if was_shared and not is_shared:  # nobody is left with a default that they cannot see
        DefaultView.objects.filter(view=view).exclude(membership=membership).delete()
    event = EventType.VIEW_CHANGED if was_shared else EventType.VIEW_SHARED
    _record(event, view, by, was_shared=was_shared)


@transaction.atomic
def remove(*, view: SavedView, membership: Membership, by: Actor) -> None:
    """It is gone, and nobody's default any more. Raises ViewNotYours."""
    _check_own(view, membership)
    _record(EventType.VIEW_REMOVED, view, by, was_shared=view.is_shared)
    DefaultView.objects.filter(view=view).delete()
    view.delete()


@transaction.atomic
def choose_default(*, view: SavedView | None, membership: Membership, by: Actor) -> None:
    """Open the run list with this view from now on; None: with all runs."""
    DefaultView.objects.filter(membership=membership).delete()
    if view is not None:
        DefaultView.objects.create(membership=membership, view=view)


def find_default(membership: Membership | None) -> UUID | None:
    """The id of the view that the run list opens with."""
    if membership is None:
        return None
    rows = DefaultView.objects.filter(membership=membership)
    found: UUID | None = rows.values_list("view_id", flat=True).first()
    return found


def _checked(name: str, question: str, of: ViewOf) -> tuple[str, str]:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise ViewInvalid(f"Name the view in at most {LONGEST_NAME} signs.")
    written, problems = _read(question, of)
    if problems:
        raise ViewInvalid(" ".join(problems))
    return name, written


def _read(question: str, of: ViewOf) -> tuple[str, Sequence[str]]:
    if of is ViewOf.PROVIDERS:
        return provider_filters.parse(question)
    read = query.parse(question, FIELDS)
    return read.text, read.problems


def _check_own(view: SavedView, membership: Membership) -> None:
    if view.membership_id != membership.pk:
        raise ViewNotYours


def _record(event: EventType, view: SavedView, by: Actor, *, was_shared: bool) -> None:
    """Names and questions may tell of a person, so the entry has a digest of what is asked."""
    if view.is_shared or was_shared:
        digest = hashlib.sha256(view.question.encode()).hexdigest()
        ledger.append(event, subject=view, by=by, shared=view.is_shared, question=digest)
