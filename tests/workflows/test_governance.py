"""The rules of governance: kept revision by revision, and asked before a version goes live."""

import pytest

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry
from tests.runs import definitions
from tests.runs.making import make_version
from workflows import gates, governance, versions
from workflows.errors import GovernanceInvalid, NotPublishable
from workflows.governance import Rules
from workflows.models import GovernanceRules
from workflows.problems import Problem

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def test_without_a_word_nothing_is_asked(in_acme):
    assert governance.current() == Rules()
    assert not Rules().review_required


def test_a_change_is_a_new_revision_and_one_entry(in_acme):
    strict = Rules(review_required=True, reviewers=2, recertify_days=180)
    governance.set_rules(rules=strict, reason="Internal audit, finding 4.", by=SYSTEM)
    governance.set_rules(rules=strict, reason="Again.", by=SYSTEM)
    governance.set_rules(rules=Rules(review_required=True), reason="One is enough.", by=SYSTEM)

    assert governance.current() == Rules(review_required=True)
    assert [row.number for row in GovernanceRules.objects.all()] == [2, 1]
    entries = LedgerEntry.objects.filter(event="governance.set").order_by("id")
    assert [entry.facts["changed"] for entry in entries] == [
        ["review_required", "reviewers", "recertify_days"],
        ["reviewers", "recertify_days"],
    ]


@pytest.mark.parametrize(
    ("rules", "reason", "said"),
    [
        (Rules(), " ", "why the rules change"),
        (Rules(reviewers=0), "x", "from 1 to 5 reviewers"),
        (Rules(reviewers=6), "x", "from 1 to 5 reviewers"),
        (Rules(recertify_days=0), "x", "1 to 3,650 days"),
    ],
)
def test_rules_that_make_no_sense_are_refused(in_acme, rules, reason, said):
    with pytest.raises(GovernanceInvalid, match=said):
        governance.set_rules(rules=rules, reason=reason, by=SYSTEM)
    assert not GovernanceRules.objects.exists()


def test_another_tenant_does_not_see_them(in_acme, beta):
    governance.set_rules(rules=Rules(review_required=True), reason="Ours.", by=SYSTEM)
    with tenant_context(beta):
        assert governance.current() == Rules()


def test_what_a_gate_misses_keeps_a_version_from_being_published(in_acme, monkeypatch):
    version = make_version(definitions.CHAIN)
    versions.retire(version=version, by=SYSTEM)
    closed = [Problem(code="closed", sentence="The gate is closed.")]
    monkeypatch.setattr(gates, "_gates", [lambda version, rules: closed])

    with pytest.raises(NotPublishable, match="The gate is closed") as caught:
        versions.publish(version=version, by=SYSTEM)

    assert [each["code"] for each in caught.value.extra["problems"]] == ["closed"]
    closed.clear()
    versions.publish(version=version, by=SYSTEM)
    assert version.is_published
