"""Which fields the form of a node has: made from the schema of its kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from workflows import node_tree, upstream
from workflows.definition_schema import TOP, node_schema
from workflows.form_fields import ABSENT, OPERATORS, Plan
from workflows.node_tree import Spot
from workflows.nodes import KINDS
from workflows.tools.declarations import DECLARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """What can reach a node at most, in words, and the nodes that it comes through."""

    words: str
    way: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What a tenant has that a node may name, each with the words beside it.

    `reaching` is told of a node that asks a model, in a sound draft: through no other what flows can be followed.
    """

    model_groups: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    reaching: Reaching | None = None


LABELS: Mapping[str, str] = {
    "schema": "What comes in, as JSON Schema",
    "labels": "What every input carries",
    "cases": "Branches",
    "after": "Runs after",
    "as": "Name of an entry in the body",
    "at_most": "Longest list",
    "width": "At the same time",
    "failures": "Entries that may fail",
    "may_call": "Tools that the code may call",
    "output": "Form of the answer, as JSON Schema",
    "max_tokens": "Longest answer in tokens",
    "timeout_seconds": "Time-out in seconds",
    "expires_in_seconds": "Expires after, in seconds",
    "on_failure": "When it failed for good",
    "respond_here": "Answer early with this node’s output",
    "description": "What this node does, in plain language",
    "accept": "Take a round’s value when",
    "show": "What the person sees",
    "detect": "What to mask",
}
WIDGETS: Mapping[str, str] = {
    "prompt": "prose",
    "system": "prose",
    "question": "prose",
    "description": "prose",
    "expression": "code",
    "code": "code",
    "arguments": "pairs",
    "inputs": "pairs",
    "accept": "comparison",
    "items": "line",
    "fallback": "line",
    "until": "line",
    "workflow": "choice",
    "tool": "choice",
    "model_group": "choice",
    "title": "short",
}
OPEN = frozenset({"value", "input", "show", "feedback"})  # any JSON value: a table while it is one
OWN = frozenset({"id", "kind", "after", "title", "description", "body", "cases", "otherwise"})
READS = OPEN | {"prompt", "system", "question", "until", "items", "accept", "arguments", "inputs"}
ON_FAILURE = (
    ("", "Fail the run"),
    ("continue", "Go on with the fallback"),
    ("route", "Take the branch “failed”"),
)
HIGH = {"prompt": 6, "code": 10, "schema": 8, "output": 6, "expression": 3, "value": 4}
FIRST = ("model_group", "tool", "workflow", "system", "prompt", "question")


def of_node(spec: Any, spot: Spot, offers: Offers) -> list[Plan]:
    """The fields of this node, those of its kind first, what is rarely set last."""
    written = spot.written
    kind = str(written.get("kind"))
    title = Plan(name="title", label="Name", widget="short", help="")
    if kind not in KINDS:
        return [title]
    schema = node_schema(kind)
    own = [name for name in KINDS[kind].schema["properties"] if name not in OWN]
    own.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    every = [name for name in schema["properties"] if name not in OWN and name not in own]
    sources = cache(lambda inside: tuple(upstream.references(spec, spot, inside=inside)))
    plans = [_plan(spot, name, schema, offers, sources) for name in (*own, *every)]
    near = [plan for plan in plans if not plan.aside]
    description = Plan(
        name="description", label=LABELS["description"], widget="prose", high=3,
        help="Goes into the document that is approved.",
    )  # fmt: skip
    return [title, *near, description, *(plan for plan in plans if plan.aside)]


