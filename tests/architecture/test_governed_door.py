"""There is one door to the world: permits are made in runs/governed.py; only it calls the gateway and the tools.

Beside it a person may try a deployment: one fixed sentence, on the ledger before it leaves (see TRIALS).
"""

import ast
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

from tests.architecture.test_doors import DOORS
from workflows.providers import gateway
from workflows.tools import registry

ROOT = Path(__file__).resolve().parents[2]
DOOR = "runs/governed.py"
TRIALS = "workflows/providers/trials.py"
FLOORS = ("tenancy", "compliance", "workflows", "runs", "grove_site")
# Who may import what can reach a model, a host or a store.
REACHES_THE_WORLD = {
    "workflows.providers.adapters": {"workflows/providers/gateway.py"},
    "workflows.providers.clients": {  # those below adapters.py and auth send nothing; they name its types
        "workflows/providers/adapters.py",
        "workflows/providers/auth/access.py",
        "workflows/providers/auth/tokens.py",
        "workflows/providers/gathering.py",
        "workflows/providers/trials.py",  # its clock
    },
    "workflows.tools.connections": {
        "workflows/tools/http_request.py",
        "workflows/destinations.py",  # reads addresses; sends nothing, see below
        "workflows/document_tools.py",
        "workflows/secret_usage.py",  # reads addresses
    },
    "workflows.tools.http_request": {"workflows/tools/registry.py"},
    "workflows.tools.storage": {"workflows/tools/registry.py"},
    "workflows.tools.registry": {
        "runs/governed.py",
        "runs/governed_calls.py",  # where a call would act; acts nowhere, see below
        "workflows/definitions.py",  # which tools there are
        "workflows/offers.py",  # the same, for whoever chooses one
    },
    "workflows.providers.transport": {"workflows/providers/clients.py"},
    "workflows.providers.wire": {
        "workflows/providers/clients.py",  # names its types
        "workflows/providers/transport.py",
    },
    "http.client": DOORS["http.client"],
    "httpx": DOORS["httpx"],
}


@cache
def _sources() -> dict[str, ast.Module]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


@cache
def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@cache
def _calls(tree: ast.Module) -> set[str]:
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in called}


def test_permits_are_made_at_the_door_only() -> None:
    makers = {
        path
        for path, tree in _sources().items()
        if any(name.split(".")[-1] == "Permit" for name in _calls(tree))
    }

    assert makers == {DOOR, TRIALS}


def test_the_gateway_is_asked_at_the_door_only() -> None:
    callers = {path for path, tree in _sources().items() if "gateway.complete" in _calls(tree)}

    assert callers == {DOOR, TRIALS}


def test_tools_are_called_at_the_door_only() -> None:
    callers = {path for path, tree in _sources().items() if "registry.call" in _calls(tree)}
    senders = {path for path, tree in _sources().items() if "connections.send" in _calls(tree)}

    assert callers == {DOOR}
    assert senders == {"workflows/tools/http_request.py"}


@pytest.mark.parametrize("permit", [None, "a word", object()])
def test_neither_a_model_nor_a_tool_acts_without_a_permit(permit: Any) -> None:
    with pytest.raises(TypeError, match="permit of a recorded decision"):
        gateway.complete(cast(Any, None), cast(Any, None), permit=permit)
    for name in registry.TOOLS:
        with pytest.raises(TypeError, match="permit of a recorded decision"):
            registry.call(cast(Any, None), cast(Any, name), permit=permit)


def test_nothing_else_reaches_the_world() -> None:
    for module, allowed in REACHES_THE_WORLD.items():
        importers = {path for path, tree in _sources().items() if module in _imports(tree)}
        assert importers <= allowed, module


def test_nodes_know_no_way_out() -> None:
    for path, tree in _sources().items():
        if path.startswith("workflows/nodes/"):
            floors = {name.split(".")[0] for name in _imports(tree)}
            assert not floors & {"runs", "tenancy", "django", "socket", "httpx", "urllib"}, path
            assert not any(name.startswith("workflows.providers") for name in _imports(tree)), path
