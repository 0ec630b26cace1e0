"""A replay reaches nothing: whatever its door, its engine and its nodes import, however far, leads to no gateway."""

from pathlib import Path

from tests.architecture import source
from tests.architecture.test_doors import files_of, imports_of

PURE = ("runs/rehearsal.py", "runs/replay_door.py", "runs/replay_calls.py", "runs/replay_report.py")
WAYS_OUT = {
    "runs/door.py",
    "runs/governed.py",
    "runs/wake.py",
    "workflows/providers/adapters.py",
    "workflows/providers/auth/tokens.py",
    "workflows/providers/clients.py",
    "workflows/providers/gateway.py",
    "workflows/providers/trials.py",
    "workflows/tools/connections.py",
    "workflows/tools/http_request.py",
    "workflows/tools/registry.py",
    "workflows/tools/storage.py",
}


def behind(paths: list[Path]) -> dict[Path, Path]:
    """All that these import, each with the file that asks for it."""
    found: dict[Path, Path] = {}
    waiting = [(path, path) for path in paths]
    while waiting:
        path, by = waiting.pop()
        if path not in found:
            found[path] = by
            waiting += [(file, path) for name in imports_of(path) for file in files_of(name)]
    return found


def test_a_replay_has_no_way_out() -> None:
    reached = behind([source.ROOT / path for path in PURE])

    ways = {source.name(path): source.name(by) for path, by in reached.items()}
    assert not {path: by for path, by in ways.items() if path in WAYS_OUT}
