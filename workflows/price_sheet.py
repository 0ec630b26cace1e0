"""Prices as comma-separated values (RFC 4180): read and checked as a whole, taken over as a whole or not at all."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from tenancy.actors import Actor
from tenancy.money import to_micros
from workflows.errors import PriceInvalid, PriceSheetInvalid
from workflows.models import Deployment, Price
from workflows.providers import register

COLUMNS: Final = ("deployment", "input_per_million", "output_per_million", "currency", "valid_from")
NEEDED: Final = COLUMNS[:3]
USUAL_CURRENCY: Final = "EUR"
MOST_BYTES: Final = 1_000_000
MOST_LINES: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One price that a sheet wants. `number` is its line; `valid_from` None is from now on. Amounts are micro-units."""

    number: int
    deployment: Deployment
    input_micros: int
    output_micros: int
    currency: str
    valid_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a line, and what helps. Line 1 holds the names of the columns."""

    number: int
    sentence: str


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What was read. It is taken over only where there is no fault."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many lines it has, right and wrong ones."""
        return len(self.rows) + len(self.faults)


def read(text: str) -> Sheet:
    """Read and check without changing anything. Commas or semicolons part the cells; amounts are like 2.50.

    Raises PriceSheetInvalid for what is no sheet of prices at all.
    """
    if len(text.encode()) > MOST_BYTES:
        raise PriceSheetInvalid("A sheet of prices is at most 1 MB. Send it in parts.")
    lines = _lines(text.removeprefix("\ufeff"))
    if not lines:
        raise PriceSheetInvalid("This sheet holds no price: only the names of its columns.")
    if len(lines) > MOST_LINES:
        raise PriceSheetInvalid(f"A sheet holds at most {MOST_LINES:,} prices. Send it in parts.")
    names = {cells["deployment"] for _, cells in lines}
    known = {each.name: each for each in Deployment.objects.filter(name__in=names)}
    sheet = Sheet()
    seen: dict[tuple[str, datetime | None], int] = {}
    for number, cells in lines:
        try:
            row = _to_row(number, cells, known)
        except ValueError as error:
            sheet.faults.append(Fault(number=number, sentence=str(error)))
            continue
        first = seen.setdefault((row.deployment.name, row.valid_from), number)
        if first != number:
            twice = f"Line {first} already has a price of “{row.deployment.name}” from then on."
            sheet.faults.append(Fault(number=number, sentence=twice))
        else:
            sheet.rows.append(row)
    return sheet


@transaction.atomic
def take(*, sheet: Sheet, by: Actor) -> Sequence[Price]:
    """Set all prices of the sheet, each with its ledger entry, or none. Raises PriceSheetInvalid, PriceInvalid."""
    if sheet.faults:
        raise PriceSheetInvalid(
            f"Nothing was taken over: {told(sheet.faults)}", lines=to_json(sheet.faults)
        )
    return [
        register.set_price(
            deployment=row.deployment,
            input_micros_per_million=row.input_micros,
            output_micros_per_million=row.output_micros,
            currency=row.currency,
            valid_from=row.valid_from,
            by=by,
        )
        for row in sheet.rows
    ]


def told(faults: Sequence[Fault]) -> str:
    """The first of them in words, and how many more there are."""
    first = f"line {faults[0].number}: {faults[0].sentence}"
    return first if len(faults) == 1 else f"{first} {len(faults) - 1} more lines are wrong."


def to_json(faults: Iterable[Fault]) -> list[dict[str, object]]:
    return [{"line": fault.number, "sentence": fault.sentence} for fault in faults]


def _lines(text: str) -> list[tuple[int, Mapping[str, str]]]:
    """Cells by the names of their columns, with the number of the line; empty lines are left out."""
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = [cell.strip().lower() for cell in next(reader, [])]
        _check_columns(columns)
        return [
            (reader.line_num, _named(columns, cells))
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise PriceSheetInvalid(
            f"This is not a sheet of comma-separated values: {error}."
        ) from error


def _check_columns(columns: Sequence[str]) -> None:
    wanted = ", ".join(COLUMNS)
    for name in NEEDED:
        if name not in columns:
            raise PriceSheetInvalid(
                f"The column “{name}” is missing. The first line names: {wanted}."
            )
    for name in columns:
        if name not in COLUMNS:
            raise PriceSheetInvalid(
                f"There is no column “{name[:40]}”. The first line names: {wanted}."
            )
        if columns.count(name) > 1:
            raise PriceSheetInvalid(f"The column “{name}” is there twice.")


def _named(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    named = dict.fromkeys(COLUMNS, "") | {
        name: cell.strip() for name, cell in zip(columns, cells, strict=False)
    }
    return named | {"too_many": str(len(cells) - len(columns)) if len(cells) > len(columns) else ""}


def _to_row(number: int, cells: Mapping[str, str], known: Mapping[str, Deployment]) -> Row:
    """Raises ValueError with a sentence."""
    if cells["too_many"]:
        raise ValueError("It has more cells than there are columns. Write amounts like 2.50.")
    deployment = known.get(cells["deployment"])
    if deployment is None:
        raise ValueError(f"There is no deployment “{cells['deployment'][:64]}”.")
    currency = cells["currency"] or USUAL_CURRENCY
    if not register.CURRENCY.fullmatch(currency):
        raise ValueError(
            f"“{currency[:20]}” is no currency: write three capital letters, such as EUR."
        )
    return Row(
        number=number,
        deployment=deployment,
        input_micros=_micros(cells, "input_per_million"),
        output_micros=_micros(cells, "output_per_million"),
        currency=currency,
        valid_from=_moment(cells["valid_from"]),
    )


def _micros(cells: Mapping[str, str], name: str) -> int:
    try:
        return to_micros(cells[name])
    except ValueError:
        raise ValueError(
            f"“{cells[name][:20]}” is no amount in {name}: write it like 2.50, with a point."
        ) from None


def _moment(text: str) -> datetime | None:
    """A day is its beginning; what names no zone is UTC."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"“{text[:40]}” is no day: write it like 2026-01-31, or leave it out for now."
        ) from None
    moment = found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        register.check_moment(moment)
    except PriceInvalid as error:
        raise ValueError(error.sentence) from error
    return moment
