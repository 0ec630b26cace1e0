"""The compliance officer's document: complete, deterministic, and true for any date."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils.timezone import now

from compliance import policies
from compliance.labels import DataClass
from grove_site.demo import seed
from tenancy.actors import SYSTEM, Actor
from tenancy.models import Tenant
from tests.workflows.models_of_tests import make_group
from workflows import definitions, document, document_text, documentation, versions
from workflows.models import Provider, WorkflowVersion
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
GOLDEN = Path(__file__).parent / "golden" / "complaint-handling.md"
TEXT = (seed.HERE / "workflows" / "complaint-handling.yaml").read_text()
ANN = Actor(kind="user", id="1", name="Ann")
ROB = Actor(kind="user", id="2", name="Rob")
MORNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    """Everything happens at known moments, a minute apart."""
    with time_machine.travel(MORNING, tick=False) as clock:
        policies.install_defaults(by=SYSTEM)
        clock.shift(60)
        make_group()
        clock.shift(60)
        revision = definitions.import_definition(text=TEXT, by=ANN, summary="First version")
        clock.shift(60)
        version = versions.create(revision=revision, by=ANN)
        clock.shift(60)
        versions.publish(version=version, by=ROB, reason="Read | and *understood*")
    return version


def test_document_equals_the_golden_file(version: WorkflowVersion) -> None:
    """After an intended change: delete the golden file, run the test, read the difference, and keep it."""
    text = _without_policies(document.render(version=version))

    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail("The golden file was written: read it, then run again.")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_same_version_and_moment_give_the_same_bytes(version: WorkflowVersion) -> None:
    at = now()
    first = document.render(version=version, as_of=at)

    assert document.render(version=version, as_of=at) == first
    assert document.digest(first) == document.digest(document.render(version=version))


def test_past_stays_as_it_was(version: WorkflowVersion) -> None:
    before = MORNING + timedelta(hours=1)
    then = document.render(version=version, as_of=before)

    register.change_provider(provider=Provider.objects.get(), by=SYSTEM, region="us")
    documentation.save(
        workflow=version.workflow, texts=documentation.Texts(purpose="Changed."), by=SYSTEM
    )
    versions.retire(version=version, by=ROB, reason="Old")

    assert document.render(version=version, as_of=before) == then
    today = document.render(version=version)
    assert "| us |" in today
    assert "Changed." in today
    assert "| Version | 1, retired |" in today


def test_order_is_a_topological_order(version: WorkflowVersion) -> None:
    facts = document.gather(version, now())
    place = {node.id: index for index, node in enumerate(facts.nodes)}

    for node in facts.nodes:
        for edge in node.after:
            assert place[edge.partition(":")[0]] < place[node.id]


def test_model_that_may_not_see_the_class_is_marked(version: WorkflowVersion) -> None:
    from workflows.models import Deployment

    deployment = Deployment.objects.get()
    register.change_deployment(deployment=deployment, by=SYSTEM, clearance=int(DataClass.PUBLIC))

    assert "refused: may see up to public" in document.render(version=version)


def test_texts_cannot_break_out_of_the_page() -> None:
    shown = document_text.plain('<script>alert("x")</script> | **bold** [a](b)\n# head')

    html = document.to_html(f"| a | b |\n| --- | --- |\n| {shown} | c |")

    assert "<script" not in html
    assert "<strong>" not in html
    assert "<a " not in html
    assert html.count("<td>") == 2


def test_fence_is_longer_than_any_within() -> None:
    text = document_text.fenced("before\n````\ninside\n````")

    assert text.startswith("`````text\n")
    assert "<p>" not in document.to_html(text)


def _without_policies(text: str) -> str:
    """The default policies have tests of their own; here it is enough that they are listed."""
    before, _, rest = text.partition("## Policies in force")
    listed, _, after = rest.partition("## Approvals and publication")
    assert "Policy 1, in force since 2026-11-02 09:00:00 UTC" in listed
    return f"{before}## Approvals and publication{after}"
