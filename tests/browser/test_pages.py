"""Every page, in both themes and on a narrow screen: no error, no sideways scroll, nothing axe finds."""

from typing import TYPE_CHECKING

import pytest
from django.utils.timezone import now

from tenancy import tenants
from tenancy.actors import SYSTEM
from tenancy.models import Domain
from tenancy.permissions import Role
from tests import factories
from tests.browser import soundness

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

PAGES = {
    "sign in": ("/accounts/login/", None),
    "overview": ("/", Role.OPERATOR),
    "workflows": ("/workflows/", Role.AUTHOR),
    "new workflow": ("/workflows/-/import/", Role.AUTHOR),
    "providers": ("/settings/providers/", Role.ADMIN),
    "provider": ("/settings/providers/of/{provider}/", Role.ADMIN),
    "provider to look at": ("/settings/providers/of/{provider}/", Role.OPERATOR),
    "kinds of providers": ("/settings/providers/new/", Role.ADMIN),
    "new provider": ("/settings/providers/new/?kind=azure_openai&auth=azure_client", Role.ADMIN),
    "change of a provider": ("/settings/providers/of/{provider}/edit/", Role.ADMIN),
    "new deployment": ("/settings/providers/of/{provider}/deployments/", Role.ADMIN),
    "version": ("/workflows/complaint-handling/", Role.REVIEWER),
    "definition": ("/workflows/complaint-handling/versions/1/definition/", Role.AUTHOR),
    "documentation": (
        "/workflows/complaint-handling/versions/1/documentation/",
        Role.COMPLIANCE_OFFICER,
    ),
    "versions": ("/workflows/complaint-handling/versions/", Role.AUTHOR),
    "draft": ("/workflows/complaint-handling/edit/", Role.AUTHOR),
    "node of a draft": ("/workflows/complaint-handling/edit/?node=classify", Role.AUTHOR),
    "condition of a draft": ("/workflows/complaint-handling/edit/?node=route", Role.AUTHOR),
    "new node of a draft": ("/workflows/complaint-handling/edit/?node=mask&add", Role.AUTHOR),
    "text of a draft": ("/workflows/complaint-handling/edit/yaml/", Role.AUTHOR),
    "revisions of a draft": ("/workflows/complaint-handling/edit/revisions/", Role.AUTHOR),
    "workflow from a template": ("/workflows/-/new/", Role.AUTHOR),
    "revision": ("/workflows/complaint-handling/revisions/2/", Role.AUTHOR),
    "retire": ("/workflows/complaint-handling/versions/1/retire/", Role.REVIEWER),
    "start": ("/runs/start/complaint-handling/", Role.OPERATOR),
    "runs": ("/runs/", Role.OPERATOR),
    "runs filtered": ("/runs/?status=failed&owner=customer-4711", Role.OPERATOR),
    "no runs": ("/runs/?q=nothing+like+this", Role.OPERATOR),
    "run": ("/runs/{completed}/?node=classify", Role.OPERATOR),
    "run without payloads": ("/runs/{completed}/", Role.AUDITOR),
    "failed run": ("/runs/{failed}/", Role.OPERATOR),
    "events": ("/runs/{completed}/events/", Role.OPERATOR),
    "decisions": ("/runs/{completed}/decisions/", Role.OPERATOR),
    "payloads": ("/runs/{completed}/payloads/", Role.OPERATOR),
    "resume": ("/runs/{failed}/resume/", Role.OPERATOR),
    "cancel": ("/runs/{completed}/cancel/", Role.OPERATOR),
    "policies": ("/assure/policies/", Role.COMPLIANCE_OFFICER),
    "disposals": ("/assure/disposals/", Role.DATA_PROTECTION_OFFICER),
    "scope": ("/assure/dispose/run/{cancelled}/", Role.DATA_PROTECTION_OFFICER),
    "destinations": ("/settings/destinations/", Role.ADMIN),
    "storage": ("/settings/storage/", Role.ADMIN),
    "prices": ("/settings/prices/", Role.ADMIN),
    "prices to look at": ("/settings/prices/", Role.OPERATOR),
    "budgets": ("/budgets/", Role.ADMIN),
    "budget": ("/budgets/of/everything/", Role.ADMIN),
    "budget to look at": ("/budgets/of/everything/", Role.AUDITOR),
    "costs": ("/costs/", Role.OPERATOR),
    "costs by run": ("/costs/?by=run", Role.AUDITOR),
    "alerts": ("/alerts/", Role.OPERATOR),
    "ledger": ("/settings/ledger/", Role.AUDITOR),
    "verifications": ("/settings/ledger/verifications/", Role.AUDITOR),
    "egress": ("/runs/egress/", Role.AUDITOR),
    "egress of nothing": ("/runs/egress/?tag=PHI", Role.AUDITOR),
    "egress asked wrongly": ("/runs/egress/?since=soon", Role.AUDITOR),
    "model groups": ("/settings/model-groups/", Role.ADMIN),
    "model group": ("/settings/model-groups/of/default/", Role.ADMIN),
    "secrets": ("/settings/secrets/", Role.ADMIN),
    "secrets to look at": ("/settings/secrets/", Role.AUDITOR),
    "where secrets are kept": ("/settings/secrets/-/backend/", Role.ADMIN),
    "secret": ("/settings/secrets/crm-key/", Role.ADMIN),
    "secret to look at": ("/settings/secrets/crm-key/", Role.AUDITOR),
    "revoke secret": ("/settings/secrets/crm-key/revoke/", Role.ADMIN),
    "members": ("/settings/members/", Role.ADMIN),
    "tokens": ("/settings/tokens/", Role.OPERATOR),
    "quotas": ("/settings/quotas/", Role.ADMIN),
    "quotas to look at": ("/settings/quotas/", Role.OPERATOR),
    "this tenant": ("/settings/tenant/", Role.ADMIN),
    "password": ("/accounts/password/", Role.OPERATOR),
    "second factor": ("/accounts/2fa/", Role.OPERATOR),
    "runs asked wrongly": ("/runs/?q=state:failed", Role.OPERATOR),
    "views": ("/runs/views/", Role.OPERATOR),
    "questions": ("/help/queries/", Role.OPERATOR),
    "keys": ("/help/keys/", Role.OPERATOR),
    "search": ("/search/?q=complaint", Role.OPERATOR),
    "nothing found": ("/search/?q=zzzz", Role.AUDITOR),
    "notifications": ("/notifications/", Role.ADMIN),
    "profile": ("/profile/", Role.AUTHOR),
    "my tenants": ("/profile/tenants/", Role.AUTHOR),
    # environments and cases
    "environments": ("/workflows/complaint-handling/environments/", Role.AUTHOR),
    "environments to look at": ("/workflows/complaint-handling/environments/", Role.AUDITOR),
    "cases": ("/runs/cases/complaint-handling/", Role.AUTHOR),
    "new case": ("/runs/cases/complaint-handling/new/", Role.AUTHOR),
    "case of a run": ("/runs/{completed}/case/", Role.AUTHOR),
    "nothing": ("/runs/019000000-nothing/", Role.OPERATOR),
    # what stands around the work
    "style guide": ("/styleguide/", None),
    "try with past input": ("/runs/try/complaint-handling/", Role.AUTHOR),
    "sign out": ("/accounts/logout/", Role.OPERATOR),
    "not allowed": ("/settings/members/", Role.AUTHOR),
    "nothing for nobody": ("/nothing/", None),
    "a kind of problem": ("/api/problems/question_too_short", None),
    # what changed, and who judges it
    "compare": ("/workflows/letter-answering/compare/?from=1&to=2", Role.REVIEWER),
    "compare with a broken draft": ("/workflows/complaint-handling/compare/", Role.AUTHOR),
    "versions with reviews": ("/workflows/letter-answering/versions/", Role.AUTHOR),
    "send to review": ("/workflows/letter-answering/submit/", Role.AUTHOR),
    "reviews": ("/workflows/-/reviews/", Role.REVIEWER),
    "review": ("/workflows/letter-answering/reviews/1/", Role.REVIEWER),
    "review to look at": ("/workflows/letter-answering/reviews/1/", Role.AUDITOR),
    "governance": ("/settings/governance/", Role.COMPLIANCE_OFFICER),
    "governance to look at": ("/settings/governance/", Role.AUTHOR),
    "texts": ("/workflows/complaint-handling/documentation/edit/", Role.COMPLIANCE_OFFICER),
    "texts over time": ("/workflows/complaint-handling/documentation/history/", Role.AUDITOR),
    "texts of today": (
        "/workflows/complaint-handling/documentation/history/?as_of={today}",
        Role.AUDITOR,
    ),
    "documents of two days": (
        "/workflows/complaint-handling/documentation/difference/?from={today}",
        Role.AUDITOR,
    ),
    "runs by document": ("/runs/documents/complaint-handling/", Role.AUDITOR),
    "runs of a document": ("/runs/documents/complaint-handling/1/", Role.AUDITOR),
    "sign-off": (
        "/workflows/complaint-handling/documentation/sign-off/",
        Role.COMPLIANCE_OFFICER,
    ),
    "sign-offs": ("/assure/recertification/", Role.AUDITOR),
    "register": ("/register/", Role.AUDITOR),
    "register of the past": ("/register/?as_of={today}&kind=workflow", Role.OPERATOR),
    "register of agents": ("/register/?kind=agent", Role.OPERATOR),
    "processing": ("/register/processing/", Role.DATA_PROTECTION_OFFICER),
    "record of processing": (
        "/register/processing/complaint-handling/",
        Role.DATA_PROTECTION_OFFICER,
    ),
    # tests of all deployments
    "tests of all": ("/settings/providers/tests/{tests}/", Role.ADMIN),
    "tests of all to look at": ("/settings/providers/tests/{tests}/", Role.OPERATOR),
}


