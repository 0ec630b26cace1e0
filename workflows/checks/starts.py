"""Whether what a sub_workflow node sends fits the version it starts: its form, and how sensitive it may be. Pure.

Of a template only that is judged which holds whatever its references lead to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compliance.labels import DataClass, Labels
from workflows import json_schemas, references
from workflows.checks.scopes import Scope
from workflows.dataflow import flow_of
from workflows.definition import Definition
from workflows.json_schemas import SchemaFault
from workflows.problems import Problem

# Rules that are broken by the members and places there are, whatever their values turn out to be.
BY_FORM = frozenset(
    {
        "type",
        "required",
        "additionalProperties",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "dependentRequired",
    }
)
CONDITIONS = frozenset({"if", "dependentSchemas"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Startable:
    """What a version says of the runs it takes: what they are started with, and how sensitive they may be."""

    input_schema: Mapping[str, Any]
    data_class: DataClass


class _Unknown:
    """Stands where a reference decides: nobody knows what will be there."""


UNKNOWN = _Unknown()


def problems(top: Scope, versions: Mapping[str, Startable]) -> Iterator[Problem]:
    """One for each place of an input template that no run of the version would take."""
    for scope in top.walk():
        for node, spec in scope.specs.items():
            if spec.kind != "sub_workflow" or spec.config.workflow not in versions:
                continue
            child = versions[spec.config.workflow]
            for fault in template_faults(child.input_schema, spec.config.input):
                at = (*fault.path, fault.key) if fault.key is not None else fault.path
                sentence = (
                    f"Node “{node}” starts “{spec.config.workflow}” with an input that it does not take. "
                    f"{_told(fault)}."
                )
                yield scope.problem(node, ("input", *at), "child_input_invalid", sentence)


def class_problems(
    definition: Definition,
    versions: Mapping[str, Startable],
    answer_classes: Mapping[str, DataClass],
) -> Iterator[Problem]:
    """One for each node to which more can flow than the version it starts is declared for. For a sound definition."""
    starting = [node for node in definition.walk() if node.kind == "sub_workflow"]
    if not starting:
        return
    flow = flow_of(definition, answer_classes)
    for node in starting:
        child, sent = versions.get(node.config.workflow), flow.into[node.id].data_class
        if child is None or sent <= child.data_class:
            continue

        def brings_it(labels: Labels, allowed: DataClass = child.data_class) -> bool:
            return labels.data_class > allowed

        yield Problem(
            code="child_class_too_low",
            sentence=(
                f"Node “{node.id}” can send {sent.word} data to “{node.config.workflow}”, which is declared for "
                f"{child.data_class.word} data at most. It comes by {' → '.join(flow.way(node.id, brings_it))}. "
                "Start a version that is declared for it, or let less reach the node."
            ),
            node=node.id,
            line=node.line,
            column=node.column,
        )


def template_faults(schema: Mapping[str, Any], template: Any) -> list[SchemaFault]:
    """Where the template fits the schema with no value that its references could have."""
    known = _known(template)
    found = json_schemas.faults(schema, _without_unknown(known))
    if _holds_unknown(known) and _has_conditions(schema):
        return []
    return [fault for fault in found if _is_certain(fault, known)]


def _is_certain(fault: SchemaFault, known: Any) -> bool:
    place = known
    for step in fault.path:
        if isinstance(place, _Unknown):
            return False
        place = place[step]
    if isinstance(place, _Unknown):
        return False
    if isinstance(place, str) and "{{" in place:
        return fault.rule == "type"
    return fault.rule in BY_FORM or not _holds_unknown(place)


def _known(template: Any) -> Any:
    """The template with UNKNOWN for every text that is one reference. Other texts stay texts."""
    if isinstance(template, Mapping):
        return {name: _known(value) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [_known(value) for value in template]
    if not isinstance(template, str) or "{{" not in template:
        return template
    try:
        parts = references.parse(template)
    except references.TemplateUnreadable:  # told where all templates are looked at
        return UNKNOWN
    return UNKNOWN if len(parts) == 1 else template


def _without_unknown(known: Any) -> Any:
    if isinstance(known, Mapping):
        return {name: _without_unknown(value) for name, value in known.items()}
    if isinstance(known, list):
        return [_without_unknown(value) for value in known]
    return None if isinstance(known, _Unknown) else known


def _holds_unknown(known: Any) -> bool:
    if isinstance(known, Mapping):
        return any(_holds_unknown(value) for value in known.values())
    if isinstance(known, list):
        return any(_holds_unknown(value) for value in known)
    return isinstance(known, _Unknown) or (isinstance(known, str) and "{{" in known)


def _has_conditions(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return bool(CONDITIONS & schema.keys()) or any(map(_has_conditions, schema.values()))
    return isinstance(schema, list) and any(map(_has_conditions, schema))


def _told(fault: SchemaFault) -> str:
    told = str(fault).rstrip(".")
    return told[:1].upper() + told[1:] if not fault.path else told
