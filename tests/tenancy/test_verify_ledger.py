"""manage.py verify_ledger: sentences, and an exit code that a cron job can act on."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tenancy.models import LedgerCheckpoint
from tests.tenancy.tampering import entry_at, hand, rewrite, tenant

__all__ = ["hand", "tenant"]  # fixtures
pytestmark = pytest.mark.django_db(databases=["default", "keys"], transaction=True)


def test_the_command_says_sound_and_how_many(tenant):
    out = StringIO()

    call_command("verify_ledger", tenant=tenant.slug, stdout=out)

    assert f"{tenant.slug}: sound. 16 leaves under 4 checkpoints; 0 entries wait" in out.getvalue()
    assert f"key grove/{tenant.pk}/ledger+" in out.getvalue()


def test_the_command_names_the_first_wrong_leaf_and_fails(tenant, hand):
    entry = entry_at(7)
    rewrite(hand, entry, n=99)
    out = StringIO()

    with pytest.raises(CommandError, match="1 of 1 ledgers"):
        call_command("verify_ledger", tenant=tenant.slug, stdout=out)

    assert "NOT sound. First wrong leaf: 7 (edited)." in out.getvalue()
    assert str(entry.pk) in out.getvalue()


def test_the_command_names_every_edited_entry(tenant, hand):
    rewrite(hand, entry_at(9), n=99)
    rewrite(hand, entry_at(3), n=99)
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("verify_ledger", tenant=tenant.slug, stdout=out)

    assert "First wrong leaf: 3 (edited)." in out.getvalue()
    assert "then 9 (edited)" in out.getvalue()


def test_the_command_says_that_marks_were_not_checked(tenant, settings):
    settings.ROOT_KEY = ""
    out = StringIO()

    call_command("verify_ledger", tenant=tenant.slug, stdout=out)

    assert "Marks were not checked" in out.getvalue()


def test_the_command_takes_checkpoints_kept_elsewhere(tenant, tmp_path):
    kept = tmp_path / "checkpoint"
    kept.write_text(LedgerCheckpoint.objects.get(size=12).note)

    call_command("verify_ledger", tenant=tenant.slug, checkpoint=[kept], stdout=StringIO())

    with pytest.raises(CommandError, match="name it with --tenant"):
        call_command("verify_ledger", checkpoint=[kept])


def test_the_command_knows_unknown_tenants():
    with pytest.raises(CommandError, match="no tenant"):
        call_command("verify_ledger", tenant="nobody")
