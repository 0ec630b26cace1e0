"""The register: equal to the database after any edits, true for any past moment, and honest about what is idle."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from compliance.labels import DataClass
from tenancy import secret_store
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from workflows import (
    definitions,
    destinations,
    documentation,
    inventory,
    model_groups,
    versions,
)
from workflows.errors import NotPublishable
from workflows.inventory import Kind
from workflows.models import Deployment, Destination, ModelGroup, Provider, Workflow
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
EDITS = 20


class World:
    """A tenant that random edits are made in."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same edits each time
        self.count = 0
        self.add_deployment()
        model_groups.create(name="default", deployments=[Deployment.objects.get()], by=SYSTEM)
        self.add_workflow()

    def edit(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.add_deployment,
            self.switch_deployment,
            self.switch_provider,
            self.move_provider,
            self.repoint,
            self.add_workflow,
            self.retire_or_publish,
            self.rename_owner,
            self.add_destination,
            self.switch_destination,
        ]
        self.chance.choice(deeds)()

    def name(self, word: str) -> str:
        self.count += 1
        return f"{word}-{self.count}"

    def add_deployment(self) -> None:
        provider = register.create_provider(
            name=self.name("provider"),
            base_url="https://models.example/v1",
            region=self.chance.choice(["eu", "us"]),
            dpa=True,
            zero_retention=True,
            trains_on_data=False,
            by=SYSTEM,
        )
        register.create_deployment(
            provider=provider,
            name=self.name("model"),
            model="small-1",
            clearance=DataClass.CONFIDENTIAL,
            by=SYSTEM,
        )

    def switch_deployment(self) -> None:
        one = self.chance.choice(list(Deployment.objects.order_by("name")))
        register.change_deployment(deployment=one, enabled=not one.enabled, by=SYSTEM)

    def switch_provider(self) -> None:
        one = self.chance.choice(list(Provider.objects.order_by("name")))
        register.change_provider(provider=one, enabled=not one.enabled, by=SYSTEM)

    def move_provider(self) -> None:
        one = self.chance.choice(list(Provider.objects.order_by("name")))
        register.change_provider(provider=one, region=self.name("region"), by=SYSTEM)

    def repoint(self) -> None:
        wanted = self.chance.sample(
            list(Deployment.objects.order_by("name")), k=min(2, Deployment.objects.count())
        )
        model_groups.repoint(group=ModelGroup.objects.get(), deployments=wanted, by=SYSTEM)

    def add_workflow(self) -> None:
        revision = definitions.save(
            workflow=None, text=small(name=self.name("flow"), data_class="internal"), by=SYSTEM
        )
        versions.create(revision=revision, by=SYSTEM)

    def retire_or_publish(self) -> None:
        flow = self.chance.choice(list(Workflow.objects.order_by("slug")))
        version = flow.versions.get()
        if version.is_published:
            versions.retire(version=version, by=SYSTEM)
        else:
            with suppress(NotPublishable):  # nobody of the group is enabled
                versions.publish(version=version, by=SYSTEM)

    def rename_owner(self) -> None:
        flow = self.chance.choice(list(Workflow.objects.order_by("slug")))
        newest = documentation.find_newest(flow)
        assert newest is not None
        texts = replace(documentation.to_texts(newest), owner=self.name("owner"))
        documentation.save(workflow=flow, texts=texts, by=SYSTEM, reason="Moved")

    def add_destination(self) -> None:
        name = self.name("host")
        destinations.create(name=name, host=f"{name}.example", by=SYSTEM)

    def switch_destination(self) -> None:
        one = Destination.objects.order_by("name").last()
        if one is not None:
            destinations.change(destination=one, enabled=not one.enabled, by=SYSTEM)


def truth() -> dict[str, Any]:
    """The same, from the tables that are changed in place."""
    in_use = {each.slug for each in Workflow.objects.filter(published__isnull=False)}
    members = {each.deployment.name for each in ModelGroup.objects.get().members.all()}
    return {
        "workflows": {
            each.slug: (
                each.published.number if each.published else None,
                each.versions.get().state.value,
                each.label.word,
                _owner(each),
            )
            for each in Workflow.objects.select_related("published")
        },
        "models": {
            each.name: (
                each.model,
                "enabled" if each.enabled and each.provider.enabled else "disabled",
                each.provider.name,
                f"{each.provider.region}, outside",
                in_use if each.name in members else set(),
            )
            for each in Deployment.objects.select_related("provider")
        },
        "places": {
            each.name: "enabled" if each.enabled else "disabled"
            for each in [*Provider.objects.all(), *Destination.objects.all()]
        },
    }


def _owner(workflow: Workflow) -> str:
    newest = documentation.find_newest(workflow)
    return newest.owner if newest else ""


