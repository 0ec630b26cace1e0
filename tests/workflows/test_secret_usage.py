"""Who names a secret, which published workflows reach it, and what trying a new version finds."""

import pytest

from tenancy import secret_facts, secret_store, secret_uses
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.secret_uses import Usage
from tests.runs.making import make_deployment, make_version
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import asking, make_destination
from workflows import model_groups, versions

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def make_provider(base_url: str, group: str = "default") -> str:
    deployment = make_deployment(base_url, auth="api_key", secret_name="key")
    model_groups.create(name=group, deployments=[deployment], by=SYSTEM)
    return str(deployment.provider.name)


def test_providers_and_the_workflows_behind_them(in_acme: Tenant) -> None:
    from tests.runs import definitions

    secret_store.put(name="key", value="one", by=SYSTEM)
    provider = make_provider("http://127.0.0.1:9/v1")
    version = make_version(definitions.TALK)
    make_version(definitions.CHAIN)

    assert list(secret_uses.usages_of("key")) == [
        Usage(
            secret="key",
            kind="provider",
            name=provider,
            title=provider,
            workflows=(version.workflow.slug,),
        )
    ]
    assert secret_facts.hit_by_revoking("key")["workflow"] == [version.workflow.slug]
    versions.retire(version=version, by=SYSTEM, reason="No more.")
    assert secret_uses.usages_of("key")[0].workflows == ()


def test_destinations_and_what_may_lead_anywhere(in_acme: Tenant) -> None:
    with ScriptedHost() as host, ScriptedHost() as other:
        make_destination(host, secret_name="key")
        there = make_version(asking(url=host.url))
        make_version(asking(url=other.url))
        anywhere = make_version(asking(url="{{ start.text }}"))

        (usage,) = secret_uses.usages_of("key")

    assert usage.kind == "destination"
    assert set(usage.workflows) == {there.workflow.slug, anywhere.workflow.slug}


def test_a_new_version_is_tried_with_a_real_call_and_confirmed(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        secret_store.put(name="key", value="one", by=SYSTEM)
        make_provider(model.base_url)
        secret_store.put(name="key", value="two", by=SYSTEM, waits=True)

        (tried,) = secret_store.test(name="key", by=SYSTEM)

    assert tried.passed, tried.sentence
    assert secret_store.reveal("key").expose() == "two"


def test_a_version_that_a_provider_refuses_goes_on_waiting(in_acme: Tenant) -> None:
    with ScriptedModel(lambda prompt: (401, "{}")) as model:
        secret_store.put(name="key", value="one", by=SYSTEM)
        make_provider(model.base_url)
        secret_store.put(name="key", value="two", by=SYSTEM, waits=True)

        (tried,) = secret_store.test(name="key", by=SYSTEM)

    assert not tried.passed
    assert secret_store.reveal("key").expose() == "one"


def test_a_provider_without_a_deployment_and_a_destination_are_not_confirmed_by_themselves(
    in_acme: Tenant,
) -> None:
    with ScriptedHost() as host:
        make_destination(host, secret_name="key")
        secret_store.put(name="key", value="one", by=SYSTEM)
        secret_store.put(name="key", value="two", by=SYSTEM, waits=True)

        tried = secret_store.test(name="key", by=SYSTEM)

    assert [each.passed for each in tried] == [False]
    assert host.asked == []
    assert secret_store.reveal("key").expose() == "one"
