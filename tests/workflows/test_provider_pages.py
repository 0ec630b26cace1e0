"""Providers by page: connected in two steps, changed, switched, tested with one call; bad input named by its field."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.test import Client

from compliance.labels import DataClass
from tenancy import secret_store
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs.scripted_model import ScriptedModel
from workflows.models import Auth, Deployment, Provider, ProviderKind, TrialPurpose
from workflows.providers import breakers, clients, register, trials
from workflows.providers.connection_settings import AUTHS_OF_KIND

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
LIST = "/settings/providers/"
HOUSE = f"{LIST}of/house/"
AZURE = {
    "kind": "azure_openai",
    "auth": "azure_client",
    "name": "azure-sweden",
    "title": "Azure in Sweden",
    "base_url": "https://bank.openai.azure.com/",
    "secret_name": "azure-client",
    "setting_api_version": "2024-10-21",
    "setting_token_limit": "max_tokens",
    "setting_directory": "contoso",
    "setting_client_id": "app-1",
    "setting_streaming": "on",
    "setting_send_temperature": "on",
    "egress": "external",
    "region": "eu",
    "dpa": "on",
    "papers_expire_on": "2027-01-31",
}
LARGE = {"name": "large", "model": "large-1", "clearance": "2", "timeout_seconds": "60"}


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda _prompt: "ok") as scripted:
        yield scripted
    clients.close_all()


def make_house(acme: Tenant, base_url: str = "https://models.example/v1", **facts: Any) -> None:
    with tenant_context(acme):
        provider = register.create_provider(
            name="house", base_url=base_url, region="eu", by=SYSTEM, **facts
        )
        register.create_deployment(
            provider=provider,
            name="small",
            model="small-1",
            clearance=DataClass.CONFIDENTIAL,
            by=SYSTEM,
        )


def read(client: Client, path: str) -> str:
    answer = client.get(path, follow=True)
    assert answer.status_code == 200
    return text_of(answer)


def text_of(answer: Any) -> str:
    """What is to be read, without markup."""
    page = answer.content.decode()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", page)))


def only(acme: Tenant, model: Any) -> Any:
    with tenant_context(acme):
        return model.objects.get()


def test_kind_and_way_to_sign_in_are_chosen_first(alice: Client) -> None:
    ways = alice.get(f"{LIST}new/").content.decode()

    for kind in ProviderKind:
        for auth in AUTHS_OF_KIND[kind]:
            assert f"?kind={kind}&amp;auth={auth}" in ways
            form = alice.get(f"{LIST}new/", {"kind": kind, "auth": auth})
            assert f'name="auth" value="{auth}"' in form.content.decode()
    unfit = alice.get(f"{LIST}new/", {"kind": "anthropic", "auth": "aws_sigv4"})
    assert 'name="base_url"' not in unfit.content.decode()


def test_provider_is_connected_with_the_fields_of_its_kind(acme: Tenant, alice: Client) -> None:
    form = alice.get(f"{LIST}new/", {"kind": "azure_openai", "auth": "azure_client"})
    added = alice.post(f"{LIST}add/", AZURE)

    assert 'name="setting_directory"' in form.content.decode()
    assert 'name="setting_project"' not in form.content.decode()
    assert (added.status_code, added["Location"]) == (302, f"{LIST}of/azure-sweden/")
    made = only(acme, Provider)
    assert made.base_url == "https://bank.openai.azure.com"
    assert made.settings == {
        "api_version": "2024-10-21",
        "directory": "contoso",
        "client_id": "app-1",
    }
    assert (made.secret_name, made.more_secrets) == ("azure-client", {})
    assert (made.dpa, made.baa, made.trains_on_data) == (True, False, False)
    assert str(made.papers_expire_on) == "2027-01-31"
    shown = read(alice, f"{LIST}of/azure-sweden/")
    assert "azure-client" in shown
    assert "contoso" in shown
    assert "2027-01-31" in shown


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"name": "Azure!"}, "name", "Begin with a small letter"),
        ({"name": ""}, "name", "required"),
        ({"base_url": "models.example"}, "base_url", "must begin with http:// or https://"),
        ({"base_url": "http://bank.openai.azure.com"}, "base_url", "leaves encrypted"),
        ({"base_url": "https://me:pass@bank.example"}, "base_url", "use a secret"),
        ({"base_url": "https://bank.example:99999"}, "base_url", "check its host and port"),
        ({"base_url": "https://[::1"}, "base_url", "check its host and port"),
        ({"region": "EU west"}, "region", "A region is a word"),
        ({"secret_name": ""}, "secret_name", "required"),
        ({"setting_api_version": ""}, "setting_api_version", "required"),
        ({"setting_directory": "a b"}, "setting_directory", "letters, digits"),
        ({"setting_token_url": "http://x.example"}, "setting_token_url", "a secret is sent there"),
        ({"setting_authorities": "no PEM"}, "setting_authorities", "certificates in PEM"),
        ({"setting_token_limit": "some"}, "setting_token_limit", "valid choice"),
        ({"papers_expire_on": "soon"}, "papers_expire_on", "valid date"),
    ],
)
def test_bad_input_keeps_what_was_typed_and_names_field_and_remedy(
    acme: Tenant, alice: Client, wrong: dict[str, str], field: str, said: str
) -> None:
    answer = alice.post(f"{LIST}add/", AZURE | wrong)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'href="#id_{field}"' in page
    assert said in text_of(answer)
    assert 'value="Azure in Sweden"' in page
    for value in wrong.values():
        assert value in unescape(page)
    with tenant_context(acme):
        assert not Provider.objects.exists()


def test_name_that_is_taken_is_told_in_the_form(acme: Tenant, alice: Client) -> None:
    make_house(acme)

    answer = alice.post(f"{LIST}add/", AZURE | {"name": "house"})
    deployment = alice.post(f"{HOUSE}deployments/add/", LARGE | {"name": "small"})

    assert (answer.status_code, deployment.status_code) == (422, 422)
    assert "There is already a provider “house”." in text_of(answer)
    assert "There is already a deployment “small”." in text_of(deployment)


def test_way_that_a_kind_does_not_know_is_not_taken(acme: Tenant, alice: Client) -> None:
    answer = alice.post(f"{LIST}add/", AZURE | {"auth": "aws_sigv4"})

    assert answer.status_code == 422
    assert "Choose who it is" in text_of(answer)


def test_signing_in_as_the_machine_is_for_tenants_that_the_installation_names(
    acme: Tenant, alice: Client, settings: Any
) -> None:
    machine = AZURE | {"auth": "azure_identity"}
    refused = alice.post(f"{LIST}add/", machine)
    settings.MACHINE_IDENTITY_TENANTS = frozenset({acme.slug})
    taken = alice.post(f"{LIST}add/", machine)

    assert (refused.status_code, taken.status_code) == (422, 302)
    assert "GROVE_MACHINE_IDENTITY_TENANTS" in text_of(refused)


def test_form_of_a_change_shows_how_it_stands_and_saves_it_unchanged(
    acme: Tenant, alice: Client
) -> None:
    alice.post(f"{LIST}add/", AZURE | {"setting_streaming": ""})
    before = only(acme, Provider)
    page = alice.get(f"{LIST}of/azure-sweden/edit/").content.decode()
    again = {name: value for name, value in AZURE.items() if name != "name"}
    with tenant_context(acme):
        entries = LedgerEntry.objects.count()

    saved = alice.post(f"{LIST}of/azure-sweden/change/", again | {"setting_streaming": ""})

    assert saved.status_code == 302
    assert 'value="contoso"' in page
    assert 'value="azure-client"' in page
    assert 'value="2027-01-31"' in page
    assert re.search(r'name="setting_send_temperature"[^>]*checked', page)
    assert not re.search(r'name="setting_streaming"[^>]*checked', page)
    assert before.settings["streaming"] is False
    assert only(acme, Provider) == before
    with tenant_context(acme):
        assert LedgerEntry.objects.count() == entries  # nothing changed, nothing to record


def test_change_of_the_way_to_sign_in_drops_what_belonged_to_the_old_one(
    acme: Tenant, alice: Client
) -> None:
    alice.post(f"{LIST}add/", AZURE)
    changed = {name: AZURE[name] for name in ("kind", "base_url", "egress", "setting_api_version")}

    answer = alice.post(
        f"{LIST}of/azure-sweden/change/",
        changed
        | {"auth": "mtls", "secret_name": "client-key", "secret_certificate": "client-certificate"},
    )

    assert answer.status_code == 302
    made = only(acme, Provider)
    assert made.auth == Auth.MTLS
    assert made.secret_names == ("client-key", "client-certificate")
    assert "directory" not in made.settings
    page = alice.get(f"{LIST}of/azure-sweden/edit/").content.decode()
    assert 'value="client-certificate"' in page


def test_list_shows_and_filters(acme: Tenant, alice: Client, bob: Client) -> None:
    make_house(acme, papers_expire_on="2026-01-31", dpa=True)
    alice.post(f"{LIST}add/", AZURE | {"region": "se"})

    shown = read(bob, LIST)

    assert "OpenAI-compatible · 1 model" in shown
    assert "Azure OpenAI · 0 models" in shown
    assert "up to Confidential" in shown
    assert "void since 2026-01-31" in shown
    assert "No calls in 24 hours" in bob.get(LIST).content.decode()
    assert "Add provider" not in shown
    for query, there, not_there in (
        ("q=sweden", "azure-sweden", "house"),
        ("region=eu", "house", "azure-sweden"),
        ("class=2", "house", "azure-sweden"),
        ("state=disabled", "No provider matches", "house"),
    ):
        found = bob.get(f"{LIST}?{query}").content.decode().split("Model groups</h2>")[0]
        table = found.split("</form>")[-1]
        assert there in table
        assert not_there not in table


def test_deployment_is_added_changed_and_switched(acme: Tenant, alice: Client) -> None:
    with tenant_context(acme):
        register.create_provider(name="house", base_url="https://models.example/v1", by=SYSTEM)
    added = alice.post(f"{HOUSE}deployments/add/", LARGE)
    wrong = alice.post(f"{HOUSE}deployments/add/", LARGE | {"name": "next", "timeout_seconds": "0"})
    changed = alice.post(
        "/settings/deployments/large/change/",
        {"model": "large-2", "clearance": "1", "timeout_seconds": "30"},
    )
    off = alice.post("/settings/deployments/large/switch/", {"enabled": "off"})

    assert [each.status_code for each in (added, wrong, changed, off)] == [302, 422, 302, 302]
    assert 'value="next"' in wrong.content.decode()
    made = only(acme, Deployment)
    assert (made.model, made.clearance, made.timeout_seconds) == ("large-2", 1, 30)
    assert not made.enabled
    assert "unknown: denied" in read(alice, HOUSE)


def test_provider_is_switched_off_and_on_again(acme: Tenant, alice: Client) -> None:
    make_house(acme)

    off = alice.post(f"{HOUSE}switch/", {"enabled": "off"}, follow=True)
    told = text_of(off)
    alice.post(f"{HOUSE}switch/", {"enabled": "nonsense"})
    state = only(acme, Provider).enabled
    alice.post(f"{HOUSE}switch/", {"enabled": "on"})

    assert "“house” is disabled: the next call goes past it." in told
    assert state is False
    assert only(acme, Provider).enabled


def test_test_makes_one_call_and_tells_what_came_of_it(
    acme: Tenant, alice: Client, model: ScriptedModel
) -> None:
    make_house(acme, model.base_url, egress="internal")

    answer = alice.post(f"{HOUSE}test/", follow=True)
    calls = len(model.prompts)
    again = alice.get(HOUSE)  # the page that a reload asks for

    assert answer.redirect_chain == [(HOUSE, 302)]
    assert "Test passed: “" in text_of(answer)
    assert "Test passed" not in text_of(again)
    assert calls == len(model.prompts) == 1
    with tenant_context(acme):
        assert LedgerEntry.objects.filter(event="provider.tested").count() == 1


def test_test_that_fails_tells_why_and_never_the_key(
    acme: Tenant, alice: Client, model: ScriptedModel
) -> None:
    with tenant_context(acme):
        secret_store.put(name="house-key", value="sk-canary-1234567890", by=SYSTEM)
    make_house(acme, model.base_url, egress="internal", auth="api_key", secret_name="house-key")
    model.script = lambda _prompt: (401, '{"error": {"code": "invalid_api_key"}}')

    told = text_of(alice.post("/settings/deployments/small/test/", follow=True))

    assert "Test failed: “small” refuses our credentials." in told
    assert "Check the secret" in told
    assert "sk-canary" not in told


def test_test_without_a_deployment_says_what_to_do(acme: Tenant, alice: Client) -> None:
    alice.post(f"{LIST}add/", AZURE)

    answer = alice.post(f"{LIST}of/azure-sweden/test/")

    assert answer.status_code == 422
    assert "has no deployment to test. Add one first." in text_of(answer)


def test_operators_see_and_do_not_touch(acme: Tenant, bob: Client) -> None:
    make_house(acme)

    refused = [
        bob.get(f"{LIST}new/"),
        bob.post(f"{LIST}add/", AZURE),
        bob.get(f"{HOUSE}edit/"),
        bob.post(f"{HOUSE}change/", AZURE),
        bob.post(f"{HOUSE}switch/", {"enabled": "off"}),
        bob.post(f"{HOUSE}test/"),
        bob.post(f"{HOUSE}deployments/add/", LARGE),
        bob.post("/settings/deployments/small/test/"),
        bob.post("/settings/deployments/small/change/", LARGE),
    ]

    assert {each.status_code for each in refused} == {403}
    shown = read(bob, HOUSE)
    assert "small-1" in shown
    assert "Disable" not in shown
    assert only(acme, Provider).enabled


def test_provider_that_rejects_its_key_leads_to_the_secret(acme: Tenant, alice: Client) -> None:
    with ScriptedModel(lambda _prompt: (401, "{}")) as broken:
        make_house(
            acme, broken.base_url, auth="api_key", secret_name="house-key", egress="internal"
        )
        with tenant_context(acme):
            secret_store.put(name="house-key", value="a wrong one", by=SYSTEM)
            deployment = Deployment.objects.select_related("provider").get()
            trial = trials.run(deployment=deployment, by=SYSTEM, purpose=TrialPurpose.PROBE)
            breakers.note_probe(deployment.pk, error_kind=trial.kind, seconds=trial.seconds)
    clients.close_all()

    page = alice.get(LIST).content.decode()
    bob = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))

    assert '<a class="btn btn--s" href="/settings/secrets/house-key/">Replace key' in page
    assert "0 days old" in page
    assert "Last probe" in alice.get(HOUSE).content.decode()
    assert "Replace key" not in bob.get(LIST).content.decode()
