"""What stands between a version and its publication, by the tenant's rules. Each gate says what is missing."""

from collections.abc import Callable, Iterable

from workflows import governance
from workflows.errors import NotPublishable
from workflows.governance import Rules
from workflows.models import WorkflowVersion
from workflows.problems import Problem

Gate = Callable[[WorkflowVersion, Rules], Iterable[Problem]]

_gates: list[Gate] = []


def add(gate: Gate) -> None:
    """Let this gate be asked, too: in the apps.py of its floor."""
    if gate not in _gates:
        _gates.append(gate)


def missing(version: WorkflowVersion) -> list[Problem]:
    """Everything that must be mended or given before this version may be published."""
    rules = governance.current()
    return [problem for gate in _gates for problem in gate(version, rules)]


def check(version: WorkflowVersion) -> None:
    """Raises NotPublishable with its `problems`."""
    problems = missing(version)
    if problems:
        more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
        raise NotPublishable(
            f"Version {version.number} cannot be published: {problems[0]}{more}",
            problems=[problem.to_json() for problem in problems],
        )
