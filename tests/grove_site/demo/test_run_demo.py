"""What the demo command takes, and the sentence with which it refuses."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from grove_site.demo import seed
from grove_site.management.commands.run_demo import read_input


def test_text_and_json_become_inputs(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("\ufeffDear bank, …", encoding="utf-8")
    (tmp_path / "claim.json").write_text('{"a": 1}')

    assert read_input(tmp_path / "letter.txt") == {"text": "Dear bank, …"}
    assert read_input(tmp_path / "claim.json") == {"a": 1}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("letter.txt", b"\xff\xfe\x00bad", "not UTF-8"),
        ("claim.json", b'{"a": 1,\n"b": }', "line 2: this is not JSON"),
        ("long.txt", b"x" * 2000, "2,000 bytes; at most 1,000"),
    ],
)
@override_settings(INPUT_LIMIT_BYTES=1000)
def test_file_that_cannot_be_used_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandError, match=sentence):
        read_input(tmp_path / name)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"letter\.txt cannot be read: No such file"):
        read_input(tmp_path / "letter.txt")


@pytest.mark.django_db(databases=["default", "keys"])
def test_without_the_tenant_it_says_what_to_do() -> None:
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("run_demo")


@pytest.mark.django_db(databases=["default", "keys"])
def test_input_that_misses_the_schema_is_refused(tmp_path: Path) -> None:
    seed.seed()
    (tmp_path / "short.txt").write_text("Too short.")

    with pytest.raises(CommandError, match="input schema"):
        call_command("run_demo", input=tmp_path / "short.txt")
    with pytest.raises(CommandError, match="no published workflow “nothing”"):
        call_command("run_demo", workflow="nothing")
