"""The root key changes while everything runs; what was sealed before opens after."""

import base64
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from tenancy import keys, rotation, tenants
from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.errors import RootKeyInvalid, RootKeyMissing, RootKeyUnknown
from tenancy.models import LedgerEntry, TenantKey
from tenancy.root_key import check_root_keys, parse, root_keys
from tests import factories

NEW = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def rotated(settings):
    """Settings that name a new root key, and the one before as an old one."""

    def set_new(new=NEW):
        settings.ROOT_KEYS_OLD = [settings.ROOT_KEY, *settings.ROOT_KEYS_OLD]
        settings.ROOT_KEY = new

    return set_new


def rotate(outcome=None):
    return [step for step in rotation.rotate_root(by=SYSTEM) if outcome in (None, step.outcome)]


def entries_of_platform(root):
    with tenant_context(tenants.get_platform()):
        rows = LedgerEntry.objects.filter(subject_kind="root_key", subject_id=str(root.id))
        return [entry.event for entry in rows.order_by("id")]


@pytest.mark.django_db(databases=["default", "keys"])
class TestRotation:
    def test_what_was_sealed_before_opens_after(self, in_acme, rotated, settings):
        before = keys.take_data_key()
        rotated()

        steps = rotate(rotation.REWRAPPED)
        settings.ROOT_KEYS_OLD = []

        assert in_acme in [step.tenant for step in steps]
        assert keys.open_data_key(before.id) == before
        assert TenantKey.objects.get().root_key_id == parse(NEW).id
        assert TenantKey.objects.get().rewrapped_at

    def test_nothing_below_the_tenant_key_changes(self, in_acme, rotated):
        label = keys.blind_index("somebody")
        rotated()
        rotate()

        assert keys.blind_index("somebody") == label

    def test_twice_changes_nothing(self, in_acme, rotated):
        keys.take_data_key()
        rotated()
        rotate()
        wrapped = bytes(TenantKey.objects.get().wrapped)

        assert rotate(rotation.REWRAPPED) == []
        assert bytes(TenantKey.objects.get().wrapped) == wrapped
        assert entries_of_platform(parse(NEW)) == ["key.rotation_begun", "key.rotated"]

    def test_one_that_stopped_half_way_is_completed(self, acme, beta, rotated):
        for tenant in (acme, beta):
            with tenant_context(tenant):
                keys.take_data_key()
        rotated()
        steps = rotation.rotate_root(by=SYSTEM)
        while next(steps).outcome != rotation.REWRAPPED:
            pass
        steps.close()
        assert entries_of_platform(parse(NEW)) == ["key.rotation_begun"]

        assert rotate(rotation.REWRAPPED)

        assert entries_of_platform(parse(NEW))[-1] == "key.rotated"

    def test_a_key_whose_root_key_is_not_at_hand_is_named_and_the_others_go_on(
        self, acme, beta, rotated, settings
    ):
        with tenant_context(acme):
            keys.take_data_key()
        rotated(base64.b64encode(bytes(32)).decode())
        with tenant_context(beta):
            keys.take_data_key()
        settings.ROOT_KEYS_OLD, settings.ROOT_KEY = [settings.ROOT_KEY], NEW

        outcomes = {step.tenant: step for step in rotate()}

        assert outcomes[acme].outcome == rotation.FAILED
        assert "GROVE_ROOT_KEYS_OLD" in outcomes[acme].sentence
        assert outcomes[beta].outcome == rotation.REWRAPPED
        assert entries_of_platform(parse(NEW)) == ["key.rotation_begun"]

    def test_a_destroyed_tenant_key_stays_destroyed(self, in_acme, rotated):
        keys.take_data_key()
        keys._destroy(TenantKey.objects.all())
        rotated()

        assert in_acme not in [step.tenant for step in rotate(rotation.REWRAPPED)]
        assert bytes(TenantKey.objects.get().wrapped) == b""

    def test_the_command_prints_what_it_does(self, in_acme, rotated):
        keys.take_data_key()
        rotated()
        out = StringIO()

        call_command("rotate_keys", stdout=out)

        assert f"{in_acme.slug}: wrapped anew." in out.getvalue()
        assert "Done." in out.getvalue()

    def test_the_command_fails_when_a_key_could_not_be_opened(self, in_acme, settings):
        keys.take_data_key()
        settings.ROOT_KEY = NEW

        with pytest.raises(CommandError, match="could not be wrapped"):
            call_command("rotate_keys", stdout=StringIO())

    def test_the_command_says_that_the_root_key_is_missing(self, settings):
        settings.ROOT_KEY = ""

        with pytest.raises(CommandError, match="GROVE_ROOT_KEY is not set"):
            call_command("rotate_keys", stdout=StringIO())

    def test_without_the_old_key_nothing_opens(self, in_acme, settings):
        taken = keys.take_data_key()
        settings.ROOT_KEY = NEW

        with pytest.raises(RootKeyUnknown):
            keys.open_data_key(taken.id)


@pytest.mark.django_db(databases=["default", "keys"], transaction=True)
def test_keys_open_all_the_while(rotated, new_root_key):
    everyone = [factories.make_tenant() for _ in range(3)]
    taken = {}
    for tenant in everyone:
        with tenant_context(tenant):
            taken[tenant] = keys.take_data_key()
    rotated(new_root_key)
    done, failures, opened = threading.Event(), [], []

    def open_them():
        while not done.is_set():
            for tenant, key in taken.items():
                with tenant_context(tenant):
                    if keys.open_data_key(key.id) != key:
                        failures.append(tenant)
                    opened.append(keys.take_data_key())
        for alias in ("default", "keys"):
            connections[alias].close()

    threads = [threading.Thread(target=open_them) for _ in range(2)]
    for thread in threads:
        thread.start()
    steps = rotate(rotation.REWRAPPED)
    done.set()
    for thread in threads:
        thread.join()

    assert {tenant.pk for tenant in everyone} <= {step.tenant.pk for step in steps}
    assert not failures
    assert opened


class TestRootKey:
    def test_the_id_belongs_to_the_key(self):
        assert parse(NEW) == parse(NEW + "\n")
        assert parse(NEW).id != parse(base64.b64encode(bytes(32)).decode()).id

    def test_both_alphabets_are_read(self):
        secret = b"\xfb\xff" * 16

        assert parse(base64.b64encode(secret).decode()).secret == secret
        assert parse(base64.urlsafe_b64encode(secret).decode()).secret == secret

    @pytest.mark.parametrize(
        "text", ["short", "%%%", base64.b64encode(bytes(31)).decode(), "x" * 44]
    )
    def test_what_is_no_key_is_refused(self, text):
        with pytest.raises(RootKeyInvalid):
            parse(text)

    def test_a_wrong_one_stops_the_start(self, settings):
        settings.ROOT_KEYS_OLD = ["short"]

        assert [error.id for error in check_root_keys()] == ["grove.E010"]

    def test_a_right_one_or_none_does_not(self, settings):
        assert check_root_keys() == []
        settings.ROOT_KEY = ""
        assert check_root_keys() == []

    def test_a_missing_one_is_a_sentence(self, settings):
        settings.ROOT_KEY = ""

        with pytest.raises(RootKeyMissing, match="GROVE_ROOT_KEY is not set"):
            root_keys()
