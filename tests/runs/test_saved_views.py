"""Views of the run list: one's own, shared ones, the one that opens first; by page and by API."""

import re

import pytest
from django.test import Client

from runs import saved_views
from runs.errors import ViewInvalid, ViewNotYours
from runs.models import DefaultView, SavedView, ViewOf
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Membership, Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member, make_program

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def make_view(member: Membership, name: str = "Failures", *, shared: bool = False) -> SavedView:
    return saved_views.save(
        name=name,
        question="status:failed",
        is_shared=shared,
        membership=member,
        by=Actor.of_user(member.user),
    )


@pytest.fixture
def bob(in_acme: Tenant) -> Membership:
    return make_member(tenant=in_acme, role=Role.OPERATOR)


@pytest.fixture
def ann(in_acme: Tenant) -> Membership:
    return make_member(tenant=in_acme, role=Role.AUTHOR)


def events() -> list[str]:
    rows = LedgerEntry.objects.filter(event__startswith="view.").order_by("id")
    return list(rows.values_list("event", flat=True))


def test_others_see_only_what_is_shared(bob: Membership, ann: Membership) -> None:
    own, shared = make_view(bob), make_view(bob, "Ours", shared=True)

    assert set(saved_views.visible_to(bob)) == {own, shared}
    assert set(saved_views.visible_to(ann)) == {shared}
    assert set(saved_views.visible_to(None)) == {shared}


def test_only_what_is_shared_leaves_entries(bob: Membership) -> None:
    by = Actor.of_user(bob.user)
    view = make_view(bob)
    assert events() == []

    for shared in (True, True, False, False):
        saved_views.change(view=view, question="by:me", is_shared=shared, membership=bob, by=by)
    saved_views.remove(view=view, membership=bob, by=by)

    assert events() == ["view.shared", "view.changed", "view.changed"]
    assert "by:me" not in str(list(LedgerEntry.objects.values_list("facts", flat=True)))


def test_same_name_takes_the_place_of_the_one_before(bob: Membership, ann: Membership) -> None:
    make_view(bob, "Failures")
    saved_views.save(
        name=" failures ",
        question="  by:me  ",
        is_shared=False,
        membership=bob,
        by=Actor.of_user(bob.user),
    )
    make_view(ann, "Failures")

    assert [view.question for view in SavedView.objects.filter(membership=bob)] == ["by:me"]
    assert SavedView.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "question", "sentence"),
    [
        ("", "", "Name the view"),
        ("x" * 81, "", "at most 80 signs"),
        ("Odd", "colour:green", "“colour” is not a filter"),
    ],
)
def test_bad_views_are_refused(bob: Membership, name: str, question: str, sentence: str) -> None:
    with pytest.raises(ViewInvalid, match=sentence):
        saved_views.save(
            name=name,
            question=question,
            is_shared=False,
            membership=bob,
            by=Actor.of_user(bob.user),
        )

    assert not SavedView.objects.exists()


def test_views_of_one_person_are_not_without_number(
    bob: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 1)
    make_view(bob)

    with pytest.raises(ViewInvalid, match="Remove one first"):
        make_view(bob, "Another")


def test_nobody_changes_what_somebody_else_shares(bob: Membership, ann: Membership) -> None:
    view, by = make_view(bob, shared=True), Actor.of_user(ann.user)

    with pytest.raises(ViewNotYours):
        saved_views.change(view=view, question="", is_shared=False, membership=ann, by=by)
    with pytest.raises(ViewNotYours):
        saved_views.remove(view=view, membership=ann, by=by)


def test_what_is_shared_no_longer_is_nobody_elses_default(bob: Membership, ann: Membership) -> None:
    view = make_view(bob, shared=True)
    for member in (bob, ann):
        saved_views.choose_default(view=view, membership=member, by=Actor.of_user(member.user))

    saved_views.change(
        view=view, question="", is_shared=False, membership=bob, by=Actor.of_user(bob.user)
    )

    assert saved_views.find_default(bob) == view.pk
    assert saved_views.find_default(ann) is None


# -- pages --------------------------------------------------------------------------------------------------------


def test_list_opens_with_the_default_and_all_runs_are_one_click_away(
    in_acme: Tenant, bob: Membership
) -> None:
    client = make_client(bob)
    saved = client.post(
        "/runs/views/save/", {"name": "Failures", "q": "status:failed", "default": "yes"}
    )
    with tenant_context(in_acme):
        view = SavedView.objects.get()

    opened = client.get("/runs/")
    shown = client.get(opened["Location"]).content.decode()

    assert saved["Location"] == opened["Location"] == f"/runs/?view={view.pk}"
    assert 'value="status:failed"' in shown
    assert client.get("/runs/?q=").status_code == 200
    assert 'value="status:failed"' not in client.get("/runs/?q=").content.decode()


def test_views_are_shared_chosen_and_removed_by_page(
    in_acme: Tenant, bob: Membership, ann: Membership
) -> None:
    view = make_view(bob)
    of_bob, of_ann = make_client(bob), make_client(ann)

    assert of_ann.get(f"/runs/?view={view.pk}").status_code == 404
    of_bob.post(f"/runs/views/{view.pk}/share/", {"shared": "yes"})
    assert of_ann.get(f"/runs/?view={view.pk}").status_code == 200
    assert "Failures" in of_ann.get("/runs/views/").content.decode()
    of_ann.post("/runs/views/default/", {"view": str(view.pk)})
    with tenant_context(in_acme):
        assert DefaultView.objects.get().membership_id == ann.pk
    of_ann.post("/runs/views/default/", {"view": ""})
    with tenant_context(in_acme):
        assert not DefaultView.objects.exists()
    assert of_ann.post(f"/runs/views/{view.pk}/remove/").status_code == 403
    assert of_bob.post(f"/runs/views/{view.pk}/remove/").status_code == 302
    with tenant_context(in_acme):
        assert not SavedView.objects.exists()


