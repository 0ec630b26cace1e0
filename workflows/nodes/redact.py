"""redact: replaces what the detectors find by numbered masks such as [IBAN 1].

It takes away a tag only where patterns find all there is of it: card data, not personal or health
data, since names and diagnoses stay in the text. Class and integrity stay as they are. What was
masked is noted among the origins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compliance import detectors
from compliance.labels import Labels
from workflows.nodes.contract import (
    Inputs,
    Kind,
    NodeContext,
    NodeFailed,
    NodeNote,
    Result,
    Template,
)
from workflows.nodes.filling import fill_text

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "value": {
            "type": "string",
            "minLength": 1,
            "description": "The text to mask, with {{ references }}.",
        },
        "detect": {
            "type": "array",
            "items": {"enum": sorted(detectors.KINDS)},
            "uniqueItems": True,
            "minItems": 1,
            "description": "What to look for; everything when left out.",
        },
    },
    "required": ["value"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    value: str
    detect: frozenset[str]


def read(values: Mapping[str, Any]) -> Config:
    return Config(value=values["value"], detect=frozenset(values.get("detect", detectors.KINDS)))


def run(ctx: NodeContext, config: Config, inputs: Inputs) -> Result:
    """Mask, then look again: a text in which anything is still found does not flow on."""
    text = fill_text(config.value, inputs)
    try:
        masked, findings = detectors.mask(text, kinds=config.detect)
        left = detectors.find(masked, kinds=config.detect)
    except detectors.DetectionFailed as error:
        raise NodeFailed("detection_failed", str(error)) from None
    if left:
        raise NodeFailed(
            "redaction_incomplete", f"After masking, {left[0].kind} is still found in the text."
        )
    found = dict(sorted(Counter(finding.kind for finding in findings).items()))
    labels = _masked(ctx.labels, config.detect, ctx.node_id)
    removed = sorted(ctx.labels.tags - labels.tags)
    note = NodeNote(event="text.redacted", body={"found": found, "tags_removed": removed})
    return Result(output={"text": masked, "found": found}, labels=labels, notes=(note,))


def _masked(labels: Labels, kinds: frozenset[str], node_id: str) -> Labels:
    covered = sorted(detectors.tags_covered_by(kinds) & labels.tags)
    cleared = detectors.tags_cleared_by(kinds)
    return labels.without_tags(*cleared).with_origins(
        *(f"redacted:{tag}@{node_id}" for tag in covered)
    )


def templates(config: Config) -> list[Template]:
    return [Template(path=("value",), value=config.value)]


def output_schema(_config: Config) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {"text": {"type": "string"}, "found": {"type": "object"}},
        "additionalProperties": False,
    }


KIND = Kind(
    name="redact",
    title="Redact",
    sentence="Masks identifiers in a text, so that what follows never sees them.",
    schema=SCHEMA,
    read=read,
    run=run,
    pure=True,
    templates=templates,
    output_schema=output_schema,
)
