"""merge: brings branches together again, once all live ones are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workflows.nodes.contract import (
    Inputs,
    Kind,
    NodeContext,
    NodeFailed,
    NodeNote,
    Result,
    Template,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mode": {
            "enum": ["first", "object"],
            "description": "first: the output of the first live node of `after`. "
            "object: the outputs of all live ones, under their ids.",
        },
    },
    "required": ["mode"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    mode: Literal["first", "object"]
    sources: tuple[str, ...]  # nodes of `after`, in order


def read(values: Mapping[str, Any]) -> Config:
    named = (
        entry if isinstance(entry, str) else entry["node"] for entry in values.get("after", ())
    )
    sources = (entry.partition(":")[0] for entry in named)
    return Config(mode=values["mode"], sources=tuple(dict.fromkeys(sources)))


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Take what is live. A source that was skipped is absent from the inputs."""
    live = [source for source in config.sources if source in inputs]
    if not live:
        raise NodeFailed("nothing_to_merge", "None of the nodes before this one has an output.")
    if config.mode == "object":
        return Result(output={source: inputs[source] for source in live})
    note = NodeNote(event="merge.took", body={"node": live[0]})
    return Result(output=inputs[live[0]], notes=(note,))


def names(config: Config) -> list[Template]:
    return [Template(path=("after",), value=source) for source in config.sources]


KIND = Kind(
    name="merge",
    title="Merge",
    sentence="Waits for the live branches and goes on with what they made.",
    schema=SCHEMA,
    read=read,
    run=run,
    pure=True,
    names=names,
)