def test_what_mallory_asks_for_is_not_there(bob: Membership, beta: Tenant) -> None:
    view = make_view(bob, shared=True)
    mallory: Client = make_client(make_member(tenant=beta))

    assert mallory.get(f"/runs/?view={view.pk}").status_code == 404
    assert mallory.post(f"/runs/views/{view.pk}/remove/").status_code == 404
    assert "Failures" not in mallory.get("/runs/views/").content.decode()


# -- API ----------------------------------------------------------------------------------------------------------


def test_programs_keep_views_too(bob: Membership) -> None:
    program, json = make_program(bob), "application/json"
    address = "/api/v1/run-views"

    made = program.post(address, {"name": "Failures", "question": "status:failed"}, json)
    one = f"{address}/{made.json()['id']}"
    changed = program.put(one, {"question": "by:me", "shared": True}, json)
    first = program.put(f"{address}/default", {"view": made.json()["id"]}, json)
    listed = program.get(address).json()["items"]

    assert (made.status_code, changed.status_code, first.status_code) == (201, 200, 204)
    assert [(each["question"], each["shared"], each["opens_first"]) for each in listed] == [
        ("by:me", True, True)
    ]
    assert program.get(one).json()["is_mine"] is True
    assert program.put(f"{address}/default", {"view": None}, json).status_code == 204
    assert program.delete(one).status_code == 204
    assert program.get(one).status_code == 404
    bad = program.post(address, {"name": "Odd", "question": "status:asleep"}, json)
    assert (bad.status_code, bad.json()["code"]) == (422, "view_invalid")


# -- of the providers ---------------------------------------------------------------------------------------------


def test_filters_of_providers_are_kept_and_asked_again(bob: Membership, ann: Membership) -> None:
    bobs, anns = make_client(bob), make_client(ann)
    kept = {"of": "providers", "name": "Ill in Europe", "q": "region=eu&state=failing&q="}

    made = bobs.post("/runs/views/save/", kept | {"shared": "yes", "default": "yes"})
    page = anns.get(made["Location"])

    assert made["Location"] == "/settings/providers/?state=failing&region=eu"
    assert page.context["asked"] == {"q": "", "state": "failing", "region": "eu", "class": ""}
    text = page.content.decode()
    assert '<a href="?state=failing&amp;region=eu" aria-current="page">Ill in Europe' in text
    with tenant_context(bob.tenant):
        assert not DefaultView.objects.exists()  # that is for the list of runs
        assert events() == ["view.shared"]
    assert "Ill in Europe" in anns.get("/runs/views/").content.decode()
    assert "Ill in Europe" not in anns.get("/runs/?q=").content.decode()


def test_a_name_is_free_for_each_list(bob: Membership) -> None:
    of_runs = make_view(bob, "Mine")
    of_providers = make_view_of_providers(bob, "Mine")

    assert list(saved_views.visible_to(bob)) == [of_runs]
    assert list(saved_views.visible_to(bob, ViewOf.PROVIDERS)) == [of_providers]


@pytest.mark.parametrize(
    ("question", "fault"),
    [
        ("colour=red", "“colour” is no filter of providers. Use q, state, region, class."),
        ("state=asleep", "“asleep” is no state. Use healthy, failing,"),
        ("class=9", "“9” is no data class. Use 1,"),
        ("failing", "“failing” is no filter of providers."),
        ("q=" + "a" * 2000, "The question is longer than 2000 signs."),
    ],
)
def test_filters_that_providers_do_not_have_are_not_kept(
    bob: Membership, question: str, fault: str
) -> None:
    with pytest.raises(ViewInvalid, match=re.escape(fault)):
        make_view_of_providers(bob, question=question)

    assert not SavedView.objects.exists()


def test_a_list_without_views_is_named(bob: Membership) -> None:
    answer = make_client(bob).post("/runs/views/save/", {"of": "prices", "name": "Mine", "q": ""})

    assert answer.status_code == 422
    assert "“prices” has no views" in answer.content.decode()


def test_programs_keep_views_of_providers(bob: Membership, ann: Membership) -> None:
    program, json = make_program(bob), "application/json"
    address = "/api/v1/provider-views"
    of_runs = make_view(bob)

    made = program.post(address, {"name": "Ill", "question": "state=failing"}, json)
    one = f"{address}/{made.json()['id']}"
    changed = program.put(one, {"question": "class=3&q=eu", "shared": True}, json)
    (listed,) = program.get(address).json()["items"]

    assert (made.status_code, changed.status_code) == (201, 200)
    assert (listed["question"], listed["shared"], listed["is_mine"]) == ("q=eu&class=3", True, True)
    assert program.get(one).json() == listed
    assert make_program(ann).delete(one).status_code == 403
    bad = program.post(address, {"name": "Odd", "question": "state=asleep"}, json)
    assert (bad.status_code, bad.json()["code"]) == (422, "view_invalid")
    assert program.get(f"{address}/{of_runs.pk}").status_code == 404  # each list has its own
    assert program.get(one.replace("provider", "run")).status_code == 404
    first = program.put("/api/v1/run-views/default", {"view": listed["id"]}, json)
    assert first.status_code == 404
    assert program.delete(one).status_code == 204
    assert program.get(address).json()["items"] == []


def make_view_of_providers(
    member: Membership, name: str = "Ill", question: str = "state=failing"
) -> SavedView:
    return saved_views.save(
        of=ViewOf.PROVIDERS,
        name=name,
        question=question,
        is_shared=False,
        membership=member,
        by=Actor.of_user(member.user),
    )
