"""The compliance officer's document: complete, deterministic, and true for any date."""

from dataclasses import replace
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
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_deployment, make_group
from workflows import definitions, document, document_marks, documentation, versions
from workflows.models import Deployment, Provider, WorkflowVersion
from workflows.providers import placements, register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
GOLDEN = Path(__file__).parent / "golden" / "complaint-handling.md"
TEXT = (seed.HERE / "workflows" / "complaint-handling.yaml").read_text()
OPEN = '@id("open")\npermit(principal, action, resource);'
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


def test_document_of_an_old_date_equals_its_golden_file_after_later_edits(
    version: WorkflowVersion,
) -> None:
    """Everything that a document speaks of changes: the old date still has its bytes."""
    then = MORNING + timedelta(hours=1)
    with time_machine.travel(MORNING + timedelta(days=1), tick=False):
        deployment = Deployment.objects.get()
        register.change_provider(provider=deployment.provider, by=SYSTEM, region="us", baa=True)
        register.change_deployment(deployment=deployment, by=SYSTEM, clearance=3, model="small-2")
        register.set_price(
            deployment=deployment,
            input_micros_per_million=5,
            output_micros_per_million=5,
            by=SYSTEM,
        )
        placements.name(data_class=DataClass.RESTRICTED, regions=["eu"], providers=[], by=SYSTEM)
        policy = policies.create(hard=OPEN, obligations="", by=SYSTEM)
        policies.activate(snapshot=policy, by=SYSTEM, reason="Another.")
        texts = documentation.Texts(purpose="Other.", node_texts={"mask": "Other."})
        documentation.save(workflow=version.workflow, texts=texts, by=SYSTEM)
        revision = definitions.save(
            workflow=version.workflow, text=TEXT.replace("max_tokens: 60", "max_tokens: 70"), by=ANN
        )
        second = versions.create(revision=revision, by=ANN)
        versions.publish(version=second, by=ROB, reason="Better.")

    text = document.render(version=version, as_of=then)

    assert _without_policies(text) == GOLDEN.read_text(encoding="utf-8")
    today = document.render(version=version)
    assert today != text
    assert "| us |" in today
    assert "| Version | 1, retired |" in today


def test_changes_since_the_approval_are_named_with_author_and_reason(
    version: WorkflowVersion,
) -> None:
    with time_machine.travel(MORNING + timedelta(days=1), tick=False):
        provider = Provider.objects.get()
        register.change_provider(provider=provider, by=SYSTEM, region="us")
        texts = documentation.to_texts(documentation.find_newest(version.workflow))
        documentation.save(
            workflow=version.workflow, texts=replace(texts, owner="Others"), by=ANN, reason="Moved."
        )
        changed = TEXT.replace("max_tokens: 60", "max_tokens: 70")
        revision = definitions.save(
            workflow=version.workflow, text=changed, by=ANN, summary="Longer"
        )
        second = versions.create(revision=revision, by=ANN)

    facts = document.gather(second, now())

    assert facts.since is not None
    assert (facts.since.version, facts.since.by) == (1, "Rob")
    assert [(each.what, each.by, each.why) for each in facts.since.changes] == [
        ("Documentation: Owner", "Ann", "Moved."),
        (f"Provider {provider.name}: region eu → us", "Grove", ""),
        ("Version 2 of the definition: changed classify", "Ann", "Longer"),
    ]


def test_what_is_not_in_the_document_does_not_change_it(version: WorkflowVersion) -> None:
    """A price, another workflow, another provider, a later day."""
    before = document.digest(document.render(version=version))

    register.set_price(
        deployment=Deployment.objects.get(),
        input_micros_per_million=5,
        output_micros_per_million=5,
        by=SYSTEM,
    )
    make_deployment(name="other")
    definitions.save(workflow=None, text=small(), by=SYSTEM)

    with time_machine.travel(now() + timedelta(days=400)):
        assert document.digest(document.render(version=version)) == before


def test_order_is_a_topological_order(version: WorkflowVersion) -> None:
    facts = document.gather(version, now())
    place = {node.id: index for index, node in enumerate(facts.nodes)}

    for node in facts.nodes:
        for edge in node.after:
            assert place[edge.partition(":")[0]] < place[node.id]


def test_model_that_may_not_see_the_class_is_marked(version: WorkflowVersion) -> None:
    deployment = Deployment.objects.get()
    register.change_deployment(deployment=deployment, by=SYSTEM, clearance=int(DataClass.PUBLIC))

    assert "refused: may see up to public" in document.render(version=version)


def test_texts_cannot_break_out_of_the_page() -> None:
    shown = document_marks.plain('<script>alert("x")</script> | **bold** [a](b)\n# head')

    html = document.to_html(f"| a | b |\n| --- | --- |\n| {shown} | c |")

    assert "<script" not in html
    assert "<strong>" not in html
    assert "<a " not in html
    assert html.count("<td>") == 2


def test_fence_is_longer_than_any_within() -> None:
    text = document_marks.fenced("before\n````\ninside\n````")

    assert text.startswith("`````text\n")
    assert "<p>" not in document.to_html(text)


def _without_policies(text: str) -> str:
    """The default policies have tests of their own; here it is enough that they are listed."""
    before, _, rest = text.partition("## Policies in force")
    listed, _, after = rest.partition("## Approvals and publication")
    assert "Policy 1, in force since 2026-11-02 09:00:00 UTC" in listed
    return f"{before}## Approvals and publication{after}"
