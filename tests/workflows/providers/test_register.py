"""Providers, deployments, prices and groups: who may be asked, in which order, and what it costs."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from compliance.labels import DataClass, Labels
from tenancy.actors import SYSTEM
from tenancy.models import LedgerEntry, Tenant
from tests.workflows.providers.targets import PERMIT, make_request
from workflows import model_groups
from workflows.errors import (
    ModelGroupInvalid,
    ModelGroupUnknown,
    NameTaken,
    PriceInvalid,
    ProviderInvalid,
)
from workflows.models import Deployment, Price, Provider, RegisterEntry, RegisterKind
from workflows.providers import gateway, prices, register, routes
from workflows.providers.contract import ModelRequest
from workflows.providers.errors import PriceUnknown, ProviderKindUnknown

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def make_provider(name: str = "example", **facts: Any) -> Provider:
    facts = {
        "base_url": "https://models.example/v1",
        "region": "eu",
        "trains_on_data": False,
        **facts,
    }
    return register.create_provider(name=name, by=SYSTEM, **facts)


def make_deployment(name: str, provider: Provider, **facts: Any) -> Deployment:
    facts = {"model": "small-1", "clearance": DataClass.CONFIDENTIAL, **facts}
    return register.create_deployment(name=name, provider=provider, by=SYSTEM, **facts)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"base_url": "ftp://models.example"}, "http"),
        ({"base_url": "models.example/v1"}, "http"),
        ({"base_url": "https://someone:secret@models.example"}, "password"),  # it would be logged
        ({"base_url": "https://models.example/v1?key=abc"}, "query"),
        ({"base_url": "http://models.example/v1"}, "encrypted"),  # leaves the house in clear
        ({"auth": "api_key"}, "secret"),
        ({"kind": "telepathy"}, "kind"),
        ({"colour": "green"}, "colour"),
        ({"region": "EU west"}, "region"),  # labels could never name it
    ],
)
def test_provider_that_cannot_be_used_is_refused(
    in_acme: Tenant, facts: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ProviderInvalid, match=sentence):
        make_provider(**facts)


def test_provider_inside_the_walls_may_speak_plain_http(in_acme: Tenant) -> None:
    provider = make_provider(base_url="http://127.0.0.1:8090/v1/", egress="internal")

    assert provider.base_url == "http://127.0.0.1:8090/v1"


def test_change_leaves_one_ledger_entry_and_one_register_entry(in_acme: Tenant) -> None:
    provider = make_provider()
    before = LedgerEntry.objects.count()

    register.change_provider(provider=provider, by=SYSTEM, dpa=True)
    register.change_provider(provider=provider, by=SYSTEM, dpa=True)  # nothing changes

    assert LedgerEntry.objects.count() == before + 1
    assert RegisterEntry.objects.filter(name="example").count() == 2


def test_register_says_how_things_stood(in_acme: Tenant) -> None:
    provider = make_provider()
    between = now()
    register.change_provider(provider=provider, by=SYSTEM, region="us")

    then = register.find_facts(RegisterKind.PROVIDER, "example", between)
    today = register.find_facts(RegisterKind.PROVIDER, "example", now())

    assert then is not None
    assert today is not None
    assert (then["region"], today["region"]) == ("eu", "us")
    assert (
        register.find_facts(RegisterKind.PROVIDER, "example", between - timedelta(days=1)) is None
    )


def test_names_are_unique(in_acme: Tenant) -> None:
    make_deployment("one", make_provider())

    with pytest.raises(NameTaken, match="“example”"):
        make_provider()


@pytest.mark.parametrize("model", [Price, RegisterEntry])
def test_prices_and_register_entries_are_never_updated(in_acme: Tenant, model: Any) -> None:
    deployment = make_deployment("one", make_provider())
    register.set_price(
        deployment=deployment, input_micros_per_million=1, output_micros_per_million=1, by=SYSTEM
    )

    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.update(created_at=now())
    with pytest.raises(DatabaseError), transaction.atomic():
        model.objects.all()._raw_delete("default")


def test_price_counts_from_its_date_on(in_acme: Tenant) -> None:
    deployment = make_deployment("one", make_provider())
    target = routes.to_target(deployment)
    today = now()
    for days, micros in ((1, 2_000_000), (4, 3_000_000), (5, 9_000_000)):
        register.set_price(
            deployment=deployment,
            input_micros_per_million=micros,
            output_micros_per_million=0,
            valid_from=today + timedelta(days=days),
            by=SYSTEM,
        )

    def micros_on(days: int) -> int:
        at = today + timedelta(days=days)
        return prices.cost(target, tokens_in=1_000, tokens_out=5, at=at).micros

    assert (micros_on(3), micros_on(4), micros_on(6)) == (2_000, 3_000, 9_000)
    with pytest.raises(PriceUnknown, match="“one”"):
        micros_on(0)


def test_cost_is_rounded_up_and_estimate_is_not_lower(in_acme: Tenant) -> None:
    deployment = make_deployment("one", make_provider())
    register.set_price(
        deployment=deployment, input_micros_per_million=1, output_micros_per_million=1, by=SYSTEM
    )
    target = routes.to_target(deployment)

    cost = prices.cost(target, tokens_in=1, tokens_out=0, at=now())
    estimate = prices.estimate(prices.get_price(target, now()), make_request())

    assert cost.micros == 1
    assert estimate.micros >= 1


@pytest.mark.parametrize("text", ["plain words", "Grüße aus Åbo", "日本語の手紙", "🙂🙂🙂", ""])
def test_no_tokenizer_makes_more_tokens_than_are_reserved(text: str) -> None:
    schema = {"type": "object", "properties": {"kind": {"type": "string"}}}
    messages = ({"role": "system", "content": text}, {"role": "user", "content": text})
    plain = ModelRequest(messages=messages, max_tokens=20, timeout_seconds=1)
    shaped = replace(plain, schema=schema)

    most = 2 * len(text.encode()) + 20

    assert prices.estimate_tokens(plain) >= most
    assert prices.estimate_tokens(shaped) >= most + len(json.dumps(schema, separators=(",", ":")))


def test_group_keeps_its_order_and_repointing_is_recorded(in_acme: Tenant) -> None:
    provider = make_provider()
    one, two = make_deployment("one", provider), make_deployment("two", provider)
    group = model_groups.create(name="default", deployments=[one, two], by=SYSTEM)
    entries = LedgerEntry.objects.count()

    model_groups.repoint(group=group, deployments=[two, one], by=SYSTEM)
    model_groups.repoint(group=group, deployments=[two, one], by=SYSTEM)

    assert [target.name for target in routes.current().of_group("default")] == ["two", "one"]
    assert [each["deployment"] for each in model_groups.describe(["default"])["default"]] == [
        "two",
        "one",
    ]
    assert LedgerEntry.objects.count() == entries + 1


def test_group_needs_deployments_each_once(in_acme: Tenant) -> None:
    one = make_deployment("one", make_provider())

    for members in ([], [one, one]):
        with pytest.raises(ModelGroupInvalid):
            model_groups.create(name="default", deployments=members, by=SYSTEM)


def test_unknown_group_is_named(in_acme: Tenant) -> None:
    with pytest.raises(ModelGroupUnknown, match="“nobody”"):
        gateway.route("nobody", Labels())


def test_route_leaves_out_who_may_not_see_it(in_acme: Tenant) -> None:
    eu, us = make_provider("eu"), make_provider("us", region="us")
    expired = make_provider("old", papers_expire_on=date(2020, 1, 1))
    low = make_deployment("low", eu, clearance=DataClass.PUBLIC)
    fit = make_deployment("fit", eu)
    abroad, late = make_deployment("abroad", us), make_deployment("late", expired)
    off = make_deployment("off", eu, enabled=False)
    model_groups.create(name="default", deployments=[low, abroad, late, off, fit], by=SYSTEM)
    labels = Labels(data_class=DataClass.CONFIDENTIAL, residency=frozenset({"eu"}))

    assert [target.name for target in gateway.route("default", labels)] == ["fit"]
    assert gateway.route("default", labels, exclude=[fit.pk])[0].name == "low"


def test_where_none_may_see_it_the_policy_gets_to_say_no(in_acme: Tenant) -> None:
    low = make_deployment("low", make_provider(), clearance=DataClass.PUBLIC)
    model_groups.create(name="default", deployments=[low], by=SYSTEM)
    labels = Labels(data_class=DataClass.RESTRICTED)

    (target,) = gateway.route("default", labels)

    assert [str(fault) for fault in target.find_faults(labels, today=date(2026, 11, 21))] == [
        "“low” may not see restricted data."
    ]


def test_gateway_takes_nothing_without_a_permit(in_acme: Tenant) -> None:
    target = routes.to_target(make_deployment("one", make_provider()))

    with pytest.raises(TypeError, match="permit"):
        gateway.complete(target, make_request(), permit=None)  # type: ignore[arg-type]


def test_kind_without_adapter_is_refused(in_acme: Tenant) -> None:
    provider = make_provider()
    provider.kind = "telepathy"
    target = routes.to_target(Deployment(provider=provider, name="one", model="m"))

    with pytest.raises(ProviderKindUnknown, match="telepathy"):
        gateway.complete(target, make_request(), permit=PERMIT)


def test_others_see_none_of_it(in_acme: Tenant, beta: Tenant) -> None:
    from tenancy.context import tenant_context

    make_deployment("one", make_provider())

    with tenant_context(beta):
        assert Provider.objects.count() == Deployment.objects.count() == 0


def test_price_below_zero_is_refused(in_acme: Tenant) -> None:
    deployment = make_deployment("one", make_provider())

    with pytest.raises(PriceInvalid, match="from 0"):
        register.set_price(
            deployment=deployment,
            input_micros_per_million=-1,
            output_micros_per_million=0,
            by=SYSTEM,
        )


def test_change_that_changes_nothing_leaves_no_trace(in_acme: Tenant) -> None:
    deployment = make_deployment("one", make_provider())
    before = LedgerEntry.objects.count()

    register.change_deployment(deployment=deployment, by=SYSTEM, model="small-1")
    register.change_deployment(deployment=deployment, by=SYSTEM, model="small-2")

    assert LedgerEntry.objects.count() == before + 1
    assert Deployment.objects.get().model == "small-2"


def test_group_name_is_taken_once(in_acme: Tenant) -> None:
    one = make_deployment("one", make_provider())
    model_groups.create(name="default", deployments=[one], by=SYSTEM)

    with pytest.raises(NameTaken, match="“default”"):
        model_groups.create(name="default", deployments=[one], by=SYSTEM)
