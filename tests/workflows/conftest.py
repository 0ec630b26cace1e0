"""Who visits the pages of what is connected: somebody who may change it, somebody who may look, and a program."""

import pytest
from django.test import Client

from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories


@pytest.fixture
def alice(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.ADMIN))


@pytest.fixture
def bob(acme: Tenant) -> Client:
    return factories.make_client(factories.make_member(tenant=acme, role=Role.OPERATOR))


@pytest.fixture
def program(acme: Tenant) -> Client:
    return factories.make_program(factories.make_member(tenant=acme, role=Role.ADMIN))
