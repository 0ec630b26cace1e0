"""The rows of long tables, printed without a template. What varies is escaped here."""

from collections.abc import Iterable
from urllib.parse import quote

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from grove_site.marks import badge, money, run_seconds, when, words_of
from runs.gantt import to_words
from runs.models import Run, RunPurpose
from runs.views.run_rows import RunRow
from workflows.inventory import Entry, Kind

PURPOSES: dict[str, str] = {
    RunPurpose.STAGING: "Staging",
    RunPurpose.REPLAY: "Replay",
    RunPurpose.WHAT_IF: "What-if",
}


def run_rows(rows: Iterable[RunRow]) -> SafeString:
    """A tick, id, state, workflow, start, how long, nodes, cost, denials and owner."""
    return mark_safe("\n".join(map(_of_run, rows)))  # noqa: S308 - every text in it was escaped


def run_marks(run: Run) -> SafeString:
    """What sets a run apart from others: what it is for, and that another run started it."""
    said = PURPOSES.get(run.purpose) or ("Fork" if run.forked_from_id else "")
    tags = (said, "Child" if run.parent_run_id else "")
    return mark_safe("".join(f'<span class="tag">{tag}</span>' for tag in tags if tag))  # noqa: S308 - words of this file


def _of_run(row: RunRow) -> str:
    run = row.run
    href, short = run.get_absolute_url(), str(run.pk)[-8:]
    people = f"{to_words(row.waited_seconds)} for people" if row.waited_seconds else ""
    tokens = f"{run.tokens_in + run.tokens_out:,} tokens"
    masked = f"{row.redactions:,} masked" if row.redactions else ""
    return (
        f'<tr><td class="tick"><input type="checkbox" name="run" value="{run.pk}" aria-label="Choose run {short}"></td>'
        f'<td><span class="lead"><a class="mono nowrap" href="{href}">…{short}</a>{run_marks(run)}</span></td>'
        f"<td>{badge(run.status)}{_error(run, href)}</td>"
        f"<td>{escape(run.workflow.title)}{_small(f'version {run.version.number}')}</td>"
        f"<td>{when(run.created_at)}{_small(f'by {row.starter}')}</td>"
        f'<td class="num">{run_seconds(run)}{_small(people)}</td>'
        f'<td class="num">{run.nodes_done}/{run.nodes_total}</td>'
        f'<td class="num">{escape(money(run.cost_micros, run.currency))}{_small(tokens)}</td>'
        f"{_denied(row)}{_small(masked)}</td><td>{_or(run.owner_label, '—')}</td></tr>"
    )


def _error(run: Run, href: str) -> str:
    if not run.error_code:
        return ""
    node = escape(run.error_node)
    way = f'<a href="{href}?node={quote(run.error_node)}">{node}</a>: ' if node else ""
    return f"<small>{way}{escape(run.error_code)}</small>"


def _denied(row: RunRow) -> str:
    if not row.denied:
        return '<td class="num">0'
    href = reverse("runs:decisions", args=[row.run.pk])
    return f'<td class="num bad"><a href="{href}">{row.denied:,}</a>'


def register_rows(entries: Iterable[Entry]) -> SafeString:
    """Name, kind, state, class, owner or place, tier and why, uses and used by."""
    return mark_safe("\n".join(map(_of_register, entries)))  # noqa: S308 - every text in it was escaped


def _of_register(entry: Entry) -> str:
    is_workflow = entry.kind is Kind.WORKFLOW
    badges = " ".join(badge(each) for each in (entry.state, entry.sign_off) if each)
    whose = (
        _or(entry.owner, "not said")
        if is_workflow
        else f"{_or(entry.place, '—')}{_small(entry.papers)}"
    )
    why = f"{badge(entry.risk.tier)}{_small('; '.join(entry.risk.reasons))}" if entry.risk else "—"
    used_by = f"used by {', '.join(entry.used_by)}" if entry.used_by else ""
    uses = f"{escape(', '.join(entry.uses))}{_small(used_by)}" or "—"
    return (
        f'<tr><th scope="row">{_name(entry) if is_workflow else escape(entry.name) + _small(entry.title)}</th>'
        f'<td class="nowrap">{escape(words_of(entry.kind))}</td><td>{badges}{_small(entry.idle)}</td>'
        f"<td>{_or(entry.data_class, '—')}</td><td>{whose}</td><td>{why}</td><td>{uses}</td></tr>"
    )


def _name(entry: Entry) -> str:
    href = escape(reverse("workflows:detail", args=[entry.name]))
    version = f", version {entry.version}" if entry.version else ""
    return f'<a href="{href}">{escape(entry.title)}</a>{_small(entry.name + version)}'


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _or(text: str, otherwise: str) -> str:
    return escape(text or otherwise)
