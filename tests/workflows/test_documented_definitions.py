"""The definitions in docs/ are what they say: they have no problems."""

import re
from pathlib import Path

import pytest

from workflows import definition
from workflows.definition_schema import definition_schema
from workflows.json_schemas import faults
from workflows.nodes import KINDS
from workflows.validation import check

DOCUMENT = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(grove: 1.*?)```", DOCUMENT, flags=re.DOTALL)


def test_there_is_a_small_one_and_a_whole_one():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("text", EXAMPLES, ids=["small", "whole"])
def test_an_example_has_no_problems(text):
    known = {
        "model_groups": {"default"},
        "tools": {"http_request"},
        "versions": {"scoring@3": "published"},
        "origins": {"https://bank.example:443"},
    }

    assert check(text, **known) == []
    assert faults(definition_schema(), definition.parse(text).spec) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_told_of(kind):
    assert f"| `{kind.name}` |" in DOCUMENT


def test_every_member_of_every_kind_is_told_of():
    members = {name for kind in KINDS.values() for name in kind.schema["properties"]}

    assert {name for name in members if not re.search(f"`{name}[`:]", DOCUMENT)} == set()
