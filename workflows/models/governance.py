"""What a tenant asks of a workflow before and after it goes live, revision by revision."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from workflows.models.authored import Authored

MOST_REVIEWERS = 5
LONGEST_TERM_DAYS = 3650


class GovernanceRules(Authored):
    """One revision of the rules; the newest number counts. Without any row nothing is asked."""

    number = models.PositiveIntegerField()
    review_required = models.BooleanField(default=False)
    reviewers = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_REVIEWERS)]
    )
    documentation_required = models.BooleanField(default=False)
    cases_must_pass = models.BooleanField(default=False)
    staging_first = models.BooleanField(default=False)
    recertify_days = models.PositiveIntegerField(null=True)  # None: a sign-off does not expire
    block_overdue = models.BooleanField(default=False)
    reason = models.CharField(max_length=500)

    class Meta(Authored.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "number"), name="governance_number_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(reviewers__gte=1, reviewers__lte=MOST_REVIEWERS),
                name="governance_reviewers_are_few",
            ),
            models.CheckConstraint(
                condition=models.Q(recertify_days=None)
                | models.Q(recertify_days__gte=1, recertify_days__lte=LONGEST_TERM_DAYS),
                name="governance_term_is_some_days",
            ),
        )

    def __str__(self) -> str:
        return f"rules {self.number}"
