"""Reviews: the list, the page of one with all that is needed to judge it, and what people do there."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenancy import paging, persons
from tenancy.access import TenantRequest, actor_of, can, permission_required
from tenancy.permissions import Permission
from workflows import checklist, comparisons, definitions, governance, reviews
from workflows.comparisons import Comparison, Side
from workflows.models import Comment, DefinitionRevision, Review, ReviewState, VoteChoice, Workflow
from workflows.problems import Problem
from workflows.review_forms import CommentForm, SubmitForm, VoteForm
from workflows.views.compare import to_shown

TABS = {"mine": "Waiting for you", "open": "Open", "decided": "Decided"}


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def list_reviews(request: TenantRequest) -> HttpResponse:
    """Those that wait for whoever looks, all open ones, and how the others ended."""
    usual = "mine" if can(request, Permission.WORKFLOW_PUBLISH) else "open"
    tab = request.GET.get("tab", usual)
    tab = tab if tab in TABS else usual
    order = ("-id",) if tab == "decided" else ("id",)
    rows = _of_tab(tab, request).select_related("workflow", "version__revision")
    page = paging.page(rows, request, order=order)
    shown = [(review, reviews.progress(review) if review.is_open else "") for review in page.items]
    return render(
        request,
        "workflows/reviews.html",
        {"page": page, "rows": shown, "tab": tab, "tabs": TABS},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(Permission.WORKFLOW_EDIT)
def submit_review(request: TenantRequest, slug: str) -> HttpResponse:
    """Ask for a review of the draft: what changed, what that puts at risk, and who will be asked."""
    workflow = get_object_or_404(Workflow.objects.living().with_pointers(), slug=slug)
    form = SubmitForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        review = reviews.submit(
            workflow=workflow, by=actor_of(request), message=form.cleaned_data["message"]
        )
        messages.success(request, f"Version {review.version.number} is in review.")
        return redirect(review)
    found = comparisons.of_names(workflow, "", "")
    shown = {"workflow": workflow, "form": form, "found": found}
    if found.is_readable:
        problems = _problems(found.after.revision)
        shown |= {"problems": problems, "risk": found.risk, "around": found.around}
    status = 422 if form.is_bound else 200
    return render(request, "workflows/submit.html", shown, status=status)


@require_safe
@permission_required(Permission.WORKFLOW_VIEW)
def show_review(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    return _show(request, _get(slug, number))


@require_POST
@permission_required(Permission.WORKFLOW_PUBLISH)
def vote_on_review(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    """Approve or request changes. What was typed stays when it is not accepted."""
    review = _get(slug, number)
    form = VoteForm(request.POST)
    if not form.is_valid():
        return _show(request, review, form=form, status=422)
    reviews.vote(
        review=review,
        choice=VoteChoice(form.cleaned_data["choice"]),
        reason=form.cleaned_data["reason"],
        answers=form.cleaned_data["answers"],
        by=actor_of(request),
    )
    messages.success(request, "Your vote is on record.")
    return redirect(review)


@require_POST
@permission_required(Permission.REVIEW_COMMENT)
def comment_on_review(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    review = _get(slug, number)
    form = CommentForm(request.POST, nodes=_nodes(review))
    if not form.is_valid():
        return _show(request, review, comment_form=form, status=422)
    answered = form.cleaned_data["answers"]
    made = reviews.comment(
        review=review,
        text=form.cleaned_data["text"],
        node=form.cleaned_data["node"],
        answers=get_object_or_404(review.comments, number=answered) if answered else None,
        resolves=form.cleaned_data["resolves"],
        by=actor_of(request),
    )
    return redirect(f"{review.get_absolute_url()}#comment-{answered or made.number}")


@require_POST
@permission_required(Permission.WORKFLOW_EDIT)
def withdraw_review(request: TenantRequest, slug: str, number: int) -> HttpResponse:
    review = _get(slug, number)
    reviews.withdraw(review=review, by=actor_of(request))
    messages.success(request, f"Version {review.version.number} is no longer in review.")
    return redirect(review)


def _problems(revision: DefinitionRevision) -> list[Problem]:
    """What has to be mended before anybody is asked to judge it."""
    return definitions.read(revision.source, media=revision.media).errors  # type: ignore[arg-type]


def _of_tab(tab: str, request: TenantRequest) -> QuerySet[Review]:
    match tab:
        case "mine":
            return reviews.waiting_for(actor_of(request))
        case "open":
            return Review.objects.open()
    return Review.objects.exclude(state=ReviewState.OPEN)


def _get(slug: str, number: int) -> Review:
    rows = Review.objects.select_related(
        "workflow__published", "version__revision__workflow", "version__workflow", "base__revision"
    )
    return get_object_or_404(rows, workflow__slug=slug, number=number)


def _show(
    request: TenantRequest,
    review: Review,
    *,
    form: VoteForm | None = None,
    comment_form: CommentForm | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    shown: dict[str, Any] = {
        "review": review,
        "workflow": review.workflow,
        "version": review.version,
        "votes": reviews.visible_votes(review, person=persons.of_actor(actor)),
        "progress": reviews.progress(review),
        "why_not": reviews.why_not(review, actor=actor),
        "threads": _threads(review),
        "rules": governance.current(),
    }
    if not review.workflow.is_disposed:
        found = _comparison(review, may_read=can(request, Permission.PAYLOAD_VIEW))
        answered = checklist.of(review.version)
        vote_form = form or VoteForm()
        shown |= {
            "found": found,
            "checklist": answered,
            "form": vote_form,
            "controls": vote_form.rows(answered),
            "comment_form": comment_form or CommentForm(nodes=_nodes(review)),
            **to_shown(found),
        }
    return render(request, "workflows/review.html", shown, status=status)


def _comparison(review: Review, *, may_read: bool) -> Comparison:
    """With what it was compared with when it began."""
    before = Side(revision=review.base.revision, version=review.base) if review.base else None
    after = Side(revision=review.version.revision, version=review.version)
    return Comparison(before=before, after=after, may_read=may_read)


def _threads(review: Review) -> list[tuple[Comment, list[Comment], bool]]:
    """Each first comment with its answers, and whether one of them resolved it."""
    rows = list(review.comments.all())
    return [
        (first, replies, any(reply.resolves for reply in replies))
        for first in rows
        if first.answers_id is None
        for replies in [[each for each in rows if each.answers_id == first.pk]]
    ]


def _nodes(review: Review) -> list[tuple[str, str]]:
    if review.workflow.is_disposed:
        return []
    return [(node.id, node.title or node.id) for node in review.version.revision.definition.walk()]
