"""Imports go down, any distance, never up. The contracts are in pyproject.toml."""

import os
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parents[2]


def test_no_import_goes_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(os.fspath(ROOT))

    status = cli.lint_imports(no_cache=True)

    assert status == 0, capsys.readouterr().out
