"""The parts of pictures, printed without a template: a graph has hundreds of them.

What varies is escaped here; what does not is written once, in `ui/_graph.html` and `ui/_timeline.html`.
"""

from collections.abc import Sequence

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from grove_site.marks import badge, icon, money
from runs.gantt import Timeline, to_words
from runs.views.timeline import Fold, TimelineRow
from workflows.drawing import EdgePicture, GraphPicture, NodePicture

PILE = 4  # how far the second box of a container is off
STATE_FROM_RIGHT, STATE_FROM_TOP = 21, 27


def graph_parts(picture: GraphPicture, fragment: object) -> SafeString:
    """Edges, their labels, and nodes. With `fragment` a node is also fetched by HTMX, as its <svg> says how."""
    parts = [_edge(edge) for edge in picture.edges]
    parts += [_edge_label(edge) for edge in picture.edges if edge.label]
    parts += [_node(node, fetched=bool(fragment)) for node in picture.nodes]
    return mark_safe("\n".join(parts))  # noqa: S308 - every text in it was escaped


def _edge(edge: EdgePicture) -> str:
    tone = edge.tone
    return f'<path class="edge edge--{tone}" d="{edge.path}" marker-end="url(#a-{tone})"/>'


def _edge_label(edge: EdgePicture) -> str:
    place = f'x="{edge.label_x:g}" y="{edge.label_y:g}"'
    return f'<text class="elabel" {place}>{escape(edge.label)}</text>'


def _node(node: NodePicture, *, fetched: bool) -> str:
    """Drawn at the origin and moved, so that all nodes say the same."""
    size = f'width="{node.width}" height="{node.height}" rx="8"'
    pile = f'<rect class="box pile" x="{PILE}" y="{PILE}" {size}/>' if node.is_container else ""
    state = node.state
    mark = (
        f'<use class="ic st" href="#i-{state.icon}" x="{node.width - STATE_FROM_RIGHT}" '
        f'y="{STATE_FROM_TOP}" width="13" height="13"/>'
        if state.icon
        else ""
    )
    return (
        f'<a id="n-{escape(node.id)}" class="n n--{state.tone}{" n--sel" if node.selected else ""}" '
        f'transform="translate({node.x:g} {node.y:g})"{_way(node.href, fetched)} '
        f'aria-label="{escape(node.label)}"{_CURRENT if node.selected else ""}>'
        f"<title>{escape(node.full_title)}</title>{pile}"
        f'<rect class="box" {size}/>'
        f'<rect class="bar" y="10" width="3" height="{node.height - 20}" rx="1.5"/>'
        f'<use class="ic" href="#i-{node.icon}" x="12" y="9" width="14" height="14"/>'
        f'<text class="nm" x="32" y="21">{escape(node.title)}</text> '
        f'<text class="sub" x="32" y="38">{escape(node.note)}</text>{mark}</a>'
    )


_CURRENT = ' aria-current="true"'


def _way(href: str, fetched: object) -> str:
    safe = escape(href)
    return f' href="{safe}" hx-get="{safe}"' if fetched else f' href="{safe}"'


def timeline_rows(
    timeline: Timeline, rows: Sequence[TimelineRow], currency: str, fragment: object
) -> SafeString:
    """The rows below the axis, whose ticks they repeat."""
    axis = "".join(
        f'<line class="tick" x1="{tick.x:g}%" x2="{tick.x:g}%" y1="0" y2="18"/>'
        for tick in timeline.ticks
    )
    axis += "".join(
        f'<rect class="brk" x="{gap.x:g}%" y="-3" width="{gap.width:g}%" height="24"/>'
        for gap in timeline.breaks
    )
    printed = [
        _pages_row(row, fragment) if row.pages else _row(row, axis, currency, fragment)
        for row in rows
    ]
    return mark_safe("\n".join(printed))  # noqa: S308 - every text in it was escaped


def _pages_row(row: TimelineRow, fragment: object) -> str:
    ways = "".join(
        f'<a class="btn btn--s"{_way(href, fragment)}>{escape(words)}</a>'
        for words, href in row.pages
    )
    words = f'<span class="muted">{escape(row.title)}</span>'
    return f'<tr class="more"><td colspan="4"><span class="lead lv{row.level}">{ways}{words}</span></td></tr>'


def _row(row: TimelineRow, axis: str, currency: str, fragment: object) -> str:
    chosen = ' aria-selected="true"' if row.selected else ""
    body = "" if row.href else ' class="body"'
    time = ("—" if row.seconds is None else to_words(row.seconds)) if row.href else ""
    cost = "—" if row.cost_micros is None else money(row.cost_micros, currency)
    bars = "".join(
        f'<rect class="b b--{bar.tone}" x="{bar.x:g}%" y="4" width="{bar.width:g}%" height="10" rx="3">'
        f"<title>{escape(bar.words)}</title></rect>"
        for bar in row.bars
    )
    return (
        f'<tr{chosen}{body}><td><span class="lead lv{row.level}">{_lead(row, fragment)}</span></td>'
        f'<td class="num">{time}</td><td class="num">{cost if row.href else ""}</td>'
        f'<td><svg aria-hidden="true">{axis}{bars}</svg></td></tr>'
    )


def _lead(row: TimelineRow, fragment: object) -> str:
    """Fold, icon, name, how many, state."""
    title = escape(row.title)
    known = f' id="t-{escape(row.path)}"' if row.path else ""
    parts = [
        _fold(row.fold, row, fragment) if row.fold else "",
        icon(row.icon, "i i--s muted") if row.icon else "",
        f"<a{known}{_way(row.href, fragment)}>{title}</a>" if row.href else f"<span>{title}</span>",
        f'<span class="count">{escape(row.note)}</span>' if row.note else "",
        badge(row.state) if row.state else "",
    ]
    return "".join(parts)


def _fold(fold: Fold, row: TimelineRow, fragment: object) -> str:
    word, expanded = ("Fold", "true") if fold.is_open else ("Unfold", "false")
    return (
        f'<a class="fold" id="f-{escape(row.path)}"{_way(fold.href, fragment)} aria-expanded="{expanded}">'
        f'{icon("chev", "i i--s")}<span class="vh">{word} {escape(row.title)}</span></a>'
    )
