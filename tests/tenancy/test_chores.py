"""A chore goes on past a tenant in trouble, and says which one it was."""

import logging

import pytest
from django.db import DatabaseError

from tenancy.chores import for_each_tenant
from tenancy.context import current_tenant
from tenancy.errors import KeyDestroyed, NoTenant, SealBroken

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.mark.parametrize("trouble", [SealBroken("torn"), DatabaseError("away"), OSError("full")])
def test_one_tenants_trouble_keeps_no_other_waiting(acme, beta, caplog, trouble):
    visited = []

    def verb():
        visited.append(current_tenant().slug)
        if current_tenant() == acme:
            raise trouble

    with caplog.at_level(logging.ERROR):
        for_each_tenant(verb)

    assert {acme.slug, beta.slug} <= set(visited)
    assert [record.tenant_slug for record in caplog.records] == [acme.slug]
    with pytest.raises(NoTenant):
        current_tenant()


def test_what_is_expected_is_not_logged(acme, caplog):
    def verb():
        raise KeyDestroyed

    with caplog.at_level(logging.ERROR):
        for_each_tenant(verb, beside=(KeyDestroyed,))

    assert not caplog.records


def test_a_fault_of_ours_is_not_hidden(acme):
    def verb():
        raise TypeError("ours")

    with pytest.raises(TypeError):
        for_each_tenant(verb)


def test_suspended_tenants_are_left_out_where_asked(acme, beta):
    from tenancy.models import TenantStatus

    acme.status = TenantStatus.SUSPENDED
    acme.save()
    visited = []
    for_each_tenant(lambda: visited.append(current_tenant().slug), only_active=True)
    assert beta.slug in visited
    assert acme.slug not in visited
