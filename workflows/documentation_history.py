"""The documentation of a workflow over time, field by field: who changed what, when, why, from what to what."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from workflows import documentation
from workflows.documentation import FIELDS, Texts
from workflows.models import Documentation, Workflow

OF_A_NODE = "node:"  # how the field of a node's text is named: node:classify


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of one change. A text that was not there is empty."""

    field: str
    before: str
    after: str

    @property
    def words(self) -> str:
        return words_of(self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row, and what it changed. `confirmed` are nodes whose text was found still true."""

    row: Documentation
    fields: tuple[FieldChange, ...]

    @property
    def confirmed(self) -> Sequence[str]:
        confirmed: list[str] = self.row.confirmed
        return confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a field said at a moment, and which row made it say so."""

    field: str
    value: str
    row: Documentation

    @property
    def words(self) -> str:
        return words_of(self.field)


def changes(rows: Sequence[Documentation]) -> Iterator[Change]:
    """What these rows of one workflow changed. They follow each other, newest first; the one before is looked up."""
    before = {row.number: row for row in rows}
    if rows and rows[-1].number > 1:
        oldest = rows[-1]
        earlier = Documentation.objects.filter(
            workflow_id=oldest.workflow_id, number=oldest.number - 1
        )
        before |= {row.number: row for row in earlier}
    for row in rows:
        yield Change(row=row, fields=tuple(difference(before.get(row.number - 1), row)))


def difference(before: Documentation | None, after: Documentation) -> Iterator[FieldChange]:
    """The fields in which two rows differ, those of the whole first, then nodes by name."""
    old, new = to_fields(before), to_fields(after)
    for name in [*FIELDS, *sorted((old.keys() | new.keys()) - set(FIELDS))]:
        if old.get(name, "") != new.get(name, ""):
            yield FieldChange(field=name, before=old.get(name, ""), after=new.get(name, ""))


def as_of(workflow: Workflow, moment: datetime) -> list[Value]:
    """Each field as it stood at that moment, with the row that gave it this value. Empty before the first row."""
    rows = Documentation.objects.filter(workflow=workflow, created_at__lte=moment)
    found: dict[str, Value] = {}
    open_fields: set[str] | None = None
    for row in rows.order_by("-number").iterator(chunk_size=20):
        said = to_fields(row)
        if open_fields is None:
            open_fields = set(said)
            found = {name: Value(field=name, value=said[name], row=row) for name in said}
            continue
        for name in sorted(open_fields):
            if said.get(name, "") != found[name].value:
                open_fields.discard(name)
            else:
                found[name] = Value(field=name, value=found[name].value, row=row)
        if not open_fields:
            break
    return [found[name] for name in [*FIELDS, *sorted(found.keys() - set(FIELDS))] if found]


def to_fields(row: Documentation | None) -> dict[str, str]:
    """Each field by its name, as text; texts of nodes under “node:id”."""
    texts = documentation.to_texts(row) if row is not None else Texts()
    said = {
        name: "" if value is None else str(value)
        for name, value in asdict(texts).items()
        if name in FIELDS
    }
    return said | {f"{OF_A_NODE}{node}": text for node, text in texts.node_texts.items()}


def words_of(field: str) -> str:
    """A field as people read it."""
    if field.startswith(OF_A_NODE):
        return f"Text of node {field.removeprefix(OF_A_NODE)}"
    return field.replace("_", " ").capitalize()
