"""The document of a workflow with bodies, waits, tools and other workflows: everything is said in plain words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from compliance import policies
from compliance.labels import DataClass
from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import definitions, destinations, document, node_words, versions
from workflows.document_text import plain
from workflows.models import WorkflowVersion
from workflows.nodes import KINDS

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "claims.md"
TEXT = (HERE / "nested.yaml").read_text().replace("scoring@3", "scoring@1")
REQUEST = """    request:
      tool: http_request
      arguments: {url: "https://bank.example/pay", method: POST, json: {answer_to: "{{ callback_url }}"}}
"""


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    with time_machine.travel(datetime(2026, 11, 2, 9, 0, tzinfo=UTC), tick=False):
        policies.install_defaults(by=SYSTEM)
        make_group()
        destinations.create(
            name="bank",
            host="bank.example",
            title="The bank",
            region="eu",
            methods=["POST"],
            clearance=int(DataClass.INTERNAL),
            dpa=True,
            by=SYSTEM,
        )
        inner = definitions.import_definition(text=small(name="scoring"), by=SYSTEM)
        versions.publish(version=versions.create(revision=inner, by=SYSTEM), by=SYSTEM)
        text = TEXT.replace("  - id: declined\n", f"{REQUEST}  - id: declined\n")
        return versions.create(
            revision=definitions.save(workflow=None, text=text, by=SYSTEM), by=SYSTEM
        )


def test_the_document_equals_the_golden_file(version: WorkflowVersion) -> None:
    """After an intended change: delete the golden file, run the test, read the difference, and keep it."""
    before, _, rest = document.render(version=version).partition("## Policies in force")
    text = before + rest[rest.index("## Approvals and publication") :]

    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail("The golden file was written: read it, then run again.")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_it_becomes_a_page(version: WorkflowVersion) -> None:
    assert "Inside of <code>each_claim</code>." in document.to_html(
        document.render(version=version)
    )


def test_every_kind_has_words_of_its_own() -> None:
    specs = {
        "for_each": {"items": [1, 2]},
        "delay": {"seconds": 5400},
        "approval": {"approver": "data_protection_officer", "question": "?"},
    }

    for kind in KINDS:
        told = node_words.describe({"kind": kind, **specs.get(kind, {})}, plain)
        assert told.endswith("."), told
        assert not told.startswith("A node of the kind")
    assert "2 entries" in node_words.describe({"kind": "for_each", "items": [1, 2]}, plain)
    assert "90 minutes" in node_words.describe({"kind": "delay", "seconds": 5400}, plain)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (90, "90 seconds"),
        (0.5, "0.5 seconds"),
        (3600, "1 hour"),
        (172_800, "2 days"),
        (0, "0 seconds"),
    ],
)
def test_how_long_in_words(seconds: float, words: str) -> None:
    assert node_words.lasting(seconds) == words