def of_top() -> list[Plan]:
    """The fields of the definition itself."""
    classes = tuple((each, each.capitalize()) for each in TOP["properties"]["data_class"]["enum"])
    return [
        Plan(name="title", label="Title", widget="short"),
        Plan(name="description", label="Description", widget="prose"),
        Plan(
            name="data_class", label="Data class", widget="choice", required=True, choices=classes,
            help=TOP["properties"]["data_class"]["description"],
        ),
        Plan(
            name="on_worker_loss", label="When a worker is lost", widget="choice", aside=True,
            choices=(("", "As usual: resume"), ("resume", "Go on by itself"), ("fail", "Fail")),
            help=TOP["properties"]["on_worker_loss"]["description"],
        ),
        Plan(
            name="budget", label="Budget of a run", widget="box", aside=True, high=2,
            help="In millionths of the currency: amount_micros and currency, each on a line.",
        ),
    ]  # fmt: skip


def label_of(name: str) -> str:
    """What people call this member of a node."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def references_of(spec: Any, spot: Spot) -> list[str]:
    """What the comparisons of this node may name."""
    return upstream.references(spec, spot)


def value(written: Mapping[str, Any], name: str) -> Any:
    """What the node says of this member, or ABSENT."""
    return written.get(name, ABSENT)


def _plan(
    spot: Spot,
    name: str,
    schema: Mapping[str, Any],
    offers: Offers,
    sources: Callable[[bool], tuple[str, ...]],
) -> Plan:
    rule = schema["properties"][name]
    written = value(spot.written, name)
    required = name in schema.get("required", ())
    widget = _widget(name, rule, written)
    inside = name in ("value", "feedback", "accept") and node_tree.is_container(spot.written)
    reads = name in READS and widget in ("prose", "line", "pairs", "comparison")
    return Plan(
        name=name,
        label=label_of(name),
        widget=widget,
        help=_help(name, rule, widget),
        required=required,
        aside=not required and written is ABSENT and name not in ("system", "show", "until", "seconds"),
        choices=_choices(name, rule, widget, offers, required=required),
        sources=sources(inside) if reads else (),
        known_keys=_arguments_of(spot.written) if name == "arguments" else (),
        high=HIGH.get(name, 3),
    )  # fmt: skip


def _widget(name: str, rule: Mapping[str, Any], written: Any) -> str:
    if name == "value" and rule.get("type") == "string":
        return "prose"
    if name in OPEN:
        return "pairs" if written is ABSENT or isinstance(written, Mapping) else "line"
    if name in WIDGETS:
        wanted = WIDGETS[name]
        odd = wanted in ("prose", "code", "short") and not isinstance(written, str | type(ABSENT))
        return "box" if odd else wanted
    return "choice" if "enum" in rule else _widget_for(rule)


def _widget_for(rule: Mapping[str, Any]) -> str:
    match rule.get("type"):
        case "integer" | "number":
            return "number"
        case "boolean":
            return "flag"
        case "array" if "enum" in rule.get("items", {}):
            return "many"
        case "array" if rule.get("items", {}).get("type") == "string":
            return "lines"
        case "string":
            return "short"
    return "box"


def _help(name: str, rule: Mapping[str, Any], widget: str) -> str:
    told = str(rule.get("description", ""))
    if widget == "box":
        return f"{told} Written as YAML.".strip()
    if widget == "lines":
        return f"{told} One a line.".strip()
    return told


def _choices(
    name: str, rule: Mapping[str, Any], widget: str, offers: Offers, *, required: bool
) -> tuple[tuple[str, str], ...]:
    if widget == "comparison":
        return OPERATORS
    if name == "on_failure":
        return ON_FAILURE
    offered = {
        "model_group": offers.model_groups,
        "tool": offers.tools,
        "workflow": offers.versions,
    }.get(name)
    if offered is not None:
        return (("", "Choose"), *offered.items())
    if widget == "many":
        return tuple((each, each.replace("_", " ")) for each in rule["items"]["enum"])
    if "enum" not in rule:
        return ()
    named = tuple((str(each), str(each).replace("_", " ").capitalize()) for each in rule["enum"])
    return named if required else (("", "As usual"), *named)


def _arguments_of(written: Mapping[str, Any]) -> tuple[str, ...]:
    declared = DECLARED.get(str(written.get("tool")))
    return tuple(declared.schema["properties"]) if declared else ()
