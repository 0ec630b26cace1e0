import sys
import time
from pathlib import Path

import pytest

from grove_site.embedded.children import FIRST_PAUSE, Child
from grove_site.embedded.programs import Program
from tests.runs.making import PATIENCE_SECONDS


def child(tmp_path: Path, code: str, **fields: object) -> Child:
    program = Program(name="tried", arguments=(sys.executable, "-c", code), **fields)  # type: ignore[arg-type]
    return Child(program, env={}, log=tmp_path / "tried.log")


def wait_for_end(one: Child) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not one.has_ended():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_end_doubles_the_pause_before_the_next_start(tmp_path: Path) -> None:
    one = child(tmp_path, "raise SystemExit(3)")
    one.start()
    wait_for_end(one)

    words = one.note_end()

    assert "ended with 3" in words
    assert f"{FIRST_PAUSE:g} s" in words
    assert str(tmp_path / "tried.log") in words
    assert one.pause == 2 * FIRST_PAUSE
    assert not one.is_due()


def test_a_steady_child_begins_again_with_the_shortest_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grove_site.embedded.children.STEADY_SECONDS", 0)
    one = child(tmp_path, "raise SystemExit(3)")
    one.pause = 30
    one.start()
    wait_for_end(one)

    assert f"{FIRST_PAUSE:g} s" in one.note_end()


def test_a_killed_child_is_said_to_be_killed(tmp_path: Path) -> None:
    one = child(tmp_path, "import time; time.sleep(60)")
    one.start()
    one.kill()
    wait_for_end(one)

    assert "was killed by SIGKILL" in one.note_end()


def test_a_child_that_says_so_is_up_and_not_before(tmp_path: Path) -> None:
    one = child(
        tmp_path,
        "import time; time.sleep(0.3); print('ready.', flush=True); time.sleep(60)",
        says_ready=True,
    )
    one.start()
    before = one.is_up()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not one.is_up() and time.monotonic() < deadline:
        time.sleep(0.02)

    assert (before, one.is_up()) == (False, True)
    one.wait_or_kill()


def test_what_it_said_in_an_earlier_life_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "tried.log").write_text("ready.\n")
    one = child(tmp_path, "import time; time.sleep(60)", says_ready=True)
    one.start()

    assert not one.is_up()
    one.kill()
    one.wait_or_kill()


def test_a_child_with_an_address_is_up_when_it_answers(tmp_path: Path) -> None:
    one = child(tmp_path, "import time; time.sleep(60)", probe="http://127.0.0.1:1/livez")
    one.start()

    assert not one.is_up()
    one.kill()
    one.wait_or_kill()


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grove_site.embedded.children.LOG_BYTES", 3)
    (tmp_path / "tried.log").write_text("long")
    one = child(tmp_path, "")

    one.start()
    wait_for_end(one)

    assert (tmp_path / "tried.old").read_text() == "long"
