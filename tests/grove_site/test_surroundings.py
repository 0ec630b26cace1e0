import base64
from pathlib import Path

import pytest

from grove_site.embedded import surroundings
from grove_site.embedded.errors import DatabaseDown, RootKeyLost, StartRefused

NOWHERE = "postgresql://grove_app:secret@127.0.0.1:1/grove"


def test_first_start_makes_both_keys(tmp_path: Path) -> None:
    made = surroundings.make_keys(tmp_path, first_start=True, env={})

    assert [file.name for file in made] == ["root.key", "secret.key"]
    assert len(base64.b64decode((tmp_path / "root.key").read_text())) == 32
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600


def test_later_start_keeps_the_keys(tmp_path: Path) -> None:
    surroundings.make_keys(tmp_path, first_start=True, env={})

    assert surroundings.make_keys(tmp_path, first_start=False, env={}) == []


def test_given_keys_are_not_made(tmp_path: Path) -> None:
    env = {"GROVE_ROOT_KEY": "given", "GROVE_SECRET_KEY_FILE": "given"}

    assert surroundings.make_keys(tmp_path, first_start=True, env=env) == []


def test_lost_root_key_is_not_replaced_since_data_would_stay_closed(tmp_path: Path) -> None:
    with pytest.raises(RootKeyLost, match=r"root\.key is missing"):
        surroundings.make_keys(tmp_path, first_start=False, env={})


def test_own_database_without_the_rest_names_all_that_is_missing() -> None:
    with pytest.raises(StartRefused) as refusal:
        surroundings.of_own_servers({"DATABASE_URL": NOWHERE})

    assert "KEYS_DATABASE_URL" in str(refusal.value)
    assert "BROKER_URL" in str(refusal.value)


def test_database_that_is_down_is_named_without_its_password() -> None:
    env = {"DATABASE_URL": NOWHERE, "KEYS_DATABASE_URL": NOWHERE, "BROKER_URL": "redis://queue"}

    with pytest.raises(DatabaseDown, match=r"grove at 127\.0\.0\.1:1 does not answer") as refusal:
        surroundings.of_own_servers(env)

    assert "correct DATABASE_URL" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_what_is_left_for_other_commands_is_ours_alone(tmp_path: Path) -> None:
    surroundings.leave(tmp_path, {"A": "1"})

    assert (tmp_path / "grove.env").read_text() == "A=1\n"
    assert (tmp_path / "grove.env").stat().st_mode & 0o777 == 0o600
