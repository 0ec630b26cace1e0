"""What can go wrong with workflows. The docstring of an error is its default message."""

from tenancy.errors import GroveError


class GraphIsBroken(GroveError):
    """The graph names a node twice or an edge to a node that is not there."""

    code = "graph_broken"
    status = 422


class GraphHasCycle(GroveError):
    """The graph goes round in a circle."""

    code = "graph_cycle"
    status = 422

    def __init__(self, cycle: tuple[str, ...]) -> None:
        self.cycle = cycle
        super().__init__(f"The graph goes round in a circle: {' → '.join(cycle)}.")


class SourceUnreadable(GroveError):
    """The definition cannot be read."""

    code = "definition_unreadable"
    status = 422

    def __init__(
        self, code: str, sentence: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        self.problem_code = code
        self.line = line
        self.column = column
        super().__init__(sentence)


class DefinitionInvalid(GroveError):
    """The definition has problems."""

    code = "definition_invalid"
    status = 422