REFUSED = {
    "nothing": 404,
    "nothing for nobody": 404,
    "not allowed": 403,
    "egress asked wrongly": 422,
    "runs asked wrongly": 400,
}
STATUS = "performance.getEntriesByType('navigation')[0].responseStatus"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(name: str, look: "Visit", bank: "Bank") -> None:
    path, role = PAGES[name]
    runs = {
        "completed": bank.completed.pk,
        "failed": bank.failed.pk,
        "cancelled": bank.cancelled.pk,
        "provider": bank.provider,
        "tests": bank.tests.pk,
        "today": now().date(),
    }

    page = look(path.format(**runs), role)

    assert page.evaluate(STATUS) == REFUSED.get(name, 200)
    soundness.check(page)


def test_what_was_typed_when_the_session_ended_is_shown_soundly(visit: "Visit") -> None:
    page = visit("/workflows/-/import/", Role.AUTHOR, reduced_motion="reduce")
    page.locator("textarea").fill("grove: 1\nname: typed-and-kept")
    page.context.clear_cookies(name="grove_session")

    page.locator("main form button.btn--1").click()

    page.get_by_role("heading", name="You were signed out").wait_for()
    assert "typed-and-kept" in page.locator("textarea").last.input_value()
    soundness.check(page)


def test_a_sign_in_that_is_refused_is_shown_soundly(visit: "Visit") -> None:
    page = visit("/accounts/login/", None, reduced_motion="reduce")
    page.locator("input[type=email]").fill("nobody@example.com")
    page.locator("input[type=password]").fill("not the password")

    page.locator("main form button").first.click()

    page.locator("[role=alert]").first.wait_for()
    soundness.check(page)


