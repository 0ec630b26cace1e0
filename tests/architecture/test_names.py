"""Names and sizes: STYLE in a form that a machine can hold."""

import ast
import re
from collections.abc import Iterator

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


def words_on_page(text: str) -> str:
    return re.sub(r"\{[%#{].*?[%#}]\}", "", text, flags=re.DOTALL).lower()


def better_words(text: str) -> list[str]:
    return [better for banned, better in BANNED.items() if re.search(rf"\b({banned})\b", text)]


def test_no_file_is_a_drawer() -> None:
    found = [
        source.name(path) for path in source.modules() if {path.stem, *path.parent.parts} & DRAWERS
    ]

    assert not found, "A name that fits everything attracts everything"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        source.name(path)
        for path in source.modules()
        if path.read_text().strip() and not ast.get_docstring(source.tree(path))
    ]

    assert not silent, "A module opens with one to three lines"


def test_modules_and_functions_fit_in_the_head() -> None:
    long = {
        source.name(path): lines
        for path in source.modules()
        if (lines := path.read_text().count("\n")) > FILE_LINES
    }
    long |= {
        f"{source.name(path)} {node.name}": lines
        for path in source.modules()
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }

    assert not long


def test_modules_use_the_words_of_the_field() -> None:
    found = {
        f"{source.name(path)} {identifier}": better
        for path in source.modules()
        for identifier in set(named_things(source.tree(path)))
        for better in better_words(words_of(identifier))
    }

    assert not found


def test_pages_use_the_words_of_the_field() -> None:
    found = {
        source.name(path): better
        for path in source.templates()
        if (better := better_words(words_on_page(path.read_text())))
    }

    assert not found


def test_no_file_knows_a_machine() -> None:
    found = [
        f"{source.name(path)}: {line.strip()[:80]}"
        for path in source.kept_files()
        if path.suffix not in BINARY
        for line in path.read_text(errors="replace").splitlines()
        if MACHINE_PATHS.search(line)
    ]

    assert not found
