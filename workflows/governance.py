"""What this tenant asks of a workflow before a version is published, and while it is in use."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from tenancy import ledger
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.events import EventType
from tenancy.models import Tenant
from workflows import voters
from workflows.errors import GovernanceInvalid
from workflows.governance_rules import Rules
from workflows.models import GovernanceRules
from workflows.models.governance import LONGEST_TERM_DAYS, MOST_REVIEWERS

__all__ = ["Rules", "at", "check_satisfiable", "current", "find_newest", "rules_of", "set_rules"]


def current() -> Rules:
    """The rules in force for the current tenant."""
    return rules_of(find_newest())


def at(moment: datetime | None) -> Rules:
    """The rules that were in force at a moment; those in force now without one."""
    if moment is None:
        return current()
    by_then = GovernanceRules.objects.filter(created_at__lte=moment)
    return rules_of(by_then.order_by("-number").first())


def find_newest() -> GovernanceRules | None:
    newest: GovernanceRules | None = GovernanceRules.objects.order_by("-number").first()
    return newest


def rules_of(row: GovernanceRules | None) -> Rules:
    if row is None:
        return Rules()
    return Rules(**{name: getattr(row, name) for name in asdict(Rules())})


@transaction.atomic
def set_rules(*, rules: Rules, reason: str, by: Actor) -> GovernanceRules:
    """Put other rules in force from now on. The same ones again change nothing. Raises GovernanceInvalid."""
    reason = reason.strip()
    _check(rules, reason)
    check_satisfiable(rules)
    Tenant.objects.select_for_update().get(pk=current_tenant().pk)  # two of them queue here
    before = find_newest()
    if before is not None and rules_of(before) == rules:
        return before
    changed = [
        name for name, value in asdict(rules).items() if value != asdict(rules_of(before))[name]
    ]
    row: GovernanceRules = GovernanceRules.objects.create(
        number=before.number + 1 if before else 1,
        reason=reason,
        **asdict(rules),
        **GovernanceRules.authorship(by),
    )
    ledger.append(
        EventType.GOVERNANCE_SET,
        subject=row,
        by=by,
        number=row.number,
        changed=changed,
        **asdict(rules),
    )
    return row


def check_satisfiable(rules: Rules) -> None:
    """Whether the members that there are could fulfil the rules. Raises GovernanceInvalid, which says who is missing.

    Who wrote a draft does not vote on it; that is looked at again when it is sent to review.
    """
    if not rules.review_required:
        return
    found = voters.find()
    if len(found) < rules.reviewers:
        raise GovernanceInvalid(
            f"{rules.reviewers} reviewers could never come together: {len(found)} "
            f"{'member' if len(found) == 1 else 'members'} may publish, and so vote. Ask for fewer, or give more "
            "members the role of reviewer or compliance officer."
        )
    if not any(voters.is_officer(each) for each in found):
        raise GovernanceInvalid(
            "A change of high risk needs the vote of a compliance officer, and this tenant has none. Give a member "
            "that role first."
        )


def _check(rules: Rules, reason: str) -> None:
    if not 0 < len(reason) <= 500:
        raise GovernanceInvalid("Say in up to 500 characters why the rules change.")
    if not 1 <= rules.reviewers <= MOST_REVIEWERS:
        raise GovernanceInvalid(f"A review needs from 1 to {MOST_REVIEWERS} reviewers.")
    term = rules.recertify_days
    if term is not None and not 1 <= term <= LONGEST_TERM_DAYS:
        raise GovernanceInvalid(f"A sign-off holds for 1 to {LONGEST_TERM_DAYS:,} days.")
