"""Members and tokens by page and API: an admin looks after people, everybody after their own tokens."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from tenancy.context import tenant_context
from tenancy.models import ApiToken, Membership, Tenant
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

JSON = "application/json"
SOON = (now() + timedelta(days=30)).date().isoformat()
LONG_AGO = "2020-01-01"
PAGE = "/settings/members/"


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


@pytest.fixture
def bob(acme: Tenant) -> Membership:
    return factories.make_member(tenant=acme)


def text_of(response: Any) -> str:
    text: str = response.content.decode()
    return text


def test_admin_invites_by_page_and_gets_the_link(acme: Tenant, alice: Client) -> None:
    form = {"email": "nell@example.org", "name": "Nell", "role": "auditor", "expires_at": SOON}

    page = alice.post("/settings/members/invite/", form, follow=True)

    assert page.status_code == 200
    assert f"http://{acme.slug}.localhost/settings/join/" in text_of(page)
    with tenant_context(acme):
        assert Membership.objects.get(user__email="nell@example.org").state == "invited"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"email": "not an address"}, "valid email address"),
        ({"role": "emperor"}, "valid choice"),
        ({"role": "auditor"}, "last day of this auditor"),  # an auditor without an end
        ({"role": "auditor", "expires_at": LONG_AGO}, "must not be over"),
        ({"expires_at": "soon"}, "valid date"),
    ],
)
def test_invitation_says_what_is_wrong(
    alice: Client, changes: dict[str, str], sentence: str
) -> None:
    form = {"email": "nell@example.org", "role": "author"} | changes

    page = alice.post("/settings/members/invite/", form)

    assert page.status_code == 422
    assert sentence in text_of(page)


def test_admin_changes_a_role_by_page(acme: Tenant, alice: Client, bob: Membership) -> None:
    path = f"/settings/members/{bob.pk}/"

    wrong = alice.post(f"{path}role/", {"role": "auditor"})
    right = alice.post(f"{path}role/", {"role": "author"}, follow=True)

    assert (wrong.status_code, right.status_code) == (422, 200)
    assert "workflow.edit" in text_of(right)


def test_admin_removes_a_member_by_page(acme: Tenant, alice: Client, bob: Membership) -> None:
    page = alice.post(f"/settings/members/{bob.pk}/remove/", follow=True)

    assert "Ended" in text_of(page)


def test_those_who_only_see_members_get_no_forms(acme: Tenant, bob: Membership) -> None:
    dan = factories.make_client(
        factories.make_member(tenant=acme, role=Role.DATA_PROTECTION_OFFICER)
    )

    listed, shown = dan.get("/settings/members/"), dan.get(f"/settings/members/{bob.pk}/")

    assert "/settings/members/invite/" not in text_of(listed)
    assert "/remove/" not in text_of(shown)


def test_the_page_says_what_each_role_may_do(alice: Client) -> None:
    roles = {role: (words, held) for role, words, held in alice.get(PAGE).context["roles"]}

    assert list(roles) == [str(role.label) for role in Role]
    assert "workflow.publish" in roles["Reviewer"][1]
    assert not {"payload.view", "workflow.edit", "run.view"} & set(roles["Auditor"][1])
    assert roles["Auditor"][0] in text_of(alice.get(PAGE))


def test_api_invites_changes_and_removes(alice: Client) -> None:
    body = {"email": "nell@example.org", "role": "author"}

    invited = alice.post("/api/v1/members", body, JSON)
    path = invited["Location"]
    changed = alice.patch(path, {"role": "operator"}, JSON)
    removed = alice.delete(path)

    assert (invited.status_code, removed.status_code) == (201, 204)
    assert "/settings/join/" in invited.json()["invitation"]
    assert changed.json()["role"] == "operator"
    assert alice.get(path).json()["state"] == "ended"


def test_same_person_twice_is_a_conflict(alice: Client) -> None:
    body = {"email": "nell@example.org", "role": "author"}
    alice.post("/api/v1/members", body, JSON)

    again = alice.post("/api/v1/members", body, JSON)

    assert (again.status_code, again.json()["code"]) == (409, "already_member")


def test_member_makes_a_token_by_page_and_sees_it_once(bob: Membership) -> None:
    client = factories.make_client(bob)
    form = {"name": "nightly", "expires_at": SOON, "scopes": ["run.view", "run.start"]}

    made = client.post("/settings/tokens/new/", form)
    listed = client.get("/settings/tokens/")

    text = text_of(made).split("grove_", 1)[1].split("<")[0]
    assert made["Cache-Control"] == "no-store"
    assert "nightly" in text_of(listed)
    assert text not in text_of(listed)


def test_token_form_offers_only_what_the_person_holds(bob: Membership) -> None:
    client = factories.make_client(bob)
    form = {"name": "more", "expires_at": SOON, "scopes": ["member.edit"]}

    page = client.post("/settings/tokens/new/", form)

    assert page.status_code == 422
    assert "member.edit is not one" in text_of(page)


def test_member_revokes_their_token_by_page(acme: Tenant, bob: Membership) -> None:
    client = factories.make_client(bob)
    client.post(
        "/settings/tokens/new/", {"name": "old", "expires_at": SOON, "scopes": ["run.view"]}
    )
    with tenant_context(acme):
        token = ApiToken.objects.get()

    page = client.post(f"/settings/tokens/{token.pk}/revoke/", follow=True)

    assert "Revoked" in text_of(page)


def test_api_makes_shows_and_revokes_a_token(bob: Membership) -> None:
    client = factories.make_client(bob)
    body = {"name": "ci", "scopes": ["run.view"], "expires_at": f"{SOON}T00:00:00Z"}

    made = client.post("/api/v1/tokens", body, JSON)
    path = made["Location"]
    shown = client.get(path).json()

    assert made.status_code == 201
    assert made.json()["token"].startswith("grove_")
    assert "token" not in shown
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["state"] == "revoked"


def test_others_tokens_are_seen_by_those_who_look_after_them(
    acme: Tenant, alice: Client, bob: Membership
) -> None:
    factories.make_client(bob).post(
        "/api/v1/tokens",
        {"name": "ci", "scopes": ["run.view"], "expires_at": f"{SOON}T00:00:00Z"},
        JSON,
    )
    ann = factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))

    assert len(alice.get("/api/v1/tokens").json()["items"]) == 1
    assert ann.get("/api/v1/tokens").json()["items"] == []