def test_a_form_that_was_not_sent_from_here_is_refused_soundly(visit: "Visit") -> None:
    page = visit("/accounts/login/", None, reduced_motion="reduce")
    page.locator("input[type=email]").fill("nobody@example.com")
    page.locator("input[type=password]").fill("not the password")
    page.context.clear_cookies()

    page.locator("main form button").first.click()

    page.get_by_text("csrf_failed").wait_for()
    soundness.check(page)


@pytest.mark.parametrize("path", ["tenants/", "tenants/{bank}/", "tenants/{asleep}/"])
def test_pages_of_the_platform_are_sound(
    path: str, browser: "Browser", bank: "Bank", origin: str
) -> None:
    platform, asleep = tenants.get_platform(), factories.make_tenant(name="Beta Clinic")
    Domain.objects.get_or_create(tenant=platform, domain="platform.localhost")
    tenants.suspend(tenant=asleep, by=SYSTEM)
    admin = factories.make_member(tenant=platform, role=Role.ADMIN)
    here = origin.replace(bank.host, "platform.localhost")
    context = browser.new_context(base_url=here, reduced_motion="reduce")
    cookies = factories.make_client(admin, host="platform.localhost").cookies.items()
    context.add_cookies([{"name": n, "value": each.value, "url": here} for n, each in cookies])

    page = context.new_page()
    slugs = {"bank": bank.host.partition(".")[0], "asleep": asleep.slug}
    answer = page.goto("/settings/" + path.format(**slugs))

    assert answer is not None
    assert answer.ok
    soundness.check(page)
    context.close()
