"""Names and sizes: STYLE in a form that a machine can hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import source

DRAWERS = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "services",
    "selectors",
    "managers",
}
FILE_LINES, FUNCTION_LINES = 400, 60
# The word, and what we say instead.
BANNED = {
    r"guardrails?": "policy",
    r"audit[ _]logs?": "ledger",
    r"jobs?": "run",
    r"sub[ _]?steps?": "node",
    r"pipelines?": "workflow",
    r"organi[sz]ations?": "tenant",
}
MACHINE_PATHS = re.compile(r"(/[t]mp/|/[r]oot/|/home/[a-z]+/|/[w]ork/|/[o]pt/)")
BINARY = {".woff2", ".png", ".ico", ".gguf", ".jpg"}


def named_things(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def words_of(identifier: str) -> str:
    """`AuditLog` and `audit_log` as “audit log”."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", identifier).lower()


def test_no_file_is_a_drawer() -> None:
    found = [
        source.name(path) for path in source.modules() if {path.stem, *path.parent.parts} & DRAWERS
    ]

    assert not found, "A name that fits everything attracts everything"


@pytest.mark.parametrize("path", source.modules(), ids=source.name)
def test_module_says_what_it_is_for(path: Path) -> None:
    if not path.read_text().strip():
        return  # an empty package marker

    assert ast.get_docstring(source.tree(path)), "A module opens with one to three lines"


@pytest.mark.parametrize("path", source.modules(), ids=source.name)
def test_module_and_its_functions_fit_in_the_head(path: Path) -> None:
    lines = path.read_text().count("\n")
    long = {
        node.name: length
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }

    assert lines <= FILE_LINES
    assert not long


@pytest.mark.parametrize("path", source.modules(), ids=source.name)
def test_module_uses_the_words_of_the_field(path: Path) -> None:
    names = {identifier: words_of(identifier) for identifier in named_things(source.tree(path))}
    found = {
        identifier: f"say {better}"
        for identifier, words in names.items()
        for banned, better in BANNED.items()
        if re.search(rf"\b({banned})\b", words)
    }

    assert not found


@pytest.mark.parametrize("path", source.templates(), ids=source.name)
def test_page_uses_the_words_of_the_field(path: Path) -> None:
    text = re.sub(r"\{[%#{].*?[%#}]\}", "", path.read_text(), flags=re.DOTALL).lower()
    found = [better for banned, better in BANNED.items() if re.search(rf"\b({banned})\b", text)]

    assert not found, f"say {found}"


def test_no_file_knows_a_machine() -> None:
    found = [
        f"{source.name(path)}: {line.strip()[:80]}"
        for path in source.kept_files()
        if path.suffix not in BINARY
        for line in path.read_text(errors="replace").splitlines()
        if MACHINE_PATHS.search(line)
    ]

    assert not found
