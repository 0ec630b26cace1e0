"""Runs on staging: real, of a version that need not be published, and asked for where the tenant's rules say so."""

import pytest
from django.test import Client

from runs import start
from runs.errors import VersionNotStaged
from runs.models import Run
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.calling import post, problem
from tests.runs.making import execute, make_version
from workflows import environments, governance, versions
from workflows.errors import NotPublishable
from workflows.governance import Rules
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def make_draft() -> WorkflowVersion:
    """A version beside the published one of its workflow, which was never published itself."""
    published = make_version(definitions.CHAIN)
    from workflows import definitions as saved

    text = published.revision.source.replace("data_class: internal", "data_class: confidential")
    revision = saved.save(workflow=published.workflow, text=text, by=SYSTEM)
    return versions.create(revision=revision, by=SYSTEM)


def run_there(version: WorkflowVersion) -> Run:
    return start.start(version=version, run_input={"n": 1}, by=SYSTEM, environment="staging")


def test_only_what_stands_there_runs_there(in_acme: Tenant) -> None:
    version = make_draft()
    with pytest.raises(VersionNotStaged, match="is not on staging; nothing stands there"):
        run_there(version)

    environments.stage(version=version, by=SYSTEM)
    run = execute(run_there(version))

    assert (run.status, run.purpose, run.version) == ("completed", "staging", version)
    other = version.workflow.published
    with pytest.raises(VersionNotStaged, match="version 2 stands there"):
        run_there(other)


def test_where_the_rules_ask_for_it_a_digest_runs_on_staging_before_it_goes_live(
    in_acme: Tenant,
) -> None:
    version = make_draft()
    governance.set_rules(rules=Rules(staging_first=True), reason="Audit.", by=SYSTEM)
    environments.stage(version=version, by=SYSTEM)
    with pytest.raises(NotPublishable, match="no completed run on staging") as caught:
        versions.publish(version=version, by=SYSTEM)
    assert [each["code"] for each in caught.value.extra["problems"]] == ["not_run_on_staging"]

    run_there(version)  # begun, and not yet at its end
    with pytest.raises(NotPublishable):
        versions.publish(version=version, by=SYSTEM)

    execute(run_there(version))
    versions.publish(version=version, by=SYSTEM)
    assert version.is_published


def test_a_program_starts_on_staging_by_name(bob: Client, acme: Tenant) -> None:
    with tenant_context(acme):
        version = make_draft()
    asked = {"workflow": version.workflow.slug, "input": {"n": 1}, "environment": "staging"}
    problem(post(bob, **asked), 409, "version_not_staged")

    with tenant_context(acme):
        environments.stage(version=version, by=SYSTEM)
    answer = post(bob, **asked)

    assert answer.status_code == 202, answer.content
    assert (answer.json()["version"], answer.json()["purpose"]) == (2, "staging")


def test_a_person_starts_on_staging_from_the_form(acme: Tenant) -> None:
    with tenant_context(acme):
        version = make_draft()
        environments.stage(version=version, by=SYSTEM)
    alice = factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))
    address = f"/runs/start/{version.workflow.slug}/?environment=staging"
    shown = alice.get(address).content.decode()
    assert "Start a run on staging" in shown
    assert "version 2" in shown
