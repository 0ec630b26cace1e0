"""Definitions to begin from. A new one is a file in this folder and its name in this list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from workflows import edited_text, node_tree, source
from workflows.edits import Edit

NAMES = ("triage", "summarise", "extract", "documents", "second_look", "empty")
PLACEHOLDER = "name: starter\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One definition to begin from, and what it is for."""

    name: str
    title: str
    sentence: str
    nodes: tuple[str, ...]
    text: str


@cache
def all_of_them() -> Mapping[str, Starter]:
    return {name: _read(name) for name in NAMES}


def text_of(
    starter: Starter, *, name: str, title: str, purpose: str, data_class: str, model_group: str
) -> str:
    """The text of a new workflow, with the comments of the one it begins from."""
    value = source.read(starter.text).value
    top: dict[str, Any] = {"title": title, "data_class": data_class}
    if purpose:
        top["documentation"] = {"purpose": purpose}
    changes = [
        Edit(name="set_top", arguments={"field": field, "value": each})
        for field, each in top.items()
    ]
    changes += [
        Edit(
            name="set_field",
            arguments={"node": spot.id, "field": "model_group", "value": model_group},
        )
        for spot in node_tree.spots(value)
        if spot.written["kind"] == "llm" and model_group
    ]
    made = edited_text.edit(starter.text, changes).text
    return made.replace(PLACEHOLDER, f"name: {name}\n", 1)


def _read(name: str) -> Starter:
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text()
    value = source.read(text).value
    return Starter(
        name=name,
        title=value["title"],
        sentence=value["description"],
        nodes=tuple(node_tree.name_of(spot.written) for spot in node_tree.spots(value)),
        text=text,
    )
