"""A secret is used in runs only where it is bound to; other uses fail with a sentence, reach nobody, are recorded."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from runs.models import NodeExecution, Run
from tenancy import secret_store
from tenancy.actors import SYSTEM
from tenancy.models import LedgerEntry, Tenant
from tenancy.secret_uses import Bindings
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_run, make_version
from tests.runs.scripted_host import ScriptedHost
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import asking, make_destination, trusted
from workflows import model_groups
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def model(in_acme: Tenant) -> Iterator[ScriptedModel]:
    """A provider that is signed in to with the secret `key`."""
    secret_store.put(name="key", value="sk-of-the-model", by=SYSTEM)
    with ScriptedModel() as model:
        deployment = make_deployment(model.base_url, auth="api_key", secret_name="key")
        model_groups.create(name="default", deployments=[deployment], by=SYSTEM)
        yield model


@pytest.fixture
def host(in_acme: Tenant) -> Iterator[ScriptedHost]:
    """A destination that is signed in to with the secret `key`."""
    secret_store.put(name="key", value="sk-of-the-host", by=SYSTEM)
    with ScriptedHost() as host:
        make_destination(host, secret_name="key")
        yield host


def bind(*, days: int | None = None, **bound: tuple[str, ...]) -> None:
    last = None if days is None else now().date() + timedelta(days=days)
    secret_store.change(name="key", by=SYSTEM, expires_on=last, bindings=Bindings(**bound))


def failure_of(run: Run, node_id: str) -> str:
    node = NodeExecution.objects.filter(run=run, node_id=node_id).order_by("-attempt")[0]
    return f"{node.error_code} {node.error_sentence}"


def refusals() -> list[dict[str, Any]]:
    return [entry.facts for entry in LedgerEntry.objects.filter(event="secret.use_refused")]


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        ({"workflows": ("another",)}, "is bound to workflows (another)"),
        ({"classes": ("public",)}, "is bound to public data"),
        ({"providers": ("another",)}, "is bound to another"),
        ({"destinations": ("crm",)}, "is bound to crm"),
    ],
)
def test_a_model_call_outside_is_refused(
    model: ScriptedModel, bound: dict[str, tuple[str, ...]], says: str
) -> None:
    bind(**bound)
    version = make_version(definitions.TALK)

    run = execute(make_run(version))

    assert run.status == "failed"
    assert says in failure_of(run, "ask")
    assert model.prompts == []
    refused = refusals()[0]
    assert (refused["workflow"], refused["run"], refused["node"]) == (
        version.workflow.slug,
        str(run.pk),
        "ask",
    )
    assert refused["purpose"] == "model_call"


def test_a_model_call_inside_goes_out(model: ScriptedModel) -> None:
    version: WorkflowVersion = make_version(definitions.TALK)
    bind(days=0, workflows=(version.workflow.slug,), classes=("internal",))

    run = execute(make_run(version))

    assert run.status == "completed"
    assert len(model.prompts) == 2
    assert refusals() == []


@pytest.mark.parametrize(
    ("bound", "says"),
    [
        ({"workflows": ("another",)}, "is bound to workflows (another)"),
        ({"destinations": ("another",)}, "is bound to another"),
        ({"days": -1}, "served until"),
    ],
)
def test_a_tool_call_outside_is_refused(
    host: ScriptedHost, bound: dict[str, Any], says: str
) -> None:
    bind(**bound)

    run = execute(make_run(make_version(trusted(asking(url=f"{host.url}/x", method="GET")))))

    assert run.status == "failed"
    assert "internal_error" not in failure_of(run, "ask")
    assert says in failure_of(run, "ask")
    assert host.asked == []
    assert [each["destination"] for each in refusals()] == ([] if "days" in bound else ["crm"])


def test_a_tool_call_inside_goes_out(host: ScriptedHost) -> None:
    version = make_version(trusted(asking(url=f"{host.url}/x", method="GET")))
    bind(workflows=(version.workflow.slug,), destinations=("crm",))

    run = execute(make_run(version))

    assert run.status == "completed"
    assert host.asked[0].headers["authorization"] == "Bearer sk-of-the-host"
