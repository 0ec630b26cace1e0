"""Every component on one page, with made-up content. Shown only where GROVE_STYLEGUIDE is set."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from grove_site.marks import BADGES
from runs import gantt
from runs.views.timeline import TimelineRow
from tenancy.access import public
from workflows.drawing import ICONS, NodeLook, draw_graph
from workflows.graph import Edge, Graph

NODES = (
    ("letter", "Letter", "input", "input · 12 ms", "completed"),
    ("mask", "Mask personal data", "redact", "redact · 24 ms", "completed"),
    ("classify", "Classify", "llm", "llm · 2.1 s", "completed"),
    ("extract", "Extract facts", "llm", "llm · 9.6 s", "retried"),
    ("route", "Route", "condition", "condition", "completed"),
    ("draft_urgent", "Draft urgent answer", "llm", "llm", "running"),
    ("draft_normal", "Draft answer", "llm", "llm", "skipped"),
    ("joined", "One answer", "merge", "merge", "queued"),
    ("result", "Answer", "output", "output", "queued"),
)
EDGES = (
    Edge("letter", "mask"),
    Edge("mask", "classify"),
    Edge("mask", "extract"),
    Edge("classify", "route"),
    Edge("extract", "route"),
    Edge("route", "draft_urgent", "urgent"),
    Edge("route", "draft_normal", "normal"),
    Edge("draft_urgent", "joined"),
    Edge("draft_normal", "joined"),
    Edge("joined", "result"),
)
ATTEMPTS = (
    ("letter", 1, "work", 0.0, 0.1),
    ("mask", 1, "work", 0.1, 0.5),
    ("classify", 1, "model", 0.5, 2.6),
    ("extract", 1, "failed", 0.5, 5.5),
    ("extract", 2, "model", 5.7, 10.1),
    ("route", 1, "waiting", 10.1, 7210.0),
    ("draft_urgent", 1, "model", 7210.0, None),
)
ORIGIN = datetime(2026, 11, 20, 9, 41, 1, tzinfo=UTC)


@public
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    if not settings.STYLEGUIDE:
        raise Http404
    messages.success(request, "A sentence that says what was done.")
    return render(request, "grove_site/styleguide.html", _content())


def _content() -> dict[str, Any]:
    graph = Graph([node for node, *_ in NODES], EDGES)
    looks = {
        node: NodeLook(
            title=title,
            kind=kind,
            note=note,
            state=state,
            href=f"?node={node}",
            selected=node == "extract",
        )
        for node, title, kind, note, state in NODES
    }
    attempts = [
        gantt.Attempt(
            node_id=node,
            number=number,
            tone=tone,
            started_at=ORIGIN + timedelta(seconds=start),
            finished_at=None if end is None else ORIGIN + timedelta(seconds=end),
        )
        for node, number, tone, start, end in ATTEMPTS
    ]
    timeline = gantt.lay_out(attempts, now=ORIGIN + timedelta(seconds=7213))
    return {
        "right": draw_graph(graph, looks),
        "down": draw_graph(
            graph,
            {
                node: NodeLook(title=look.title, kind=look.kind, note=look.kind, href=look.href)
                for node, look in looks.items()
            },
            direction="down",
        ),
        "timeline": timeline,
        "rows": [
            TimelineRow(
                title=title,
                icon=ICONS[kind],
                href=f"?node={node}",
                selected=node == "extract",
                seconds=1.5,
                cost_micros=3100 if kind == "llm" else None,
                bars=timeline.bars_of(node),
            )
            for node, title, kind, _, _ in NODES
        ],
        "states": list(BADGES),
        "value": {"severity": 3, "category": "fees", "ok": True, "iban": None, "text": "a <b> & c"},
        "now": ORIGIN,
    }
