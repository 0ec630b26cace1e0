"""Objects: every write a version, sealed with a key of its own, gone with its run."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import Error, connection, transaction
from django.utils.timezone import now

from compliance.labels import DataClass, Labels
from tenancy import actors, keys
from tenancy.context import tenant_context
from tenancy.errors import KeyDestroyed
from tenancy.models import Tenant
from workflows import storage_profiles, stored_objects, stores
from workflows.disposal import StoredObjectDisposable
from workflows.errors import ObjectGone
from workflows.models import StorageProfile, StoredObject
from workflows.stored_objects import Content, Writing

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
LABELS = Labels(DataClass.CONFIDENTIAL, tags=frozenset({"PII"}))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, settings: Any) -> None:
    settings.STATE_DIR = tmp_path


@pytest.fixture
def profile(in_acme: Tenant) -> StorageProfile:
    return storage_profiles.create(name="files", clearance=DataClass.RESTRICTED, by=actors.SYSTEM)


def write(
    profile: StorageProfile, value: Any, *, call: str = "", run: UUID | None = None
) -> StoredObject:
    writing = Writing(
        run_id=run or uuid4(), node_id="keep", owner_label="", idempotency_key=call or uuid4().hex
    )
    content = Content(content_type="application/json", value=value)
    return stored_objects.write(
        profile=profile, key="a/b", content=content, labels=LABELS, writing=writing
    )


def test_every_write_is_a_version(profile: StorageProfile) -> None:
    first, second = write(profile, {"n": 1}), write(profile, {"n": 2})

    assert (first.number, second.number) == (1, 2)
    assert stored_objects.read(first).value == {"n": 1}
    newest = stored_objects.find_version(profile=profile, key="a/b")
    assert newest is not None
    assert stored_objects.read(newest).to_json() == {"json": {"n": 2}}
    assert Labels.from_json(newest.labels) == LABELS
    assert stored_objects.find_version(profile=profile, key="a/b", number=3) is None


def test_the_same_call_makes_one_version(profile: StorageProfile) -> None:
    first, again = write(profile, {"n": 1}, call="k"), write(profile, {"n": 1}, call="k")

    assert first.pk == again.pk


def test_of_two_who_write_for_the_same_call_one_wins(
    profile: StorageProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other arrives between the first look and the lock: its file is left for the sweep."""
    real, looks = stored_objects._find_made, []

    def late(profile: StorageProfile, writing: Writing) -> StoredObject | None:
        looks.append(writing)
        if len(looks) == 2:
            monkeypatch.setattr(stored_objects, "_find_made", real)
            write(profile, {"n": 1}, call=writing.idempotency_key)
        return real(profile, writing) if len(looks) == 2 else None

    monkeypatch.setattr(stored_objects, "_find_made", late)
    version = write(profile, {"n": 1}, call="k")

    assert StoredObject.objects.get().pk == version.pk
    assert version.number == 1


def test_what_lies_on_the_disk_is_sealed(profile: StorageProfile) -> None:
    version = write(profile, {"name": "Jane Roe"})

    assert b"Jane" not in stores.get(version.reference)
    assert version.size == len(b'{"name":"Jane Roe"}')


def test_a_version_is_never_changed(profile: StorageProfile) -> None:
    version = write(profile, 1)

    with pytest.raises(TypeError):
        version.save()
    with pytest.raises(Error, match="permission denied"), transaction.atomic():
        StoredObject.objects.filter(pk=version.pk).update(size=1)
    assert connection.is_usable()


def test_another_tenant_sees_nothing_of_it(profile: StorageProfile, beta: Tenant) -> None:
    write(profile, 1)

    with tenant_context(beta):
        assert not StoredObject.objects.exists()
        assert stored_objects.find_version(profile=profile, key="a/b") is None


def test_an_object_goes_with_its_run(profile: StorageProfile) -> None:
    run, disposable = uuid4(), StoredObjectDisposable()
    version, other = write(profile, 1, run=run), write(profile, 2)

    (line,) = disposable.find_below([run])
    key_ids = disposable.data_keys([line.id])
    keys.destroy_data_keys(key_ids, by=actors.SYSTEM)
    with pytest.raises(KeyDestroyed):
        stored_objects.read(version)
    erased = disposable.erase([line.id], at=now())
    again = disposable.erase([line.id], at=now())

    assert (line.id, erased, again) == (version.pk, 1, 0)
    assert disposable.find([version.pk]) == []
    assert stored_objects.read(other).value == 2
    with pytest.raises(ObjectGone):
        stores.get(version.reference)
