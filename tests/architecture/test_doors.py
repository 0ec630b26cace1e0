"""A node has no other way out: all that it imports, however far away, cannot reach the world."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture import source

# What may stand behind a node. Nothing here opens a file, a socket or a process.
HARMLESS = {
    "__future__",
    "ast",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "json",
    "jmespath",
    "jsonschema",
    "math",
    "operator",
    "orjson",
    "pydantic_monty",  # an interpreter without a world; only workflows/sandbox.py may take it
    "re",
    "re2",
    "referencing",
    "stdnum",
    "types",
    "typing",
    "unicodedata",
}
OPENERS = {"open", "exec", "eval", "compile", "__import__", "breakpoint", "input"}
# Modules that reach beyond this process, and where each of them is needed.
DOORS = {
    "http.client": {"workflows/providers/wire.py"},
    "httpx": {
        "workflows/providers/clients.py",
        "workflows/providers/transport.py",  # its answers and errors
        "workflows/providers/wire.py",  # its errors
        "workflows/tools/connections.py",
    },
    "hvac": {"tenancy/vault.py"},
    "pydantic_monty": {"workflows/sandbox.py"},
    "urllib.request": {"grove_site/embedded/children.py"},  # is a process of ours up?
    "subprocess": {
        "grove_site/embedded/children.py",
        "grove_site/embedded/postgres.py",
        "grove_site/embedded/processes.py",
    },
    "socket": {
        "grove_site/embedded/processes.py",  # a free port
        "runs/claims.py",  # a host's name
        "workflows/providers/wire.py",  # what a connection reads of
        "workflows/tools/connections.py",  # what a name stands for
    },
    "asyncio": {"runs/sse.py"},
}
NEVER = {
    "aiohttp",
    "ftplib",
    "multiprocessing",
    "pickle",
    "requests",
    "smtplib",
    "socketserver",
    "telnetlib",
    "urllib3",
    "xmlrpc",
}


@cache
def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(source.tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_of(name: str) -> Iterator[Path]:
    """The module that a dotted name names or is in, and the packages around it."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        place = source.ROOT.joinpath(*parts[:length])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


def behind_the_nodes() -> set[Path]:
    waiting = [*(source.ROOT / "workflows/nodes").glob("*.py")]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [file for name in imports_of(path) for file in files_of(name)]
    return found


def importers_of(module: str) -> set[str]:
    return {
        source.name(path)
        for path in source.modules()
        if any(name == module or name.startswith(f"{module}.") for name in imports_of(path))
    }


def test_what_stands_behind_the_nodes_is_harmless() -> None:
    found = {
        f"{source.name(path)} imports {name}"
        for path in behind_the_nodes()
        for name in imports_of(path)
        if name.split(".")[0] not in {*source.APPS, *HARMLESS}
    }

    assert not found


def test_nothing_behind_the_nodes_opens_or_evaluates_anything() -> None:
    found = {
        f"{source.name(path)}:{node.lineno} {node.func.id}"
        for path in behind_the_nodes()
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in OPENERS
    }

    assert not found


def test_nothing_behind_the_nodes_knows_the_gateway() -> None:
    names = {source.name(path) for path in behind_the_nodes()}
    pure = {"workflows/tools/__init__.py", "workflows/tools/declarations.py"}

    ways_out = ("runs/", "workflows/providers/", "workflows/tools/")
    assert not {name for name in names if name.startswith(ways_out)} - pure


def test_each_door_of_the_house_is_known() -> None:
    assert {module: importers_of(module) for module in DOORS} == DOORS


def test_no_other_door_is_built() -> None:
    assert {module: importers_of(module) for module in NEVER if importers_of(module)} == {}


def test_what_the_gateway_is_taken_for_is_known() -> None:
    """`complete` is called at the governed door, and for a person's own trial (test_governed_door)."""
    assert importers_of("workflows.providers.gateway") == {
        "runs/failover.py",  # plans
        "runs/governed.py",
        "workflows/providers/trials.py",
    }
