"""Saved test cases: what goes in, what the world would answer, and what has to come out.

They are run in memory (runs/case_runs.py); where the rules ask for it, all of them pass before a version goes live.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from tenancy import keys, ledger, sealing
from tenancy.actors import Actor
from tenancy.events import EventType
from tenancy.models import new_id
from tenancy.sealing import Place
from workflows import versions
from workflows.errors import CaseInvalid
from workflows.models import Case, Workflow

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
MOST_CASES = 200  # of one workflow
MOST_BYTES = 1_000_000  # of one case as JSON
ENDS = ("completed", "completed_with_non_critical_errors", "failed")

Json = Any  # JSON values have no narrower static type here


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How it has to end. Of an object in `output` only what is named is compared; None compares nothing."""

    status: str = "completed"
    output: Json = None
    error_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a case holds. `answers`: by the path of a node, what its model, tool or person would say."""

    run_input: Json
    answers: Mapping[str, Json] = field(default_factory=dict)
    expected: Expected = field(default_factory=Expected)

    def to_json(self) -> dict[str, Json]:
        return {
            "input": self.run_input,
            "answers": dict(self.answers),
            "expected": asdict(self.expected),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> "Content":
        """Raises CaseInvalid for what has another shape."""
        answers, expected = value.get("answers") or {}, value.get("expected") or {}
        if not isinstance(answers, Mapping) or not isinstance(expected, Mapping):
            raise CaseInvalid("Answers are an object by the paths of nodes, expected is an object.")
        unknown = sorted(set(expected) - {"status", "output", "error_code"})
        if unknown:
            raise CaseInvalid(f"“{unknown[0]}” is nothing that can be expected of a run.")
        return cls(
            run_input=value.get("input"), answers=dict(answers), expected=Expected(**expected)
        )


@transaction.atomic
def save(*, workflow: Workflow, name: str, content: Content, by: Actor) -> Case:
    """Keep this as the newest revision of the case. The same again changes nothing. Raises CaseInvalid."""
    _check(name, content)
    workflow = versions.lock(workflow.pk)
    before = find(workflow, name)
    if before is not None and open_content(before) == content:
        return before
    if before is None and len(current(workflow)) >= MOST_CASES:
        raise CaseInvalid(f"A workflow has at most {MOST_CASES} cases; withdraw one first.")
    case = _insert(workflow, name, content, by=by, is_withdrawn=False)
    _tell(EventType.CASE_SAVED, case, by)
    return case


@transaction.atomic
def withdraw(*, case: Case, by: Actor) -> None:
    """From now on the case is not asked any more; its revisions stay. Twice changes nothing."""
    workflow = versions.lock(case.workflow_id)
    before = find(workflow, case.name)
    if before is None:
        return
    last = _insert(workflow, case.name, open_content(before), by=by, is_withdrawn=True)
    _tell(EventType.CASE_WITHDRAWN, last, by)


def current(workflow: Workflow) -> list[Case]:
    """The cases that count, by name."""
    newest = Case.objects.filter(workflow=workflow).order_by("name", "-number").distinct("name")
    return [case for case in newest.select_related("workflow") if not case.is_withdrawn]


def find(workflow: Workflow, name: str) -> Case | None:
    """The newest revision of a case that counts."""
    newest: Case | None = Case.objects.filter(workflow=workflow, name=name).first()
    return None if newest is None or newest.is_withdrawn else newest


def open_content(case: Case) -> Content:
    """Raises what opening the workflow's key raises, after its disposal."""
    key = keys.open_data_key(case.workflow.data_key_id)
    return Content.from_json(open_for_export(case, "content_sealed", key))


def open_for_export(case: Case, column: str, key: keys.DataKeyRef) -> Any:
    """What the column says, with a key that is open already."""
    return sealing.unseal_json(
        key, getattr(case, column), place=_place(case.tenant_id, case.pk, column)
    )


def _insert(
    workflow: Workflow, name: str, content: Content, *, by: Actor, is_withdrawn: bool
) -> Case:
    last = Case.objects.filter(workflow=workflow, name=name).first()
    key, case_id = keys.open_data_key(workflow.data_key_id), new_id()
    case: Case = Case.objects.create(
        id=case_id,
        workflow=workflow,
        name=name,
        number=last.number + 1 if last else 1,
        is_withdrawn=is_withdrawn,
        content_sealed=sealing.seal_json(
            key, content.to_json(), place=_place(workflow.tenant_id, case_id, "content_sealed")
        ),
        **Case.authorship(by),
    )
    return case


def _place(tenant_id: UUID, row: UUID, column: str) -> Place:
    return Place(tenant_id=tenant_id, table="workflows_case", row=row, column=column)


def _tell(event: EventType, case: Case, by: Actor) -> None:
    ledger.append(
        event,
        subject=case,
        by=by,
        workflow=case.workflow.slug,
        name=case.name,
        number=case.number,
    )


def _check(name: str, content: Content) -> None:
    if not NAME.fullmatch(name):
        raise CaseInvalid("A case has a name of small letters, digits and hyphens.")
    if content.expected.status not in ENDS:
        raise CaseInvalid(f"A run ends {', '.join(ENDS[:-1])} or {ENDS[-1]}.")
    if not isinstance(content.expected.error_code, str):
        raise CaseInvalid("The code of an error is a text.")
    try:
        size = len(orjson.dumps(content.to_json()))
    except TypeError as error:
        raise CaseInvalid("A case holds JSON.") from error
    if size > MOST_BYTES:
        raise CaseInvalid(f"This case has {size:,} bytes; at most {MOST_BYTES:,} are kept.")
    if not all(isinstance(path, str) for path in content.answers):
        raise CaseInvalid("Answers are named by the paths of their nodes.")
