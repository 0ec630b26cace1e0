"""Whether every model that may answer a node may see what can reach it: all of its group, not only the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from compliance.labels import DataClass, Labels
from workflows.dataflow import Flow, flow_of
from workflows.definition import Definition, NodeSpec
from workflows.problems import Problem
from workflows.providers.contract import Target
from workflows.providers.fitness import Fault, Placements


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is known of models and destinations when a definition is checked."""

    groups: Mapping[str, Sequence[Target]]  # those that are enabled, in the order they are tried
    placements: Placements
    answer_classes: Mapping[str, DataClass]
    today: date


def problems(definition: Definition, known: Register) -> Iterator[Problem]:
    """One for each node and member that does not fit: failover would lead there. For a sound definition."""
    flow = flow_of(definition, known.answer_classes)
    for node in definition.walk():
        if node.kind != "llm":
            continue
        for place, member in enumerate(known.groups.get(node.config.model_group, ()), start=1):
            faults = _faults(member, flow.into[node.id], known)
            if faults:
                yield _problem(node, flow, member, place, faults[0], known)


def find_refusal(group: str, labels: Labels, known: Register) -> str:
    """Why a member of this group may not see values with these labels; empty where all of them may."""
    for member in known.groups.get(group, ()):
        if faults := _faults(member, labels, known):
            return f"{member.name}: {faults[0].sentence}"
    return ""


def _faults(member: Target, labels: Labels, known: Register) -> list[Fault]:
    return member.find_faults(labels, today=known.today, placements=known.placements)


def _problem(
    node: NodeSpec, flow: Flow, member: Target, place: int, fault: Fault, known: Register
) -> Problem:
    def brings_it(labels: Labels) -> bool:
        return any(each.code == fault.code for each in _faults(member, labels, known))

    way = flow.way(node.id, brings_it)
    asked = f"Node “{node.id}” asks model group “{node.config.model_group}”"
    return Problem(
        code="model_unfit",
        sentence=(
            f"{asked}, whose member {place}, “{member.name}”, may not take this call: {fault.sentence} "
            f"What reaches it: {described(flow.into[node.id])}, by {' → '.join(way)}. "
            "Point the group elsewhere, or let less reach the node."
        ),
        node=node.id,
        line=node.line,
        column=node.column,
        field="model_group",
        way=way,
    )


def described(labels: Labels) -> str:
    """Labels in words: “confidential data with NAME, to stay in eu”."""
    tags = f" with {', '.join(sorted(labels.tags))}" if labels.tags else ""
    where = ""
    if labels.residency is not None:
        where = f", to stay in {', '.join(sorted(labels.residency)) or 'no region'}"
    return f"{labels.data_class.word} data{tags}{where}"
