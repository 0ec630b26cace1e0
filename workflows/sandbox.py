"""Runs a definition's code where it can do no harm: in pydantic-monty, an interpreter without a world.

It is a process of its own. What the code can reach are the values and functions it is handed. Limits are kept by the
interpreter and, where that fails, by whoever watches it: one that hangs is ended, one that dies is replaced.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import pydantic_monty as monty

MOST_PROCESSES = 8
MOST_CALLS = 100
WAIT_FOR_A_PROCESS_SECONDS = 60.0
LONGEST_SECONDS = 60
MOST_FRAMES = 200
MOST_DEPTH = 100  # of values; beyond 200 the interpreter hands out a word in place of what is there
SAFE_INTEGER = 2**63

Function = Callable[[Mapping[str, Any]], Any]
_KINDS: Final = {
    "TimeoutError": "code_time",
    "MemoryError": "code_memory",
    "RecursionError": "code_recursion",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`seconds` of computing, waiting for functions not counted; `memory_bytes` of values."""

    seconds: float
    memory_bytes: int


class CodeFailed(Exception):
    """The code did not come to its end. `line` is counted from 1; None where it cannot be told."""

    def __init__(self, code: str, sentence: str, *, line: int | None = None) -> None:
        self.code = code
        self.sentence = sentence
        self.line = line
        super().__init__(sentence)


class CallFailed(Exception):
    """A function that the code called did not succeed. The code may catch it, as a RuntimeError."""


def run(
    code: str,
    *,
    inputs: Mapping[str, Any],
    functions: Mapping[str, Function],
    limits: Limits,
    at: datetime,
) -> Any:
    """The value of the last expression, as JSON. The clock stands at `at`, chance is always the same.

    Functions are called with keyword arguments only. Raises CodeFailed, or the CallFailed that the code let pass.
    """
    offered = _Offered(functions)
    try:
        return _run(code, inputs, offered, limits, at)
    except monty.MontyCrashedError as error:
        if offered.calls or getattr(error, "timed_out", False):
            raise _crash(error) from error
    try:  # it may have died while nobody used it, and nothing was called: another one cannot do it twice
        return _run(code, inputs, offered, limits, at)
    except monty.MontyCrashedError as error:
        raise _crash(error) from error


@dataclass(slots=True)
class _Offered:
    """What the code may call, and what came of that."""

    functions: Mapping[str, Function]
    calls: int = 0
    failed: CallFailed | None = None


def _run(
    code: str, inputs: Mapping[str, Any], offered: _Offered, limits: Limits, at: datetime
) -> Any:
    """In one sandbox. Raises MontyCrashedError where that dies."""
    try:
        with _pool().checkout(limits=_limits(limits), os_policy=_policy(at)) as session:
            step: Any = session.feed_start(code, inputs=dict(inputs), print_callback=_unheard)
            while not isinstance(step, monty.MontyComplete):
                offered.calls += isinstance(step, monty.FunctionSnapshot)
                if offered.calls > MOST_CALLS:
                    raise CodeFailed("code_error", f"The code makes more than {MOST_CALLS} calls.")
                try:
                    step = _answer(step, offered.functions)
                except CallFailed as error:
                    offered.failed = error
                    step = step.resume({"exc_type": "RuntimeError", "message": str(error)})
            return to_json(step.output)
    except monty.MontyRuntimeError as error:
        if offered.failed is not None and error.display("msg") == str(offered.failed):
            raise offered.failed from error
        raise _failure(error) from error
    except monty.MontySyntaxError as error:
        raise _failure(error) from error
    except TimeoutError as error:
        raise CodeFailed("code_busy", "No sandbox was free in time; too much code runs.") from error


def check(code: str) -> CodeFailed | None:
    """What is wrong with the form of the code; nothing runs."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        where = f"Line {error.lineno}: " if error.lineno else ""
        return CodeFailed("code_error", f"{where}the code cannot be read.", line=error.lineno)
    except (ValueError, RecursionError, MemoryError):
        return CodeFailed("code_error", "The code cannot be read.")
    return None


def to_json(value: Any, depth: int = 0) -> Any:
    """The value as JSON; tuples become lists. Raises CodeFailed for anything else that JSON does not have."""
    if depth > MOST_DEPTH:
        raise CodeFailed("code_error", "The value of the code goes too deep.")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -SAFE_INTEGER <= value < SAFE_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [to_json(inner, depth + 1) for inner in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: to_json(inner, depth + 1) for name, inner in value.items()}
    kind = type(value).__name__
    raise CodeFailed("code_error", f"The value of the code is not JSON: it holds a {kind}.")


@cache
def _pool() -> Any:
    """This process's sandboxes, each a process, made when they are needed."""
    return monty.Monty(
        min_processes=0,
        max_processes=MOST_PROCESSES,
        checkout_timeout=WAIT_FOR_A_PROCESS_SECONDS,
        request_timeout=LONGEST_SECONDS + 5,
    ).__enter__()


def _limits(limits: Limits) -> monty.ResourceLimits:
    return {
        "max_feed_duration_secs": limits.seconds,
        "max_memory": limits.memory_bytes,
        "max_recursion_depth": MOST_FRAMES,
        "max_suspensions": 10 * MOST_CALLS,
        "max_total_sleep_secs": 0.0,
    }


def _policy(at: datetime) -> monty.OSPolicy:
    return {"datetime": at, "sleep": "zero", "random_start": {"seed": 0}}


def _answer(step: Any, functions: Mapping[str, Function]) -> Any:
    """Answer one call of the code. Raises CallFailed."""
    if isinstance(step, monty.NameLookupSnapshot):
        return step.resume()
    if not isinstance(step, monty.FunctionSnapshot):
        raise CodeFailed("code_error", "The code waits for something that never comes.")
    if step.is_os_function:
        return step.resume_not_handled()
    name = str(step.function_name)
    if name not in functions or step.object_id is not None:
        return step.resume(
            {"exc_type": "NameError", "message": f"name '{name[:60]}' is not defined"}
        )
    if step.args:
        raise CallFailed(f"{name} takes its arguments by name: {name}(name=value).")
    return step.resume({"return_value": functions[name](to_json(step.kwargs))})


def _failure(error: Any) -> CodeFailed:
    inner = error.exception()
    kind = _KINDS.get(type(inner).__name__, "code_error")
    frames = error.traceback()
    line = frames[-1].line if frames else None
    where = f"Line {line}: " if line else ""
    return CodeFailed(kind, where + _SENTENCES[kind].format(error=type(inner).__name__), line=line)


_SENTENCES: Final = {
    "code_time": "the code ran longer than it may.",
    "code_memory": "the code took more memory than it may.",
    "code_recursion": "the code called itself too often.",
    "code_error": "the code failed ({error}).",
}


def _crash(error: Any) -> CodeFailed:
    if getattr(error, "timed_out", False):
        return CodeFailed("code_time", "The code ran longer than it may, and was ended.")
    return CodeFailed(
        "code_memory", "The code broke its sandbox, most likely by taking too much memory."
    )


def _unheard(_stream: str, _text: str) -> None:
    """What code prints is content; it goes nowhere."""
