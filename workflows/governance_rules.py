"""The rules of governance as a value. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules as a value. Whoever says nothing asks nothing.

    `recertify_days`: after so many days a sign-off has to be given again; None: never.
    `block_overdue`: a workflow whose sign-off is missing, stale or over refuses new runs.
    """

    review_required: bool = False
    reviewers: int = 1
    documentation_required: bool = False
    cases_must_pass: bool = False
    staging_first: bool = False
    recertify_days: int | None = None
    block_overdue: bool = False
