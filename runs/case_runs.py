"""Saved cases tried against a definition, as a gate of publication, and made of what a past run met."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.timezone import now

from runs import dry_run, payloads
from runs.dry_door import PLACES
from runs.dry_run import DryReport
from runs.errors import EvidenceDisposed
from runs.models import NodeExecution, NodeStatus, Run
from tenancy.errors import GroveError
from workflows import cases
from workflows.cases import Content, Expected
from workflows.definition import Definition
from workflows.governance import Rules
from workflows.models import Case, Workflow, WorkflowVersion
from workflows.problems import Problem

# Code is answered call by call, and its calls have no node of their own: whoever needs them writes them down.
ANSWERED = ("llm", "tool", "approval", "callback", "sub_workflow")
MOST_DIFFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """How a case went. `differences` say in words what is not as expected; none: it passed."""

    case: Case
    report: DryReport | None
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def judge_all(workflow: Workflow, definition: Definition) -> list[CaseOutcome]:
    """Each case that counts, by name."""
    return [judge(case, definition) for case in cases.current(workflow)]


def judge(case: Case, definition: Definition) -> CaseOutcome:
    """Try one case in memory. A case that cannot be begun has not passed."""
    content = cases.open_content(case)
    try:
        report = dry_run.try_out(
            definition, run_input=content.run_input, answers=content.answers, at=now()
        )
    except GroveError as error:
        return CaseOutcome(case=case, report=None, differences=(error.sentence,))
    found = tuple(_differences(content.expected, report))
    return CaseOutcome(case=case, report=report, differences=found[:MOST_DIFFERENCES])


def find_failing(version: WorkflowVersion, rules: Rules) -> Iterator[Problem]:
    """A gate of publication (see workflows/gates.py)."""
    if not rules.cases_must_pass:
        return
    outcomes = judge_all(version.workflow, version.revision.definition)
    if not outcomes:
        yield Problem(
            code="no_case",
            sentence="There is no saved case, and the rules of this tenant ask for cases that pass.",
        )
    for outcome in outcomes:
        if not outcome.passed:
            told = outcome.differences[0]
            yield Problem(
                code="case_failed", sentence=f"Case “{outcome.case.name}” does not pass: {told}"
            )


def of_run(run: Run) -> Content:
    """What this run was given, what it was answered, and how it ended. Raises EvidenceDisposed."""
    if run.is_disposed:
        raise EvidenceDisposed("This run was disposed of: there is nothing to make a case of.")
    rows = NodeExecution.objects.filter(
        run=run, kind__in=ANSWERED, status=NodeStatus.COMPLETED
    ).order_by("attempt")
    answers: dict[str, Any] = {}
    for row in rows:
        answers[row.node_id] = _as_said(row.kind, payloads.open_payload(row, "output_sealed"))
    return Content(
        run_input=payloads.open_payload(run, "input_sealed"),
        answers=_shortened(answers),
        expected=Expected(
            status=run.status,
            output=payloads.open_payload(run, "output_sealed"),
            error_code=run.error_code,
        ),
    )


def _as_said(kind: str, output: Any) -> Any:
    """What a node was answered, from what it made of that."""
    if kind == "llm" and isinstance(output, Mapping) and set(output) == {"text"}:
        return output["text"]
    if kind == "approval" and isinstance(output, Mapping):
        return {"verdict": output.get("verdict"), "reason": output.get("reason") or ""}
    return output


def _shortened(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of a container that were all answered alike are one answer, without the places."""
    alike: dict[str, list[Any]] = {}
    for path, answer in answers.items():
        alike.setdefault(PLACES.sub("", path), []).append(answer)
    return {
        (short if all(each == alike[short][0] for each in alike[short]) else path): answer
        for path, answer in answers.items()
        for short in [PLACES.sub("", path)]
    }


# -- what is not as expected ------------------------------------------------------------------------------------------


def _differences(expected: Expected, report: DryReport) -> Iterator[str]:
    if report.status != expected.status:
        why = f": {report.error_sentence}" if report.error_sentence else ""
        yield f"It ended {report.status}, expected {expected.status}{why}"
        return
    if expected.error_code and report.error_code != expected.error_code:
        yield f"It failed with {report.error_code}, expected {expected.error_code}."
    if expected.output is not None:
        yield from _unlike("output", expected.output, report.output)


def _unlike(place: str, expected: Any, found: Any) -> Iterator[str]:
    """Of an object only what is expected is looked at; lists are as long as expected."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for name, value in expected.items():
            if name in found:
                yield from _unlike(f"{place}.{name}", value, found[name])
            else:
                yield f"{place}.{name} is missing."
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{place} has {len(found)} entries, expected {len(expected)}."
            return
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _unlike(f"{place}[{number}]", one, other)
    elif expected != found or isinstance(expected, bool) != isinstance(found, bool):
        yield f"{place} is {_shown(found)}, expected {_shown(expected)}."


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return f"“{text[:80]}{'…' if len(text) > 80 else ''}”"