def told(at: datetime) -> dict[str, Any]:
    entries = inventory.find(at, is_now=False)
    return {
        "workflows": {
            each.name: (each.version, each.state, each.data_class, each.owner)
            for each in entries
            if each.kind is Kind.WORKFLOW
        },
        "models": {
            each.name: (each.title, each.state, each.uses[0], each.place, set(each.used_by))
            for each in entries
            if each.kind is Kind.MODEL
        },
        "places": {each.name: each.state for each in entries if each.kind is Kind.PROVIDER},
    }


@pytest.mark.parametrize("seed", range(3))
def test_register_equals_the_database_after_random_edits_and_for_each_moment_between(
    in_acme: Tenant, seed: int
) -> None:
    begin = now() - timedelta(days=EDITS + 1)
    then: list[tuple[datetime, dict[str, Any]]] = []
    with time_machine.travel(begin, tick=False) as clock:
        world = World(seed)
        for _ in range(EDITS):
            clock.shift(timedelta(hours=12))
            world.edit()
            then.append((now(), truth()))

    assert told(now()) == truth()
    for at, was in then:
        assert told(at) == was


@pytest.fixture
def world(in_acme: Tenant) -> World:
    return World(0)


def entry_of(name: str, at: datetime | None = None) -> inventory.Entry:
    entries = inventory.find(at or now(), is_now=at is None)
    return next(each for each in entries if each.name == name)


def test_what_is_live_and_unused_is_flagged(world: World) -> None:
    world.add_deployment()
    flow, version = Workflow.objects.get(), Workflow.objects.get().versions.get()
    assert entry_of(flow.slug).idle == ""  # a draft is not live

    versions.publish(version=version, by=SYSTEM)

    assert entry_of(flow.slug).idle == "In use, and never run."
    idle = {
        each.name
        for each in inventory.find(now(), is_now=True)
        if each.kind is Kind.MODEL and each.idle
    }
    member = ModelGroup.objects.get().members.get().deployment.name
    assert idle == set(Deployment.objects.values_list("name", flat=True)) - {member}


def test_tier_says_why(world: World) -> None:
    versions.publish(version=Workflow.objects.get().versions.get(), by=SYSTEM)

    found = entry_of(Workflow.objects.get().slug).risk

    assert found is not None
    assert any("data may go outside: provider-1" in reason for reason in found.reasons)
    assert any("no person decides" in reason for reason in found.reasons)


def test_filters_narrow(world: World) -> None:
    entries = inventory.find(now(), is_now=True)

    assert {each.kind for each in inventory.narrow(entries, {"kind": "model"})} == {Kind.MODEL}
    assert inventory.narrow(entries, {"kind": "agent"}) == []
    assert [each.name for each in inventory.narrow(entries, {"q": "provider-1"})] == ["provider-1"]
    assert len(inventory.narrow(entries, {"kind": ""})) == len(entries)


def test_number_of_statements_does_not_grow_with_workflows(
    world: World, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        world.add_workflow()
    for flow in Workflow.objects.all():
        versions.publish(version=flow.versions.get(), by=SYSTEM)
    inventory.find(now(), is_now=True)  # opens each definition once

    with django_assert_max_num_queries(16):
        inventory.find(now(), is_now=True)


def test_page_api_and_csv_say_the_same_and_secrets_by_name_only(world: World, beta: Tenant) -> None:
    secret_store.put(name="spare-key", value="do not show this", by=SYSTEM)
    versions.publish(version=Workflow.objects.get().versions.get(), by=SYSTEM)
    slug = Workflow.objects.get().slug
    newest = documentation.find_newest(Workflow.objects.get())
    assert newest is not None
    documentation.save(
        workflow=Workflow.objects.get(),
        texts=replace(documentation.to_texts(newest), owner="=HYPERLINK(1)"),
        by=SYSTEM,
    )
    tenant = Workflow.objects.get().tenant
    carol = make_client(make_member(tenant=tenant, role=Role.AUDITOR))
    bob = make_client(make_member(tenant=tenant, role=Role.OPERATOR))

    page = carol.get("/register/").content.decode()
    table = carol.get("/register/register.csv?kind=workflow").content.decode()
    items = carol.get("/api/v1/register").json()["items"]

    assert slug in page
    assert "spare-key" in page
    assert "do not show this" not in page
    assert "spare-key" not in bob.get("/register/").content.decode()
    assert "'=HYPERLINK(1)" in table
    assert len(table.splitlines()) == 2
    assert [each["name"] for each in items if each["kind"] == "workflow"] == [slug]
    assert "no agents yet" in carol.get("/register/?kind=agent").content.decode()
    assert carol.get("/register/?as_of=soon").status_code == 400
    assert carol.get("/api/v1/register?kind=model&idle=no").json()["items"][0]["kind"] == "model"
    yesterday = (now() - timedelta(days=1)).date().isoformat()
    assert slug not in carol.get(f"/register/?as_of={yesterday}").content.decode()
    with tenant_context(beta):
        mallory = make_client(make_member(tenant=beta, role=Role.AUDITOR))
    assert slug not in mallory.get("/register/").content.decode()
