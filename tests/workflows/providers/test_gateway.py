"""The call itself: the key from the secret store, health learnt, failures told."""

from collections.abc import Iterator

import pytest

from compliance.labels import DataClass, Labels
from tenancy import secret_store
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.runs.scripted_model import ScriptedModel
from tests.workflows.providers.targets import PERMIT, make_request, make_target
from workflows import model_groups
from workflows.providers import clients, gateway, register
from workflows.providers.errors import FailureKind, ProviderError

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted
    clients.close_all()


def make_group(model: ScriptedModel, *names: str) -> None:
    """Deployments in a group “default”, all of them the scripted model."""
    provider = register.create_provider(
        name="scripted", base_url=model.base_url, egress="internal", by=SYSTEM
    )
    deployments = [
        register.create_deployment(
            provider=provider, name=name, model="m", clearance=DataClass.RESTRICTED, by=SYSTEM
        )
        for name in names
    ]
    model_groups.create(name="default", deployments=deployments, by=SYSTEM)


def test_deployment_that_failed_comes_last_until_it_answers(
    in_acme: Tenant, model: ScriptedModel
) -> None:
    make_group(model, "one", "two")
    one, _two = gateway.route("default", Labels())
    model.script = lambda _prompt: (503, "{}")
    with pytest.raises(ProviderError):
        gateway.complete(one, make_request(), permit=PERMIT)

    after_failure = [target.name for target in gateway.route("default", Labels())]
    model.script = lambda _prompt: "fine"
    gateway.complete(one, make_request(), permit=PERMIT)

    assert after_failure == ["two", "one"]
    assert [target.name for target in gateway.route("default", Labels())] == ["one", "two"]


def test_run_keeps_the_deployments_it_was_frozen_with(
    in_acme: Tenant, model: ScriptedModel
) -> None:
    make_group(model, "one", "two", "three")

    frozen = gateway.route("default", Labels(), frozen=["three", "one"])

    assert [target.name for target in frozen] == ["three", "one"]


def test_key_comes_from_the_secret_store_and_is_shown_nowhere(
    in_acme: Tenant, model: ScriptedModel
) -> None:
    secret_store.put(name="house-key", value="sk-very-secret", by=SYSTEM)
    model.script = lambda _prompt: (401, '{"error": {"message": "bad key sk-very-secret"}}')
    target = make_target(base_url=model.base_url, auth="api_key", secret_name="house-key")

    with pytest.raises(ProviderError) as raised:
        gateway.complete(target, make_request(), permit=PERMIT)

    assert model.sign_ins == ["Bearer sk-very-secret"]
    assert raised.value.kind is FailureKind.AUTH
    assert "very-secret" not in str(raised.value) + repr(target)


def test_missing_secret_is_a_failure_with_its_name(in_acme: Tenant) -> None:
    target = make_target(auth="api_key", secret_name="nowhere")

    with pytest.raises(ProviderError, match="“nowhere”") as raised:
        gateway.complete(target, make_request(), permit=PERMIT)

    assert raised.value.kind is FailureKind.AUTH
