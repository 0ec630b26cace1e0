"""A report of what left the house as files: rows as CSV, all of it as JSON, and the signed statement about the rows."""

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from django.http import HttpResponse

from runs.egress import Report

COLUMNS: Final = (
    "id", "kind", "at", "to", "via", "region", "egress", "data_class", "tags", "redactions", "model_asked",
    "model_answered", "status", "error_kind", "run", "node", "decision", "policy_number", "policy_digest",
)  # fmt: skip
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take it for a formula


def to_csv(report: Report) -> str:
    """The rows with a header line; what a spreadsheet would take for a formula begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in report.rows.splitlines():
        writer.writerow(_cells(orjson.loads(line)))
    return written.getvalue()


def to_json(report: Report) -> bytes:
    """The answer, the statement and the rows, in one object."""
    rows = [orjson.loads(line) for line in report.rows.splitlines()]
    whole = report.answer.to_json() | {"statement": report.statement, "rows": rows}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def to_file(report: Report, form: str) -> HttpResponse:
    """As a download: csv, json, ndjson (the bytes that the statement names) or statement."""
    kind, ending, write = FORMS[form]
    asked = report.answer.question
    name = f"egress-{asked.since}-{asked.until}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(write(report), content_type=kind, headers=headers)


FORMS: Final[Mapping[str, tuple[str, str, Callable[[Report], str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", "csv", to_csv),
    "json": ("application/json", "json", to_json),
    "ndjson": ("application/x-ndjson", "ndjson", lambda report: report.rows),
    "statement": (
        "application/json",
        "dsse.json",
        lambda report: orjson.dumps(report.statement, option=orjson.OPT_INDENT_2),
    ),
}


def _cells(row: dict[str, Any]) -> list[str]:
    policy = row.pop("policy")
    row |= {"policy_number": policy["number"], "policy_digest": policy["digest"]}
    return [_cell(row[name]) for name in COLUMNS]


def _cell(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text
