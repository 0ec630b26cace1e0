"""The demo tenant is made once, and calling it again changes nothing."""

import pytest
from django.contrib.auth import authenticate

from grove_site.demo import seed
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Membership, User
from workflows.models import ModelGroup, Provider, Workflow
from workflows.providers import routes

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture(autouse=True)
def _model_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROVE_MODEL_URL", "http://127.0.0.1:9001/v1")


def test_demo_has_people_models_and_published_workflows() -> None:
    tenant = seed.seed()

    with tenant_context(tenant):
        assert {each.role for each in Membership.objects.all()} == {role for _, role in seed.CAST}
        published = Workflow.objects.with_pointers().order_by("slug")
        assert [workflow.slug for workflow in published] == [
            "claim-file-review",
            "complaint-handling",
            "goodwill-offer",
        ]
        assert all(workflow.published for workflow in published)
        assert published[0].published.author_name == "Ann"
        (target,) = routes.current().of_group("default")
        assert target.base_url == "http://127.0.0.1:9001/v1"
        assert target.egress == "internal"
    assert User.objects.get(email="bob@demo.example").check_password(seed.PASSWORD)


def test_seeding_twice_changes_nothing() -> None:
    tenant = seed.seed()
    with tenant_context(tenant):
        before = LedgerEntry.objects.count()

    again = seed.seed()

    assert again == tenant
    with tenant_context(tenant):
        assert LedgerEntry.objects.count() == before
        assert ModelGroup.objects.count() == 1


def test_model_follows_its_server_to_another_port(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = seed.seed()
    monkeypatch.setenv("GROVE_MODEL_URL", "http://127.0.0.1:9002/v1")

    seed.seed()

    with tenant_context(tenant):
        assert Provider.objects.get().base_url == "http://127.0.0.1:9002/v1"


def test_password_that_everybody_knows_is_only_the_demos() -> None:
    before = set(User.objects.values_list("pk", flat=True))

    seed.seed()

    made = User.objects.exclude(pk__in=before)
    assert made.exclude(email__endswith="@demo.example").count() == 0
    assert authenticate(None, email="mallory@demo.example", password=seed.PASSWORD) is None
