"""A worker of Grove that knows one kind more: `nap` sleeps on a node thread, as Celery's task does in its process.

It measures the engine with everything on, apart from the governed door and the network behind it.
"""

import time
from collections.abc import Mapping
from typing import Any

from workflows.nodes import KINDS, Inputs, Kind, NodeContext, Result

LONGEST_MS = 10_000


def run(ctx: NodeContext, config: float, inputs: Inputs) -> Result:
    time.sleep(config)
    return Result(output={"slept": config})


def read(values: Mapping[str, Any]) -> float:
    seconds: float = values["milliseconds"] / 1000
    return seconds


KINDS["nap"] = Kind(
    name="nap",
    title="Nap",
    sentence="Sleeps, and that is all.",
    schema={
        "type": "object",
        "properties": {"milliseconds": {"type": "integer", "minimum": 1, "maximum": LONGEST_MS}},
        "required": ["milliseconds"],
    },
    read=read,
    run=run,
)

from grove_site.celery import app  # noqa: E402, F401 - the kind comes before whatever reads the list
