from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from grove_site.env import Env, environment


def test_all_problems_are_said_at_once() -> None:
    env = Env({"GROVE_PORT": "many", "GROVE_FLAG": "perhaps"})

    env.integer("GROVE_PORT", 8000)
    env.flag("GROVE_FLAG")
    env.required("GROVE_ROOT_KEY", "Nothing can be read.")
    env.database("DATABASE_URL", "mysql://here")

    with pytest.raises(ImproperlyConfigured) as refusal:
        env.check()
    for name in ("GROVE_PORT", "GROVE_FLAG", "GROVE_ROOT_KEY", "DATABASE_URL"):
        assert name in str(refusal.value)


def test_nothing_is_said_when_nothing_is_wrong() -> None:
    env = Env({"GROVE_PORT": "8001"})

    assert env.integer("GROVE_PORT", 8000) == 8001
    env.check()


def test_secret_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")

    assert Env({"KEY_FILE": str(tmp_path / "key")}).text("KEY") == "secret"


def test_missing_file_is_a_problem_and_names_it(tmp_path: Path) -> None:
    env = Env({"KEY_FILE": str(tmp_path / "key")})

    env.text("KEY")

    assert "KEY_FILE" in env.problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", "between 1 and 10"),  # below
        ("11", "between 1 and 10"),  # above
        ("x", "a whole number"),  # not a number
    ],
)
def test_number_out_of_bounds_is_a_problem(text: str, said: str) -> None:
    env = Env({"N": text})

    env.integer("N", 5, 1, 10)

    assert said in env.problems[0]


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("0", False), ("", False)]
)
def test_flag_reads_words(text: str, value: bool) -> None:
    assert Env({"F": text}).flag("F") is value


def test_names_are_split_and_stripped() -> None:
    assert Env({"HOSTS": "a, b,,c "}).names("HOSTS") == ["a", "b", "c"]


def test_database_address_is_taken_apart() -> None:
    database = Env({"U": "postgresql://me:p%40ss@db.example:6432/grove"}).database("U", "")

    assert database == {
        "NAME": "grove",
        "USER": "me",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
    }


def test_what_the_supervisor_left_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grove.env").write_text("A=left\nB=left\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("B", "given")

    values = environment(tmp_path)

    assert (values["A"], values["B"]) == ("left", "given")


def test_nothing_of_the_embedded_database_slips_into_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grove.env").write_text("GROVE_ROOT_KEY_FILE=elsewhere\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db.example/grove")

    assert "GROVE_ROOT_KEY_FILE" not in environment(tmp_path)
