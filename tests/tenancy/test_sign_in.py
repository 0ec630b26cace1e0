"""Signing in: password, membership, second factor; nobody by themselves, nobody by the wrong door."""

import time
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.totp.internal import auth as totp
from django.test import Client

from tenancy import members
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Membership, Tenant
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

PASSWORD = "correct horse battery staple"
LOGIN = "/accounts/login/"


def browser(tenant: Tenant) -> Client:
    return Client(headers={"host": f"{tenant.slug}.localhost"})


def make_bob(tenant: Tenant) -> Membership:
    user = factories.make_user(name="Bob", password=PASSWORD)
    return factories.make_member(tenant=tenant, user=user)


def events(tenant: Tenant) -> list[str]:
    with tenant_context(tenant):
        return list(LedgerEntry.objects.order_by("id").values_list("event", flat=True))


def test_member_signs_in_by_email_and_password(acme: Tenant) -> None:
    bob, client = make_bob(acme), browser(acme)

    response = client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})

    assert response.status_code == 302
    assert client.get("/api/v1/tenant").status_code == 200
    assert events(acme) == ["sign_in.succeeded"]


@pytest.mark.parametrize("case", ["wrong password", "nobody", "member elsewhere", "removed"])
def test_every_failure_looks_alike(acme: Tenant, beta: Tenant, case: str) -> None:
    bob = make_bob(beta if case == "member elsewhere" else acme)
    if case == "removed":
        with tenant_context(acme):
            members.remove(membership=bob, by=SYSTEM)
    login = "nobody@example.org" if case == "nobody" else bob.user.email
    password = "not the password" if case == "wrong password" else PASSWORD

    client = browser(acme)
    response = client.post(LOGIN, {"login": login, "password": password})

    assert response.status_code == 200
    assert "not correct" in response.content.decode()
    assert client.get("/api/v1/tenant").status_code == 401
    assert events(acme)[-1] == "sign_in.failed"


def test_guessing_is_slowed_down(acme: Tenant) -> None:
    bob, client = make_bob(acme), browser(acme)
    for _ in range(5):
        client.post(LOGIN, {"login": bob.user.email, "password": "a guess"})

    response = client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})

    assert response.status_code != 302
    assert "Too many" in response.content.decode()


def test_nobody_signs_up(acme: Tenant) -> None:
    assert browser(acme).get("/accounts/signup/").status_code == 404


def test_sign_out_is_recorded(acme: Tenant) -> None:
    client = factories.make_client(make_bob(acme))

    client.post("/accounts/logout/")

    assert client.get("/api/v1/tenant").status_code == 401
    assert events(acme) == ["sign_in.ended"]


def test_secret_of_a_second_factor_is_sealed(db: None) -> None:
    adapter = get_mfa_adapter()

    sealed = adapter.encrypt("JBSWY3DPEHPK3PXP")

    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert adapter.decrypt(sealed) == "JBSWY3DPEHPK3PXP"


def test_invited_person_joins_with_a_password_of_their_own(acme: Tenant) -> None:
    with tenant_context(acme):
        invited = members.invite(email="nell@example.org", name="Nell", role="author", by=SYSTEM)
    link = f"/settings/join/{members.invitation_of(invited)}/"
    client = browser(acme)

    weak = client.post(link, {"password": "short"})
    joined = client.post(link, {"password": PASSWORD})
    again = client.get(link)

    assert (weak.status_code, joined.status_code, again.status_code) == (422, 302, 404)
    signed_in = client.post(LOGIN, {"login": "nell@example.org", "password": PASSWORD})
    assert signed_in.status_code == 302


def test_known_person_proves_the_password_they_have(acme: Tenant, beta: Tenant) -> None:
    bob = make_bob(beta)
    with tenant_context(acme):
        invited = members.invite(email=bob.user.email, name="", role="author", by=SYSTEM)
    link = f"/settings/join/{members.invitation_of(invited)}/"

    stranger = browser(acme).post(link, {"password": "I take this one over"})
    himself = browser(acme).post(link, {"password": PASSWORD})

    assert (stranger.status_code, himself.status_code) == (422, 302)
    bob.user.refresh_from_db()
    assert bob.user.check_password(PASSWORD)


def test_invited_but_not_joined_cannot_sign_in(acme: Tenant, beta: Tenant) -> None:
    bob = make_bob(beta)
    with tenant_context(acme):
        members.invite(email=bob.user.email, name="", role="author", by=SYSTEM)
    client = browser(acme)

    client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})

    assert client.get("/api/v1/tenant").status_code == 401


def code_of(secret: str) -> str:
    counter = int(time.time()) // 30
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def test_second_factor_is_asked_for_before_anything_opens(acme: Tenant) -> None:
    bob, client = make_bob(acme), browser(acme)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(bob.user, secret)

    asked = client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})
    before = client.get("/api/v1/tenant").status_code
    client.post(asked["Location"], {"code": code_of(secret)})

    assert asked["Location"].startswith("/accounts/2fa/authenticate/")
    assert before == 401
    assert client.get("/api/v1/tenant").status_code == 200
    assert events(acme) == ["sign_in.succeeded"]


def test_wrong_code_opens_nothing(acme: Tenant) -> None:
    bob, client = make_bob(acme), browser(acme)
    totp.TOTP.activate(bob.user, totp.generate_totp_secret())
    client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})

    client.post("/accounts/2fa/authenticate/", {"code": "000000"})

    assert client.get("/api/v1/tenant").status_code == 401


def test_change_of_password_and_factor_is_recorded(
    acme: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    bob, client = make_bob(acme), browser(acme)
    client.post(LOGIN, {"login": bob.user.email, "password": PASSWORD})
    asked = client.get("/accounts/2fa/totp/activate/")
    page = client.post(asked["Location"], {"password": PASSWORD}, follow=True)
    secret = client.session["mfa.totp.secret"]

    with django_capture_on_commit_callbacks() as at_commit:
        factor = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    with tenant_context(acme):
        for callback in at_commit:
            callback()
    password = client.post(
        "/accounts/password/",
        {
            "oldpassword": PASSWORD,
            "password1": "a longer and better one",
            "password2": "a longer and better one",
        },
    )

    assert asked["Location"].startswith("/accounts/reauthenticate/")
    assert "<svg" in page.content.decode()
    assert (factor.status_code, password.status_code) == (302, 302)
    assert events(acme) == ["sign_in.succeeded", "second_factor.changed", "password.changed"]
