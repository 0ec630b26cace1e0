"""What changed in what a definition says of the whole workflow. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.labels import DataClass
from workflows.definition import Budget, Definition
from workflows.differences.change import Category, Change, Level
from workflows.differences.texts import said

_WORDS = ("purpose", "owner", "category", "legal_basis", "people_concerned")


def first(after: Definition) -> Iterator[Change]:
    """What a first definition says of the whole."""
    yield Change(
        category=Category.DATA_CLASS,
        level=Level.HIGH if after.data_class >= DataClass.RESTRICTED else Level.LOW,
        mark="added",
        pointer="/data_class",
        sentence=f"The workflow may carry {after.data_class.word} data.",
    )


def changes(before: Definition, after: Definition) -> Iterator[Change]:
    was, now = before.data_class, after.data_class
    if was != now:
        yield Change(
            category=Category.DATA_CLASS,
            level=Level.HIGH if now > was else Level.LOW,
            pointer="/data_class",
            sentence=f"The workflow may carry {now.word} data now, was {was.word}.",
        )
    if before.on_worker_loss != after.on_worker_loss:
        resumes = "goes on by itself" if after.on_worker_loss == "resume" else "fails"
        yield Change(
            category=Category.FAILURE,
            level=Level.MEDIUM,
            pointer="/on_worker_loss",
            sentence=f"A run whose worker was lost {resumes} now.",
        )
    if before.budget != after.budget:
        lower = before.budget is None or (
            after.budget is not None
            and after.budget.currency == before.budget.currency
            and after.budget.amount_micros < before.budget.amount_micros
        )
        yield Change(
            category=Category.BUDGET,
            level=Level.LOW if lower else Level.MEDIUM,
            pointer="/budget",
            sentence=f"A run may spend {_money(after.budget)} now, was {_money(before.budget)}.",
        )
    yield from _documentation(before, after)


def _documentation(before: Definition, after: Definition) -> Iterator[Change]:
    was, now = before.documentation, after.documentation
    if was.get("retention_days") != now.get("retention_days"):
        days, ago = (_days(each.get("retention_days")) for each in (now, was))
        yield Change(
            category=Category.RETENTION,
            level=Level.MEDIUM,
            pointer="/documentation/retention_days",
            sentence=f"Runs are kept {days} now, was {ago}.",
        )
    for name in ("title", "description"):
        if getattr(before, name) != getattr(after, name):
            yield _said(name, getattr(after, name), f"/{name}")
    for name in _WORDS:
        if was.get(name) != now.get(name):
            yield _said(name, now.get(name), f"/documentation/{name}")


def _said(name: str, value: object, pointer: str) -> Change:
    return Change(
        category=Category.WORDS,
        pointer=pointer,
        sentence=f"The {name.replace('_', ' ')} is {said(value)} now.",
    )


def _days(days: object) -> str:
    return f"{days:,} days" if isinstance(days, int) else "for a time that is not said"


def _money(budget: Budget | None) -> str:
    if budget is None:
        return "without a bound"
    return f"{budget.amount_micros / 1_000_000:,.2f} {budget.currency}"
