"""Sealed bytes as files: one file per object, below the state directory, in its tenant's and its data key's folder.

What is written here is sealed already; where a key was destroyed, its folder is noise that `remove_below` clears.
A file is whole or it is not there: written aside, synced, then renamed. Rows name files by reference; whoever has
such rows registers a keeper, so that the sweep can tell a file that nobody names.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from tenancy.context import current_tenant
from tenancy.sealing import Key, Place
from workflows.errors import ObjectGone, StoreBroken, StoreFull

MARK: Final = b"\x00stored:"  # before a reference that stands in the place of a sealed value, which begins otherwise
PAYLOADS: Final = (
    "_payloads"  # where runs put what is too large for a row; no profile has such a name
)
ORPHAN_AFTER_SECONDS = 3600.0  # a file older than this that no row names was left by a lost worker
_REFERENCE: Final = re.compile(
    r"(?P<profile>[a-z_][a-z0-9_-]{0,62})/(?P<key>[0-9a-f-]{36})/(?P<file>[a-z0-9_]+\.[A-Za-z0-9-]+\.[a-z0-9_]+\.[0-9a-f]{16})"
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# References of one table -> those among them that a row still names.
Keeper = Callable[[Collection[str]], Collection[str]]
_keepers: dict[str, Keeper] = {}


def register_keeper(table: str, keeper: Keeper) -> None:
    """Say which files of a table are still named. Without a keeper the sweep leaves a table's files alone."""
    _keepers[table] = keeper


def put(key: Key, place: Place, sealed: bytes, *, profile: str = PAYLOADS) -> str:
    """Keep sealed bytes; gives the reference by which `get` finds them. Raises StoreFull, StoreBroken."""
    nonce = secrets.token_hex(8)
    name = f"{place.table.lower()}.{place.row}.{place.column.lower()}.{nonce}"
    reference = f"{profile}/{key.id}/{name}"
    path = _path(reference)
    aside = path.with_name(f".{name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(aside, sealed)
        aside.rename(path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if error.errno in _FULL:
            raise StoreFull from error
        raise StoreBroken(f"The store cannot be written to ({type(error).__name__}).") from error
    return reference


def get(reference: str) -> bytes:
    """The sealed bytes. Raises ObjectGone where they were disposed of, StoreBroken."""
    try:
        return _path(reference).read_bytes()
    except FileNotFoundError as error:
        raise ObjectGone from error
    except OSError as error:
        raise StoreBroken(f"The store cannot be read ({type(error).__name__}).") from error


def find_reference(value: bytes | memoryview | str) -> str | None:
    """The reference that a column holds: alone, or marked in the place of a sealed value; None for such a value."""
    if isinstance(value, str):
        return value
    marked = bytes(value[: len(MARK)]) == MARK
    return bytes(value[len(MARK) :]).decode() if marked else None


def key_id_of(reference: str) -> UUID:
    """The data key that sealed what this reference leads to. Raises ObjectGone."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ObjectGone("This is no reference to an object.")
    return UUID(found["key"])


def remove(references: Iterable[str]) -> int:
    """Remove these files. What is gone already is not counted."""
    removed = 0
    for reference in references:
        path = _path(reference)
        if path.exists():
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def remove_below(key_ids: Collection[UUID]) -> int:
    """Remove whatever these data keys sealed, in all profiles of the current tenant: a step of a disposal."""
    removed = 0
    for folder in _profiles():
        for key_id in key_ids:
            below = folder / str(key_id)
            if below.is_dir():
                removed += sum(1 for _ in below.iterdir())
                shutil.rmtree(below, ignore_errors=True)
    return removed


def sweep(*, older_than_seconds: float = ORPHAN_AFTER_SECONDS) -> int:
    """Remove the current tenant's files that no row names: a lost worker wrote them, and its transaction never came."""
    before = time.time() - older_than_seconds
    removed = 0
    for folder in _profiles():
        for below in [entry for entry in folder.iterdir() if entry.is_dir()]:
            removed += _sweep_folder(folder.name, below, before)
    return removed


def _sweep_folder(profile: str, below: Path, before: float) -> int:
    old = [path for path in below.iterdir() if path.stat().st_mtime < before]
    half_written = [path for path in old if path.name.startswith(".")]
    by_table: dict[str, list[str]] = {}
    for path in old:
        table = path.name.partition(".")[0]
        if table in _keepers:
            by_table.setdefault(table, []).append(f"{profile}/{below.name}/{path.name}")
    for path in half_written:
        path.unlink(missing_ok=True)
    orphans = [
        reference
        for table, references in by_table.items()
        for reference in set(references).difference(_keepers[table](references))
    ]
    return len(half_written) + remove(orphans)


def _profiles() -> Iterator[Path]:
    root = _root()
    return iter([entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else [])


def _root() -> Path:
    return Path(settings.STATE_DIR) / "stores" / str(current_tenant().pk)


def _path(reference: str) -> Path:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ObjectGone("This is no reference to an object.")
    return _root() / found["profile"] / found["key"] / found["file"]


def _write(path: Path, sealed: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A rename is durable once its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
