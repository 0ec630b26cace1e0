"""The rules of governance: kept revision by revision, and asked before a version goes live."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry
from tenancy.permissions import Role
from tests.factories import make_client, make_member
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


def make_voters(tenant, *roles):
    for role in roles or (Role.REVIEWER, Role.COMPLIANCE_OFFICER):
        make_member(tenant=tenant, role=role)


def test_a_change_is_a_new_revision_and_one_entry(in_acme):
    make_voters(in_acme)
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


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ((Role.REVIEWER, Role.AUTHOR), "2 reviewers could never come together: 1 member may"),
        ((Role.ADMIN, Role.OPERATOR), "could never come together: 0 members may publish"),
        ((Role.REVIEWER, Role.REVIEWER), "needs the vote of a compliance officer"),
    ],
)
def test_rules_that_nobody_could_fulfil_are_refused(in_acme, roles, said):
    make_voters(in_acme, *roles)

    with pytest.raises(GovernanceInvalid, match=said):
        governance.set_rules(
            rules=Rules(review_required=True, reviewers=2), reason="More eyes.", by=SYSTEM
        )
    assert not GovernanceRules.objects.exists()


def test_members_who_left_or_whose_time_is_over_do_not_count(in_acme):
    make_voters(in_acme)
    make_member(tenant=in_acme, role=Role.REVIEWER, ended_at=now())
    make_member(tenant=in_acme, role=Role.REVIEWER, expires_at=now() - timedelta(days=1))

    with pytest.raises(GovernanceInvalid, match="2 members may publish"):
        governance.set_rules(
            rules=Rules(review_required=True, reviewers=3), reason="More eyes.", by=SYSTEM
        )


def test_the_page_refuses_and_keeps_what_was_typed(in_acme):
    make_voters(in_acme)
    olga = make_client(make_member(tenant=in_acme, role=Role.COMPLIANCE_OFFICER))
    asked = {"review_required": "on", "reviewers": "5", "reason": "Finding 4"}

    refused = olga.post("/settings/governance/change/", asked)
    taken = olga.post("/settings/governance/change/", asked | {"reviewers": "2"})
    shown = olga.get("/settings/governance/").content.decode()

    assert refused.status_code == 422
    assert "5 reviewers could never come together" in refused.content.decode()
    assert "Finding 4" in refused.content.decode()
    assert taken.status_code == 302
    assert "Rules 1" in shown
    assert "Votes that a review needs: 2" in shown


def test_who_may_not_change_the_rules_reads_them(in_acme):
    rob = make_client(make_member(tenant=in_acme, role=Role.REVIEWER))

    assert rob.post("/settings/governance/change/", {}).status_code == 403
    page = rob.get("/settings/governance/")
    assert page.status_code == 200
    assert page.context["form"] is None
    assert "Rules in force" in page.content.decode()


def test_the_same_over_the_api(in_acme):
    make_voters(in_acme)
    olga = make_client(make_member(tenant=in_acme, role=Role.COMPLIANCE_OFFICER))

    def put(**body):
        return olga.put("/api/v1/governance", body, content_type="application/json")

    before = olga.get("/api/v1/governance").json()
    refused = put(review_required=True, reviewers=4, reason="x")
    taken = put(review_required=True, reviewers=2, reason="Finding 4")
    history = olga.get("/api/v1/governance/history").json()["items"]

    assert (before["number"], before["author"]) == (0, None)
    assert (refused.status_code, refused.json()["code"]) == (422, "governance_invalid")
    assert (taken.json()["number"], taken.json()["reviewers"]) == (1, 2)
    assert olga.get("/api/v1/governance").json() == taken.json()
    assert [each["number"] for each in history] == [1]


def test_another_tenant_does_not_see_them(in_acme, beta):
    make_voters(in_acme)
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
