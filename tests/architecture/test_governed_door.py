"""There is one door to the world: permits are made in runs/governed.py, and only it calls the gateway."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOOR = "runs/governed.py"
FLOORS = ("tenancy", "compliance", "workflows", "runs", "grove_site")
# Who may import what can reach a model.
REACHES_THE_WORLD = {
    "workflows.providers.openai": {"workflows/providers/gateway.py"},
    "workflows.providers.clients": {"workflows/providers/openai.py"},
    "httpx": {"workflows/providers/clients.py"},
}


def _sources() -> dict[str, ast.Module]:
    paths = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in paths}


def _imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def _calls(tree: ast.Module) -> set[str]:
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function) for function in called}


def test_permits_are_made_at_the_door_only() -> None:
    makers = {
        path
        for path, tree in _sources().items()
        if any(name.split(".")[-1] == "Permit" for name in _calls(tree))
    }

    assert makers == {DOOR}


def test_the_gateway_is_asked_at_the_door_only() -> None:
    callers = {path for path, tree in _sources().items() if "gateway.complete" in _calls(tree)}

    assert callers == {DOOR}


def test_nothing_else_reaches_a_model() -> None:
    for module, allowed in REACHES_THE_WORLD.items():
        importers = {path for path, tree in _sources().items() if module in _imports(tree)}
        assert importers <= allowed, module


def test_nodes_know_no_way_out() -> None:
    for path, tree in _sources().items():
        if path.startswith("workflows/nodes/"):
            floors = {name.split(".")[0] for name in _imports(tree)}
            assert not floors & {"runs", "tenancy", "django", "socket", "httpx", "urllib"}, path
            assert not any(name.startswith("workflows.providers") for name in _imports(tree)), path
