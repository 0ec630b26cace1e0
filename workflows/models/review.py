"""Reviews of versions: who voted how and why, and what was remarked at which node."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from tenancy.models import TenantForeignKey, TenantManager, TenantOwned
from workflows.models.authored import Authored


class ReviewState(models.TextChoices):
    OPEN = "open"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    LAPSED = "lapsed"  # the draft changed meanwhile: its votes count for nothing
    WITHDRAWN = "withdrawn"


class VoteChoice(models.TextChoices):
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"


class ReviewQuerySet(models.QuerySet["Review"]):
    def open(self) -> "ReviewQuerySet":
        return self.filter(state=ReviewState.OPEN)


class Review(TenantOwned):
    """Whether one version, and so one digest, may go live. `needed` and `needs_officer` are as the rules were when
    it began; `base` is the version that it was compared with. Only `workflows.review_states` moves its state."""

    workflow = TenantForeignKey("workflows.Workflow", related_name="reviews")
    version = TenantForeignKey("workflows.WorkflowVersion", related_name="reviews")
    base = TenantForeignKey("workflows.WorkflowVersion", null=True, related_name="+")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=24, choices=ReviewState.choices, default=ReviewState.OPEN)
    needed = models.PositiveSmallIntegerField()
    needs_officer = models.BooleanField(default=False)
    risk = models.CharField(max_length=8)
    message = models.CharField(max_length=2000, blank=True)
    author_kind = models.CharField(max_length=16, editable=False)
    author_id = models.CharField(max_length=64, editable=False)
    author_name = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    outcome = models.CharField(max_length=1000, blank=True)  # why it ended so, in a sentence

    objects = TenantManager.from_queryset(ReviewQuerySet)()  # type: ignore[misc]  # the plugin takes the base's for a ClassVar

    class Meta(TenantOwned.Meta):
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "workflow", "number"), name="review_number_is_unique"
            ),
            models.UniqueConstraint(
                fields=("tenant", "workflow"),
                condition=Q(state="open"),
                name="review_open_is_single",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ReviewState.values), name="review_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None)
                | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="review_ended_has_a_moment",
            ),
        )

    def __str__(self) -> str:
        return f"review {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("workflows:review", args=[self.workflow.slug, self.number])

    @property
    def is_open(self) -> bool:
        return self.state == ReviewState.OPEN

    @property
    def badge(self) -> str:
        """The word for pages."""
        return "in_review" if self.is_open else self.state


class Vote(Authored):
    """One person's judgement. `person` says who it is, whatever they signed in with: one vote each. `role` is theirs as
    they voted, `evidence` what stood beside each question then, in the words of that day."""

    review = TenantForeignKey("workflows.Review", related_name="votes")
    person = models.CharField(max_length=80)
    choice = models.CharField(max_length=24, choices=VoteChoice.choices)
    reason = models.CharField(max_length=2000, blank=True)
    checklist: "models.JSONField[Any, dict[str, str]]" = models.JSONField(default=dict)
    as_officer = models.BooleanField(default=False)
    role = models.CharField(max_length=32, blank=True)  # of votes before 0040 it is not known
    evidence: "models.JSONField[Any, list[dict[str, str]]]" = models.JSONField(default=list)

    class Meta(Authored.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "review", "person"), name="vote_is_single_per_person"
            ),
            models.CheckConstraint(
                condition=Q(choice__in=VoteChoice.values), name="vote_choice_is_known"
            ),
            models.CheckConstraint(
                condition=Q(choice="approve") | ~Q(reason=""), name="vote_against_has_a_reason"
            ),
        )

    def __str__(self) -> str:
        return self.choice

    @property
    def answered(self) -> list[dict[str, str]]:
        """What was asked and found, each with the answer that was given, if any was."""
        return [each | {"answer": self.checklist.get(each["code"], "")} for each in self.evidence]


class Comment(Authored):
    """A remark at a node, or on the whole. One that `answers` another may resolve it."""

    review = TenantForeignKey("workflows.Review", related_name="comments")
    number = models.PositiveIntegerField()
    node = models.CharField(max_length=64, blank=True)
    text = models.CharField(max_length=4000, blank=True)
    answers = TenantForeignKey("self", null=True, related_name="replies")
    resolves = models.BooleanField(default=False)

    class Meta(Authored.Meta):
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "review", "number"), name="comment_number_is_unique"
            ),
            models.CheckConstraint(
                condition=~Q(text="") | Q(resolves=True), name="comment_says_something"
            ),
            models.CheckConstraint(
                condition=Q(resolves=False) | Q(answers__isnull=False),
                name="comment_that_resolves_answers_one",
            ),
        )

    def __str__(self) -> str:
        return f"comment {self.number}"
