"""The sequencer's chore reaches every tenant, whatever happens to one."""

import logging

import pytest
from django.db import transaction

from tenancy import keys, ledger
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.models import LedgerCheckpoint, TenantKey
from tenancy.tasks import chore_sequence_ledgers

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def append(tenant):
    with tenant_context(tenant), transaction.atomic():
        ledger.append(EventType.RUN_COMPLETED, subject=Subject("run", "r"), by=SYSTEM)


def count_checkpoints(tenant):
    with tenant_context(tenant):
        return LedgerCheckpoint.objects.count()


def test_every_tenants_ledger_is_sequenced(acme, beta):
    append(acme)
    append(beta)

    chore_sequence_ledgers()
    chore_sequence_ledgers()

    assert (count_checkpoints(acme), count_checkpoints(beta)) == (1, 1)


def test_a_tenant_whose_key_does_not_open_does_not_stop_the_others(acme, beta, caplog):
    append(acme)
    append(beta)
    with tenant_context(acme):
        keys.take_data_key()
        TenantKey.objects.update(wrapped=b"broken")

    with caplog.at_level(logging.ERROR):
        chore_sequence_ledgers()

    assert (count_checkpoints(acme), count_checkpoints(beta)) == (0, 1)
    (told,) = [r for r in caplog.records if getattr(r, "tenant_slug", "") == acme.slug]
    assert told.chore == "tenancy.tasks._sequence"


def test_an_erased_tenant_is_passed_over(acme, beta, caplog):
    append(acme)
    append(beta)
    with tenant_context(acme):
        keys.take_data_key()
        keys._destroy(TenantKey.objects.all())

    with caplog.at_level(logging.ERROR):
        chore_sequence_ledgers()

    assert (count_checkpoints(acme), count_checkpoints(beta)) == (0, 1)
    of_acme = [r for r in caplog.records if getattr(r, "tenant_slug", "") == acme.slug]
    assert not of_acme  # others may be in trouble: tests leave ledgers that they tampered with
