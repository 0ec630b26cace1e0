"""Model groups by page and API: their order, how they are, what would happen now, and where each class may go."""

import pytest
from django.test import Client

from compliance.labels import DataClass
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from workflows import model_groups
from workflows.models import ClassPlacement, ModelGroup
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
JSON = "application/json"
PAGE = "/settings/model-groups/of/default/"


@pytest.fixture(autouse=True)
def group(acme: Tenant) -> None:
    with tenant_context(acme):
        deployments = []
        for name, region in (("home", "eu"), ("abroad", "us"), ("spare", "eu")):
            provider = register.create_provider(
                name=name,
                base_url="https://models.example/v1",
                region=region,
                trains_on_data=False,
                by=SYSTEM,
            )
            deployments.append(
                register.create_deployment(
                    provider=provider,
                    name=f"{name}-small",
                    model="small-1",
                    clearance=DataClass.CONFIDENTIAL,
                    by=SYSTEM,
                )
            )
        model_groups.create(name="default", deployments=deployments[:2], by=SYSTEM)


def order(acme: Tenant) -> list[str]:
    with tenant_context(acme):
        members = ModelGroup.objects.get().members.order_by("position")
        return list(members.values_list("deployment__name", flat=True))


def test_order_is_changed_by_buttons_and_each_change_is_on_record(
    acme: Tenant, alice: Client
) -> None:
    with tenant_context(acme):
        entries = LedgerEntry.objects.count()

    for deployment, move in (
        ("abroad-small", "up"),
        ("spare-small", "add"),
        ("home-small", "remove"),
    ):
        answer = alice.post(f"{PAGE}order/", {"deployment": deployment, "move": move})
        assert answer.status_code == 302

    assert order(acme) == ["abroad-small", "spare-small"]
    with tenant_context(acme):
        assert LedgerEntry.objects.count() == entries + 3


def test_what_cannot_move_stays(acme: Tenant, alice: Client) -> None:
    for deployment, move in (("home-small", "up"), ("abroad-small", "down"), ("home-small", "add")):
        alice.post(f"{PAGE}order/", {"deployment": deployment, "move": move})

    assert order(acme) == ["home-small", "abroad-small"]


def test_last_member_stays(acme: Tenant, alice: Client) -> None:
    alice.post(f"{PAGE}order/", {"deployment": "abroad-small", "move": "remove"})

    answer = alice.post(f"{PAGE}order/", {"deployment": "home-small", "move": "remove"})

    assert answer.status_code == 422
    assert "add another first" in answer.content.decode()
    assert order(acme) == ["home-small"]


def test_pages_show_the_order_and_what_would_happen_now(acme: Tenant, bob: Client) -> None:
    with tenant_context(acme):
        from workflows.providers import placements

        placements.name(data_class=DataClass.CONFIDENTIAL, regions=["eu"], providers=[], by=SYSTEM)

    listed = bob.get("/settings/model-groups/").content.decode()
    shown = bob.get(PAGE).content.decode()

    assert "home / home-small" in listed
    assert "Add a group" not in listed
    assert "“home-small” answers, then “abroad-small”." in shown
    assert "Confidential data may go to eu only; “abroad-small” is in us." in shown
    assert "Health data needs a business associate agreement" in shown
    assert "Denied: no member may see it." in shown
    assert 'value="up"' not in shown


def test_group_is_added_and_a_class_is_placed_by_page(acme: Tenant, alice: Client) -> None:
    added = alice.post("/settings/model-groups/add/", {"name": "fast", "deployment": "spare-small"})
    wrong = alice.post("/settings/model-groups/add/", {"name": "Fast!", "deployment": "nobody"})
    placed = alice.post(
        "/settings/model-groups/places/",
        {"data_class": "restricted", "regions": "eu, de", "providers": ["home"]},
    )

    assert (added.status_code, wrong.status_code, placed.status_code) == (302, 422, 302)
    with tenant_context(acme):
        row = ClassPlacement.objects.get()
        assert ModelGroup.objects.filter(name="fast").exists()
    assert (row.data_class, row.regions, row.providers) == (3, ["de", "eu"], ["home"])


def test_operators_see_and_do_not_touch(acme: Tenant, bob: Client) -> None:
    answer = bob.post(f"{PAGE}order/", {"deployment": "home-small", "move": "down"})

    assert answer.status_code == 403
    assert order(acme) == ["home-small", "abroad-small"]


def test_forecast_and_places_by_api(acme: Tenant, program: Client) -> None:
    set_ = program.put(
        "/api/v1/class-placements/confidential", {"regions": ["eu"]}, content_type=JSON
    )
    listed = program.get("/api/v1/class-placements").json()
    told = program.get("/api/v1/model-groups/default/forecast").json()
    health = program.get("/api/v1/deployments/home-small/health").json()

    assert set_.status_code == 200, set_.content
    assert listed["items"] == [{"data_class": "confidential", "regions": ["eu"], "providers": []}]
    by_class = {(each["data_class"], each["tag"]): each for each in told["items"]}
    assert by_class["internal", ""]["order"] == ["home-small", "abroad-small"]
    assert by_class["confidential", ""]["order"] == ["home-small"]
    assert by_class["confidential", ""]["left_out"][0]["code"] == "class_placement"
    assert by_class["restricted", ""]["verdict"] == "denied"
    assert health["state"] == "idle"
    assert len(health["hours"]) == 24


def test_place_that_is_none_is_refused(program: Client) -> None:
    bad = program.put(
        "/api/v1/class-placements/confidential", {"regions": ["Europe!"]}, content_type=JSON
    )
    nobody = program.put(
        "/api/v1/class-placements/confidential", {"providers": ["nobody"]}, content_type=JSON
    )

    assert (bad.status_code, nobody.status_code) == (422, 422)
    assert nobody.json()["code"] == "placement_invalid"
    assert program.put("/api/v1/class-placements/secret", {}, content_type=JSON).status_code == 404
