"""Every page, in both themes and on a narrow screen: no error, no sideways scroll, nothing axe finds."""

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tenancy.permissions import Role

if TYPE_CHECKING:
    from tests.browser.bank import Bank
    from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases="__all__")]

PAGES = {
    "sign in": ("/accounts/login/", None),
    "overview": ("/", Role.OPERATOR),
    "workflows": ("/workflows/", Role.AUTHOR),
    "new workflow": ("/workflows/-/import/", Role.AUTHOR),
    "providers": ("/workflows/-/providers/", Role.ADMIN),
    "version": ("/workflows/complaint-handling/", Role.REVIEWER),
    "definition": ("/workflows/complaint-handling/versions/1/definition/", Role.AUTHOR),
    "documentation": (
        "/workflows/complaint-handling/versions/1/documentation/",
        Role.COMPLIANCE_OFFICER,
    ),
    "versions": ("/workflows/complaint-handling/versions/", Role.AUTHOR),
    "draft": ("/workflows/complaint-handling/edit/", Role.AUTHOR),
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
    "ledger": ("/settings/ledger/", Role.AUDITOR),
    "members": ("/settings/members/", Role.ADMIN),
    "tokens": ("/settings/tokens/", Role.OPERATOR),
    "password": ("/accounts/password/", Role.OPERATOR),
    "second factor": ("/accounts/2fa/", Role.OPERATOR),
    "nothing": ("/runs/019000000-nothing/", Role.OPERATOR),
}
LOOKS: dict[str, tuple[Any, Any]] = {
    "light": ("light", {"width": 1280, "height": 900}),
    "dark": ("dark", {"width": 1280, "height": 900}),
    "narrow": ("light", {"width": 390, "height": 844}),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(name: str, visit: "Visit", bank: "Bank") -> None:
    path, role = PAGES[name]
    runs = {
        "completed": bank.completed.pk,
        "failed": bank.failed.pk,
        "cancelled": bank.cancelled.pk,
    }

    page = visit(path.format(**runs), role, reduced_motion="reduce")

    assert page.locator("h1").count() == 1
    for look, (scheme, size) in LOOKS.items():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, look
        found = Axe().run(page).response["violations"]
        assert not [(one["id"], [node["target"] for node in one["nodes"]]) for one in found], look
