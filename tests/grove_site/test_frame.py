"""What stands around every page: search, notifications, profile, tenants, keys."""

import html
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from compliance import alerts
from compliance.models import AlertKind
from runs import saved_views
from runs.models import DefaultView, Run, Wait
from tenancy.actors import Actor
from tenancy.context import tenant_context
from tenancy.models import Membership, Tenant, User
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.runs.definitions import CHAIN
from tests.runs.making import make_run, make_version

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def run(in_acme: Tenant) -> Run:
    made = make_run(make_version(CHAIN))
    Run.objects.filter(pk=made.pk).update(owner_label="Case 1, old")
    return Run.objects.select_related("workflow", "version").get(pk=made.pk)


@pytest.fixture
def bob(in_acme: Tenant) -> Membership:
    return make_member(tenant=in_acme, role=Role.OPERATOR)


@pytest.fixture
def client(bob: Membership) -> Client:
    return make_client(bob)


def words_of(client: Client, text: str, address: str = "/search/") -> list[str]:
    groups = client.get(address, {"q": text}).context["groups"]
    return [f"{group.name}: {hit.words}" for group in groups for hit in group.hits]


# -- search -------------------------------------------------------------------------------------------------------


def test_runs_are_found_by_the_beginning_of_their_id(client: Client, run: Run) -> None:
    found = [f"Runs: …{str(run.pk)[-8:]} {run.workflow.title}"]

    assert words_of(client, str(run.pk)[:20]) == found
    assert words_of(client, str(run.pk).replace("-", "")[:30].upper()) == found
    assert words_of(client, str(run.pk)[:4]) == []  # too many would begin like this
    assert client.get("/search/", {"q": str(run.pk)})["Location"] == f"/runs/{run.pk}/"


def test_owners_workflows_and_digests_are_found(client: Client, run: Run) -> None:
    title, version = run.workflow.title, run.version
    of_version = f"Digests: {title}, version {version.number}"

    assert words_of(client, "Case 1, old") == ["Runs: Runs of Case 1, old"]
    assert words_of(client, run.workflow.slug.upper()) == [f"Workflows: {title}"]
    assert words_of(client, version.digest) == [of_version]
    assert words_of(client, version.digest[:12]) == [of_version]
    assert words_of(client, version.digest[:7]) == []
    assert words_of(client, run.manifest_digest) == [f"Digests: …{str(run.pk)[-8:]} {title}"]
    assert words_of(client, "%") == words_of(client, "_____") == []


def test_suggestions_are_a_fragment_of_the_same(client: Client, run: Run) -> None:
    page = client.get("/search/suggest/", {"q": run.workflow.slug})
    nothing = html.unescape(client.get("/search/suggest/", {"q": "<b>zz"}).content.decode())

    text = page.content.decode()
    assert "<html" not in text
    assert f'href="/workflows/{run.workflow.slug}/"' in text
    assert "Nothing begins with or is called “<b>zz”" in nothing
    assert client.get("/search/suggest/").content.decode().strip() == ""


def test_mallory_finds_nothing_of_acmes(run: Run, beta: Tenant) -> None:
    mallory = make_client(make_member(tenant=beta))

    for text in (str(run.pk)[:20], run.workflow.slug, run.version.digest, "Case 1, old"):
        assert words_of(mallory, text) == []
    assert mallory.get("/search/", {"q": str(run.pk)}).status_code == 200


def test_search_asks_a_bounded_number_of_statements(client: Client, run: Run) -> None:
    client.get("/search/?q=warm")
    with CaptureQueriesContext(connection) as asked:
        client.get("/search/", {"q": run.manifest_digest})

    assert len(asked) <= 18


# -- notifications ------------------------------------------------------------------------------------------------


def test_bell_counts_what_waits_for_me_and_the_page_lists_it(client: Client, run: Run) -> None:
    with tenant_context(run.tenant):
        for approver in (Role.OPERATOR, Role.REVIEWER):
            Wait.objects.create(
                run=run,
                node_id=f"asks-{approver}",
                attempt=1,
                kind="approval",
                approver=approver,
                asked_at=now(),
                expires_at=now() + timedelta(days=1),
            )
        alerts.raise_alert(
            kind=AlertKind.NODE_HANGS,
            subject_kind="run",
            subject_id=run.pk,
            name="Slow node",
            sentence="It hangs.",
            key="slow",
        )

    page = client.get("/notifications/")

    text = page.content.decode()
    assert page.context["count"] == 2
    assert "Notifications: 2 wait for you" in text
    assert "asks-operator" in text
    assert "asks-reviewer" not in text
    assert "Slow node" in text


def test_who_may_do_nothing_about_alerts_is_not_told(in_acme: Tenant) -> None:
    alerts.raise_alert(
        kind=AlertKind.NODE_HANGS,
        subject_kind="run",
        subject_id="none",
        name="Slow node",
        sentence="It hangs.",
        key="slow",
    )
    text = make_client(make_member(tenant=in_acme, role=Role.AUTHOR)).get("/notifications/")

    assert "Nothing waits for you" in text.content.decode()
    assert "Slow node" not in text.content.decode()


# -- profile, tenants, keys ---------------------------------------------------------------------------------------


def test_profile_changes_how_every_page_looks(
    in_acme: Tenant, client: Client, bob: Membership, run: Run
) -> None:
    view = saved_views.save(
        name="Mine",
        question="by:me",
        is_shared=False,
        membership=bob,
        by=Actor.of_user(bob.user),
    )
    made_at = datetime(2026, 1, 2, 23, 30, tzinfo=UTC)
    with tenant_context(in_acme):
        Run.objects.filter(pk=run.pk).update(created_at=made_at)
    wanted = {"name": "Bob B.", "time_zone": "Asia/Tokyo", "theme": "dark", "density": "compact"}

    kept = client.post("/profile/", wanted | {"view": str(view.pk)})
    text = client.get("/runs/?q=").content.decode()

    assert kept.status_code == 302
    assert 'data-theme="dark" data-density="compact"' in text
    assert ">3 Jan 2026, 08:30<" in text  # in Tokyo it is the next morning
    assert 'title="2026-01-02 23:30:00 UTC"' in text
    with tenant_context(in_acme):
        assert DefaultView.objects.get().view_id == view.pk
    assert client.get("/runs/")["Location"] == f"/runs/?view={view.pk}"
    assert "Bob B." in client.get("/profile/").content.decode()


def test_profile_that_cannot_be_kept_says_at_which_field(client: Client, bob: Membership) -> None:
    answer = client.post("/profile/", {"name": "Bob", "time_zone": "Mars"})

    assert answer.status_code == 422
    assert "“Mars” is no time zone" in answer.content.decode()
    assert User.objects.get(pk=bob.user_id).time_zone == ""


def test_tenants_of_mine_are_one_click_away(
    acme: Tenant, beta: Tenant, client: Client, bob: Membership
) -> None:
    make_member(tenant=beta, user=bob.user)

    text = client.get("/profile/tenants/").content.decode()

    assert f'href="http://{beta.slug}.localhost/"' in text
    assert f'href="http://{acme.slug}.localhost/"' in text
    assert text.count("You are here") == 1


def test_keys_are_a_page_and_a_dialog(client: Client) -> None:
    text = client.get("/help/keys/").content.decode()

    assert text.count("Next row of the table") == 2
    assert client.get("/help/queries/").status_code == 200
