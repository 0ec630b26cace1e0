"""The demo's definitions hold together: valid, large enough, and every expression computes on the demo's input."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from compliance.labels import Labels
from grove_site.demo import seed
from workflows import json_schemas, validation
from workflows.definition import Definition, parse
from workflows.nodes import KINDS, ModelAnswer

WORKFLOWS = sorted((seed.HERE / "workflows").glob("*.yaml"))
LETTERS = sorted((seed.HERE / "letters").glob("*.txt"))


class FirstAnswer:
    """A context whose model takes the first of every list of choices."""

    node_id, attempt, labels = "node", 1, Labels()

    def __init__(self, run_input: Any) -> None:
        self.run_input = run_input

    def model(self, *, schema: Mapping[str, Any] | None, **asked: Any) -> ModelAnswer:
        return ModelAnswer(text=json.dumps(_first(schema)) if schema else "Dear customer.")


def _first(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: _first(member) for name, member in schema["properties"].items()}
    return {"integer": 1, "boolean": True}[schema["type"]]


def walk(definition: Definition, run_input: Any) -> dict[str, Any]:
    """The outputs of all live nodes, one after the other."""
    ctx, outputs, branches = FirstAnswer(run_input), {}, {}
    for node_id in definition.graph.order:
        edges: Sequence[Any] = definition.graph.edges_into(node_id)
        live = [
            edge.source in outputs and edge.branch in (None, branches.get(edge.source))
            for edge in edges
        ]
        node = definition.node(node_id)
        if edges and not (any(live) if node.kind == "merge" else all(live)):
            continue
        result = KINDS[node.kind].run(ctx, node.config, outputs)  # type: ignore[arg-type]
        outputs[node_id], branches[node_id] = result.output, result.branch
    return outputs


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_demo_definition_has_no_problems(path: Path) -> None:
    assert validation.check(path.read_text(), model_groups=frozenset({"default"})) == []
    assert parse(path.read_text()).name == path.stem
    assert all(node.description for node in parse(path.read_text()).nodes)


@pytest.mark.parametrize("path", LETTERS, ids=lambda path: path.stem)
def test_every_letter_leads_to_a_draft(path: Path) -> None:
    definition = parse((seed.HERE / "workflows" / "complaint-handling.yaml").read_text())
    letter = {"text": path.read_text()}

    outputs = walk(definition, letter)

    assert json_schemas.faults(definition.input_schema, letter) == []
    assert "@" not in outputs["mask"]["text"]
    assert outputs["result"]["draft"] == "Dear customer."
    assert outputs["result"]["file_entry"]["desk"] == "fraud"


def test_claim_file_goes_through_all_its_checks() -> None:
    definition = parse((seed.HERE / "workflows" / "claim-file-review.yaml").read_text())
    claim = json.loads((seed.HERE / "claims" / "burst-pipe.json").read_text())

    result = walk(definition, claim)["result"]

    assert len(definition.nodes) > 30
    assert json_schemas.faults(definition.input_schema, claim) == []
    assert result["brief"] == {
        "desk": "regular",
        "open_points": ["receipts missing"],
        "due_in_days": 5,
    }
    assert result["sums"]["claimed"] == pytest.approx(4421.70)
    assert result["without_receipt"] == ["carpet in the hall"]
    assert set(result["checks"]) == {
        "cover",
        "deductible_check",
        "limit_check",
        "reporting_check",
        "history_check",
        "report",
    }
