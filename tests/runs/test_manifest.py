"""The manifest: what a run is frozen to, the same for the same, and untouched by what comes later (row C5)."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from django.db import DatabaseError, connection, transaction

from compliance import policies
from compliance.policy import rules
from runs import manifest
from runs.models import ModelCall, Run
from tenancy import actors
from tenancy.models import Tenant
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows import model_groups
from workflows.definition import digest
from workflows.models import Deployment, ModelGroup, WorkflowVersion
from workflows.providers import register

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def talk(in_acme: Tenant) -> WorkflowVersion:
    make_model_group("http://127.0.0.1:9/v1")
    return make_version(definitions.TALK)


def frozen(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = Run.objects.get(pk=run.pk).manifest
    return found


def test_it_names_definition_models_prices_policies_and_limits(talk: WorkflowVersion) -> None:
    found = frozen(make_run(talk))

    snapshot = policies.active_snapshot()
    deployment = Deployment.objects.get()
    assert found == {
        "grove": 1,
        "workflow": talk.workflow.slug,
        "version": 1,
        "definition": talk.digest,
        "policies": {"number": snapshot.number, "digest": snapshot.digest},
        "model_groups": {
            "default": [
                {
                    "deployment": deployment.name,
                    "provider": deployment.provider.name,
                    "model": "scripted",
                    "region": "eu",
                    "clearance": 3,
                    "price": {
                        "input_micros_per_million": 0,
                        "output_micros_per_million": 0,
                        "currency": "EUR",
                    },
                }
            ]
        },
        "on_worker_loss": "resume",
    }


def test_its_digest_is_the_same_for_the_same(talk: WorkflowVersion) -> None:
    first, second = make_run(talk, n=1), make_run(talk, n=2)

    assert first.manifest_digest == second.manifest_digest
    assert manifest.digest(frozen(first)) == first.manifest_digest


def test_its_digest_does_not_depend_on_the_order_of_its_members(talk: WorkflowVersion) -> None:
    run = make_run(talk)

    turned = json.loads(json.dumps(frozen(run)), object_pairs_hook=lambda pairs: dict(pairs[::-1]))

    assert list(turned) != list(frozen(run))
    assert manifest.digest(turned) == run.manifest_digest


def test_repointing_a_model_group_shows_in_the_next_run_only(talk: WorkflowVersion) -> None:
    before = make_run(talk)
    found, first = frozen(before), before.manifest_digest

    other = make_deployment("http://127.0.0.1:10/v1")
    model_groups.repoint(group=ModelGroup.objects.get(), deployments=[other], by=actors.SYSTEM)

    after = make_run(talk)
    before.refresh_from_db()
    assert (before.manifest, before.manifest_digest) == (found, first)
    assert after.manifest_digest != first
    (member,) = frozen(after)["model_groups"]["default"]
    assert member["deployment"] == other.name


def test_a_run_calls_the_models_of_its_manifest_wherever_the_group_leads_now(
    in_acme: Tenant,
) -> None:
    with ScriptedModel() as old, ScriptedModel() as new:
        make_model_group(old.base_url)
        version = make_version(definitions.TALK)
        before = make_run(version, n=1)
        other = make_deployment(new.base_url)
        model_groups.repoint(group=ModelGroup.objects.get(), deployments=[other], by=actors.SYSTEM)

        done = [execute(before), execute(make_run(version, n=2))]

    assert [run.status for run in done] == ["completed", "completed"]
    assert old.prompts == ["ask 1", "again echo: ask 1"]
    assert new.prompts == ["ask 2", "again echo: ask 2"]


def test_a_deployment_of_the_manifest_that_was_disabled_is_not_called(in_acme: Tenant) -> None:
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = make_run(make_version(definitions.TALK))
        register.change_deployment(
            deployment=Deployment.objects.get(), by=actors.SYSTEM, enabled=False
        )

        done = execute(run)

    assert (done.status, done.error_code, model.prompts) == ("failed", "no_deployment", [])
    assert not ModelCall.objects.filter(run=run).exists()


def test_a_new_price_shows_in_the_next_run_only(talk: WorkflowVersion) -> None:
    before = make_run(talk)

    register.set_price(
        deployment=Deployment.objects.get(),
        input_micros_per_million=5_000_000,
        output_micros_per_million=0,
        by=actors.SYSTEM,
    )

    prices = [
        frozen(run)["model_groups"]["default"][0]["price"]["input_micros_per_million"]
        for run in (before, make_run(talk))
    ]
    assert prices == [0, 5_000_000]


def test_a_new_policy_shows_in_the_next_run_only(talk: WorkflowVersion) -> None:
    before = make_run(talk)
    texts = rules.default_texts()
    snapshot = policies.create(
        hard=texts.hard + "\n// The same, said again.\n",
        obligations=texts.obligations,
        by=actors.SYSTEM,
    )

    policies.activate(snapshot=snapshot, by=actors.SYSTEM, reason="For a test.")

    after = make_run(talk)
    before.refresh_from_db()
    assert before.snapshot_id != after.snapshot_id == snapshot.pk
    assert frozen(before)["policies"]["digest"] != frozen(after)["policies"]["digest"]
    assert frozen(after)["policies"]["digest"] == snapshot.digest


def test_a_group_that_no_node_names_is_not_in_it(talk: WorkflowVersion) -> None:
    model_groups.create(
        name="other",
        deployments=[make_deployment("http://127.0.0.1:11/v1")],
        by=actors.SYSTEM,
    )

    assert list(frozen(make_run(talk))["model_groups"]) == ["default"]


def test_the_definition_digest_of_a_run_can_be_computed_again(talk: WorkflowVersion) -> None:
    """Row A8: from the definition as it is kept, by RFC 8785 and SHA-256."""
    run = make_run(talk)

    spec = run.version.revision.definition.spec

    recomputed = hashlib.sha256(rfc8785.dumps(spec)).hexdigest()
    assert run.definition_digest == frozen(run)["definition"] == recomputed
    assert digest(spec) == recomputed


@pytest.mark.parametrize("table", ["workflows_definitionrevision", "workflows_workflowversion"])
def test_no_sql_of_the_serving_role_changes_a_definition(talk: WorkflowVersion, table: str) -> None:
    for statement in (f"UPDATE {table} SET digest = repeat('0', 64)", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    talk.refresh_from_db()
    assert talk.digest == frozen(make_run(talk))["definition"]
