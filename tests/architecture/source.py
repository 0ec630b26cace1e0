"""The files of Grove, for the tests that read them."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("grove_site", "runs", "workflows", "compliance", "tenancy")


@cache
def kept_files() -> tuple[Path, ...]:
    """Everything that is part of the project; what is made while working on it is not."""
    made = {"var", "__pycache__", "htmlcov"}
    return tuple(
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and not made & set(path.relative_to(ROOT).parts)
        and all(not part.startswith(".") or part == ".ci" for part in path.relative_to(ROOT).parts)
    )


@cache
def modules() -> tuple[Path, ...]:
    """The source of the five apps, migrations aside."""
    return tuple(
        path
        for path in kept_files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in APPS
        and "migrations" not in path.parts
    )


@cache
def templates() -> tuple[Path, ...]:
    return tuple(
        path
        for path in kept_files()
        if path.suffix in (".html", ".svg") and "templates" in path.parts
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))
