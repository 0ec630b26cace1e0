"""Alerts over the API and on their page."""

import pytest
from django.test import Client

from compliance import alerts
from compliance.models import Alert, AlertKind
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.calling import get, post

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

URL = "/api/v1/alerts"


def make_alert(tenant: Tenant, key: str = "model_drift:d1") -> Alert:
    with tenant_context(tenant):
        alert = alerts.raise_alert(
            kind=AlertKind.MODEL_DRIFT,
            subject_kind="deployment",
            subject_id="d1",
            name="gpt",
            sentence="“gpt” answered as another model.",
            key=key,
        )
    assert alert is not None
    return alert


def member(tenant: Tenant, role: Role = Role.ADMIN) -> Client:
    return factories.make_client(factories.make_member(tenant=tenant, role=role))


def test_every_member_reads_alerts(acme: Tenant) -> None:
    alert = make_alert(acme)
    make_alert(acme, "other")
    ann = member(acme, Role.AUTHOR)

    listed = get(ann, f"{URL}?state=waiting&kind=model_drift")["items"]

    assert [each["subject"]["name"] for each in listed] == ["gpt", "gpt"]
    assert get(ann, f"{URL}/{alert.pk}") == listed[1]
    assert listed[1]["acknowledged"] is None
    assert get(ann, f"{URL}?state=acknowledged")["items"] == []
    assert ann.get(f"{URL}?state=perhaps").status_code == 422


def test_acknowledging_says_who_and_why(acme: Tenant) -> None:
    alert = make_alert(acme)
    alice = member(acme)

    answer = post(alice, f"{URL}/{alert.pk}/acknowledge", reason="Pinned anew.")

    assert answer.status_code == 200
    assert answer.json()["acknowledged"]["reason"] == "Pinned anew."
    assert get(alice, f"{URL}?state=waiting")["items"] == []
    assert post(alice, f"{URL}/{alert.pk}/acknowledge").status_code == 422


def test_who_only_reads_acknowledges_nothing(acme: Tenant) -> None:
    alert = make_alert(acme)

    answer = post(member(acme, Role.AUDITOR), f"{URL}/{alert.pk}/acknowledge", reason="Seen.")

    assert answer.status_code == 403


def test_what_waits_is_counted_and_acknowledged_on_the_page(acme: Tenant) -> None:
    alert = make_alert(acme)
    alice = member(acme)

    page = alice.get("/alerts/").content.decode()
    assert "answered as another model" in page
    assert '1<span class="vh"> waiting' in page
    wrong = alice.post(f"/alerts/{alert.pk}/acknowledge/", {"reason": " "})
    assert wrong.status_code == 422
    assert "Say what was done about it." in wrong.content.decode()
    done = alice.post(f"/alerts/{alert.pk}/acknowledge/", {"reason": "Pinned anew."})
    assert (done.status_code, done["Location"]) == (302, "/alerts/")

    page = alice.get("/alerts/").content.decode()
    assert "Nothing waits" in page
    assert 'class="vh"> waiting' not in page
    seen = alice.get("/alerts/?tab=acknowledged&kind=model_drift").content.decode()
    assert "Pinned anew." in seen
    assert "Alice" in seen


def test_who_may_not_acknowledge_sees_no_form(acme: Tenant) -> None:
    make_alert(acme)

    page = member(acme, Role.AUTHOR).get("/alerts/").content.decode()

    assert "answered as another model" in page
    assert "<button" not in page.split('aria-label="Alerts in this tab"')[1].split("</main>")[0]


def test_mallory_sees_none_of_it(acme: Tenant, beta: Tenant) -> None:
    alert = make_alert(acme)
    mallory = member(beta)

    assert get(mallory, URL)["items"] == []
    assert mallory.get(f"{URL}/{alert.pk}").status_code == 404
    assert mallory.post(f"/alerts/{alert.pk}/acknowledge/", {"reason": "x"}).status_code == 404
