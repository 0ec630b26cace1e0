"""Who calls, and what there is to call about."""

from collections.abc import Iterator

import pytest
from django.test import Client

from runs import claims
from runs.models import RunClaim, Worker
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import make_version
from workflows.models import WorkflowVersion


@pytest.fixture
def bob(acme: Tenant) -> Client:
    """Bob's program."""
    return factories.make_program(factories.make_member(tenant=acme, role=Role.OPERATOR))


@pytest.fixture
def mallory(beta: Tenant) -> Client:
    """Mallory's program: it may do in beta whatever Bob's may do in acme."""
    return factories.make_program(factories.make_member(tenant=beta, role=Role.OPERATOR))


@pytest.fixture
def chain(in_acme: Tenant) -> WorkflowVersion:
    return make_version(definitions.CHAIN)


@pytest.fixture
def worker() -> Iterator[Worker]:
    """One that is on record and alive. Nothing waits for it yet."""
    RunClaim.objects.update(wanted=False, worker_id=None)  # what other tests left behind
    worker, lifeline = claims.register()
    assert lifeline is not None
    with lifeline:
        yield worker
