"""What the processes of Grove need from the environment: given from outside, or made here for a first try."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from grove_site.embedded import provision
from grove_site.embedded.errors import DatabaseDown, RootKeyLost, StartRefused
from grove_site.embedded.postgres import EmbeddedPostgres, write_secret

OWN_SERVER_NEEDS = {
    "KEYS_DATABASE_URL": "The keys live in a database of their own.",
    "BROKER_URL": "Web and workers talk through it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """`serving` is for every process; `owning` only for the one that migrates, empty where that is not ours to do."""

    serving: Mapping[str, str]
    owning: Mapping[str, str]


def has_own_database(env: Mapping[str, str] = os.environ) -> bool:
    return bool(env.get("DATABASE_URL") or env.get("DATABASE_URL_FILE"))


def of_own_servers(env: Mapping[str, str] = os.environ) -> Surroundings:
    """Servers that somebody else runs. Raises StartRefused, DatabaseDown."""
    missing = [
        f"{name} is not set. {why}"
        for name, why in OWN_SERVER_NEEDS.items()
        if not (env.get(name) or env.get(f"{name}_FILE"))
    ]
    if missing:
        raise StartRefused("DATABASE_URL is set, but " + " ".join(missing))
    for name in ("DATABASE_URL", "KEYS_DATABASE_URL"):
        _check_answers(name, _read(env, name))
    owner, keys_owner = _read(env, "OWNER_DATABASE_URL"), _read(env, "KEYS_OWNER_DATABASE_URL")
    owning = (
        {"DATABASE_URL": owner, "KEYS_DATABASE_URL": keys_owner} if owner and keys_owner else {}
    )
    return Surroundings(serving={}, owning=owning)


def of_embedded_server(
    server: EmbeddedPostgres, state: Path, env: Mapping[str, str] = os.environ
) -> Surroundings:
    """Provision the embedded server and leave the addresses in <state>/grove.env for other commands."""

    def url(name: str, role: str) -> str:
        return server.url(database=name, role=role)

    provision.create_roles(superuser_url=server.url(), password_of=server.password)
    provision.create_databases(superuser_url=server.url(), url=url)
    names = provision.NAMES
    serving = {
        "DATABASE_URL": url(names.main, provision.APP),
        "KEYS_DATABASE_URL": url(names.keys, provision.APP),
        "BROKER_URL": env.get("BROKER_URL")
        or server.url(database=names.queue, role=provision.APP, scheme="pgmq"),
    }
    owning = {
        "DATABASE_URL": url(names.main, provision.OWNER),
        "KEYS_DATABASE_URL": url(names.keys, provision.OWNER),
    }
    for name, file in (("GROVE_ROOT_KEY", "root.key"), ("GROVE_SECRET_KEY", "secret.key")):
        if not env.get(name) and not env.get(f"{name}_FILE"):
            serving[f"{name}_FILE"] = str(state / file)
    return Surroundings(serving=serving, owning=owning)


def make_keys(state: Path, *, first_start: bool, env: Mapping[str, str] = os.environ) -> list[Path]:
    """Make the root key and the signing key where they are neither given nor there; which ones were made."""
    made = []
    for name, file in (
        ("GROVE_ROOT_KEY", state / "root.key"),
        ("GROVE_SECRET_KEY", state / "secret.key"),
    ):
        if env.get(name) or env.get(f"{name}_FILE") or file.is_file():
            continue
        if name == "GROVE_ROOT_KEY" and not first_start:
            raise RootKeyLost(
                f"{file} is missing, and the data in {state} cannot be read without it. Put it back, "
                f"or set GROVE_ROOT_KEY to it. To begin anew, remove {state}."
            )
        write_secret(file, base64.b64encode(secrets.token_bytes(32)).decode())
        made.append(file)
    return made


def leave(state: Path, values: Mapping[str, str]) -> None:
    """For commands in another terminal: grove_site.env reads it. It holds passwords, so only we may."""
    write_secret(state / "grove.env", "".join(f"{name}={values[name]}\n" for name in values))


def _check_answers(name: str, url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        place = urlsplit(url)
        reason = (str(error).strip() or "no answer").splitlines()[0]
        raise DatabaseDown(
            f"The database {place.path.strip('/')} at {place.hostname}:{place.port or 5432} does not answer "
            f"({reason}). Start it, or correct {name}."
        ) from None


def _read(env: Mapping[str, str], name: str) -> str:
    file = env.get(f"{name}_FILE", "")
    return env.get(name) or (Path(file).read_text().strip() if file else "")
