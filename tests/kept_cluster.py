"""The migrated databases of an earlier test run, for the next one: nothing is migrated twice.

What is kept is named by a digest of all that it was made from, so a changed migration makes a new one. The packed
cluster lies in `var/tests` beside the sources, readable for its owner only; `make clean` removes it.
"""

import hashlib
import os
import subprocess
import tempfile
from dataclasses import astuple
from pathlib import Path

import psycopg
from psycopg import sql

from grove_site.embedded import provision
from grove_site.embedded.postgres import EmbeddedPostgres, find_binaries

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "tests"
TEMPLATE = provision.Names(main="grove_made", keys="grove_keys_made", queue="grove_queue_made")
KEPT = 3  # of as many branches, say
MADE_FROM = (
    "*/migrations/*.py",
    "*/migrations/*.sql",
    "tenancy/rls.py",
    "tenancy/router.py",
    "*/management/commands/migrate*.py",
    "grove_site/embedded/p*.py",
    "requirements/grove.txt",
    "tests/databases.py",
    "tests/kept_cluster.py",
)


def unpack(postgres: EmbeddedPostgres) -> bool:
    """Put the kept cluster and its passwords where this server will look when it starts. False: none is kept."""
    pack = _pack()
    if not pack.is_file():
        return False
    pack.touch()  # the newest are kept
    _tar("--extract", pack, f"--directory={postgres.home}", "data")
    _tar("--extract", pack, f"--directory={postgres.state}", "passwords")
    return True


def name_as_served(postgres: EmbeddedPostgres) -> None:
    """Give the databases of an unpacked cluster the names that processes of Grove look for."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for served, made in zip(astuple(provision.NAMES), astuple(TEMPLATE), strict=True):
            names = sql.Identifier(made), sql.Identifier(served)
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


def keep(postgres: EmbeddedPostgres) -> None:
    """Pack the cluster of a server that has been stopped."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=FOLDER)  # readable for its owner only
    os.close(handle)
    places = (f"--directory={postgres.home}", "data", f"--directory={postgres.state}", "passwords")
    _tar("--create", Path(name), *places)
    Path(name).rename(_pack())
    packs = sorted(FOLDER.glob("*.tar"), key=lambda pack: pack.stat().st_mtime, reverse=True)
    for pack in packs[KEPT:]:
        pack.unlink(missing_ok=True)


def _pack() -> Path:
    digest = hashlib.sha256(str(find_binaries()).encode())
    for pattern in MADE_FROM:
        for source in sorted(ROOT.glob(pattern)):
            digest.update(f"{source.relative_to(ROOT)}\n".encode() + source.read_bytes())
    return FOLDER / f"{digest.hexdigest()[:24]}.tar"


def _tar(verb: str, pack: Path, *arguments: str) -> None:
    subprocess.run(["tar", verb, "--file", str(pack), *arguments], check=True)  # noqa: S607
