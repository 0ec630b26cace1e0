"""Sealed bytes as files: whole or not there, found by reference, gone with their key, swept when nobody names them."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tenancy.context import tenant_context
from tenancy.keys import DataKeyRef
from tenancy.models import Tenant, new_id
from tenancy.sealing import Place
from workflows import stores
from workflows.errors import ObjectGone, StoreBroken, StoreFull
from workflows.tasks import chore_sweep_stores

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
KEY = DataKeyRef(UUID(int=7), b"k" * 32)  # the same in every process that collects these tests


@pytest.fixture
def state(tmp_path: Path, settings: object) -> Path:
    settings.STATE_DIR = tmp_path  # type: ignore[attr-defined]
    return tmp_path


@pytest.fixture
def kept_of() -> Iterator[set[str]]:
    """What the rows of the table “things” name."""
    kept: set[str] = set()
    stores.register_keeper("things", lambda references: kept & set(references))
    yield kept
    stores._keepers.pop("things")


def place(tenant: Tenant, table: str = "things") -> Place:
    return Place(tenant_id=tenant.pk, table=table, row=new_id(), column="payload")


def files_in(state: Path) -> list[Path]:
    return [path for path in state.rglob("*") if path.is_file()]


def age(state: Path, seconds: float) -> None:
    for path in files_in(state):
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_what_was_put_is_found_by_its_reference(in_acme: Tenant, state: Path) -> None:
    reference = stores.put(KEY, place(in_acme), b"sealed")

    assert stores.get(reference) == b"sealed"
    (path,) = files_in(state)
    assert (path.parent.name, str(in_acme.pk) in str(path)) == (str(KEY.id), True)
    assert path.stat().st_mode & 0o077 == 0


def test_the_reference_of_another_tenant_leads_nowhere(
    acme: Tenant, beta: Tenant, state: Path
) -> None:
    with tenant_context(acme):
        reference = stores.put(KEY, place(acme), b"sealed")

    with tenant_context(beta), pytest.raises(ObjectGone):
        stores.get(reference)


@pytest.mark.parametrize("reference", ["", "../../secret", "a/b/c", f"_payloads/{KEY.id}/../x"])
def test_what_is_no_reference_leads_nowhere(in_acme: Tenant, state: Path, reference: str) -> None:
    with pytest.raises(ObjectGone):
        stores.get(reference)


def test_a_full_disk_is_said_and_leaves_nothing(
    in_acme: Tenant, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StoreFull) as refused:
        stores.put(KEY, place(in_acme), b"sealed")

    assert refused.value.code == "store_full"
    assert files_in(state) == []


def test_a_store_that_cannot_be_written_to_is_said(in_acme: Tenant, state: Path) -> None:
    (state / "stores").write_text("in the way")

    with pytest.raises(StoreBroken):
        stores.put(KEY, place(in_acme), b"sealed")


def test_what_a_key_sealed_is_removed_with_it(in_acme: Tenant, state: Path) -> None:
    other = DataKeyRef(uuid4(), b"o" * 32)
    gone = [stores.put(KEY, place(in_acme), b"sealed", profile=name) for name in ("a", "b")]
    kept = stores.put(other, place(in_acme), b"sealed")

    assert stores.remove_below([KEY.id, uuid4()]) == 2

    assert stores.get(kept) == b"sealed"
    for reference in gone:
        with pytest.raises(ObjectGone):
            stores.get(reference)


def test_the_sweep_removes_old_files_that_no_row_names(
    in_acme: Tenant, state: Path, kept_of: set[str]
) -> None:
    named = stores.put(KEY, place(in_acme), b"named")
    orphan = stores.put(KEY, place(in_acme), b"orphan")
    unknown = stores.put(KEY, place(in_acme, "others"), b"nobody keeps this table")
    half = next(iter(files_in(state))).with_name(".half-written")
    half.write_bytes(b"hal")
    kept_of.add(named)
    age(state, 7200)
    young = stores.put(KEY, place(in_acme), b"young")

    assert stores.sweep() == 2

    assert [stores.get(each) for each in (named, unknown, young)]
    assert not half.exists()
    with pytest.raises(ObjectGone):
        stores.get(orphan)


def test_the_chore_sweeps_every_tenant(
    acme: Tenant, beta: Tenant, state: Path, kept_of: set[str]
) -> None:
    for tenant in (acme, beta):
        with tenant_context(tenant):
            stores.put(KEY, place(tenant), b"orphan")
    age(state, 7200)

    chore_sweep_stores()
    chore_sweep_stores()

    assert files_in(state) == []


def test_references_are_told_from_sealed_values(in_acme: Tenant, state: Path) -> None:
    reference = stores.put(KEY, place(in_acme), b"sealed")

    assert stores.find_reference(reference) == reference
    assert stores.find_reference(stores.MARK + reference.encode()) == reference
    assert stores.find_reference(b"\x01sealed") is None
    assert stores.key_id_of(reference) == KEY.id
    with pytest.raises(ObjectGone):
        stores.key_id_of("no reference")


def test_a_file_that_cannot_be_read_is_said(in_acme: Tenant, state: Path) -> None:
    reference = stores.put(KEY, place(in_acme), b"sealed")
    (path,) = files_in(state)
    path.unlink()
    path.mkdir()

    with pytest.raises(StoreBroken):
        stores.get(reference)
    path.rmdir()
    assert stores.remove([reference]) == 0
