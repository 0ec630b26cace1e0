"""Versions that definitions start runs of: known at save, published at publication, named with their digests."""

import pytest

from tenancy.actors import SYSTEM
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_group
from workflows import definitions, versions
from workflows.disposal import WorkflowDisposable
from workflows.errors import ContentDisposed, NotPublishable, PinnedVersionMissing
from workflows.models import WorkflowVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def starting(*names: str, own: str) -> str:
    """A definition that starts runs of these one after the other."""
    nodes = ["  - {id: n0, kind: input, schema: {}}"]
    nodes += [
        f"  - {{id: n{place}, kind: sub_workflow, after: [n{place - 1}], workflow: {name}, input: {{text: abc}}}}"
        for place, name in enumerate(names, start=1)
    ]
    nodes.append(f"  - {{id: end, kind: output, after: [n{len(names)}], value: 1}}")
    return "\n".join([f"grove: 1\nname: {own}\ndata_class: internal\nnodes:", *nodes])


def make_version(text: str, *, published: bool = True) -> WorkflowVersion:
    revision = definitions.save(workflow=None, text=text, by=SYSTEM)
    version = versions.create(revision=revision, by=SYSTEM)
    if published:
        versions.publish(version=version, by=SYSTEM)
    return version


def codes(text: str) -> list[str]:
    return [problem.code for problem in definitions.read(text).problems]


def test_a_pinned_version_must_be_there_and_published(in_acme: Tenant) -> None:
    make_group()
    text = starting("small-one@1", own="outer")

    assert codes(text) == ["version_unknown"]
    version = make_version(small(), published=False)
    assert codes(text) == ["version_not_published"]
    versions.publish(version=version, by=SYSTEM)
    assert codes(text) == []
    versions.retire(version=version, by=SYSTEM)
    assert codes(text) == ["version_not_published"]


def test_publication_looks_again_at_what_is_pinned(in_acme: Tenant) -> None:
    make_group()
    inner = make_version(small())
    outer = make_version(starting("small-one@1", own="outer"), published=False)
    versions.retire(version=inner, by=SYSTEM)

    with pytest.raises(NotPublishable, match="small-one@1"):
        versions.publish(version=outer, by=SYSTEM)


def test_a_workflow_may_start_a_version_before_its_own(in_acme: Tenant) -> None:
    make_group()
    first = make_version(small(name="outer"))
    text = starting("outer@1", own="outer")
    revision = definitions.save(workflow=first.workflow, text=text, by=SYSTEM)
    second = versions.create(revision=revision, by=SYSTEM)

    versions.publish(version=second, by=SYSTEM)

    assert versions.closure(version=second) == {"outer@1": first.digest}


def test_a_workflow_never_starts_a_version_after_its_own(in_acme: Tenant) -> None:
    make_group()
    first = make_version(starting("outer@2", own="outer"), published=False)
    revision = definitions.save(workflow=first.workflow, text=small(name="outer"), by=SYSTEM)
    versions.publish(version=versions.create(revision=revision, by=SYSTEM), by=SYSTEM)

    with pytest.raises(NotPublishable, match="starts “outer@2”, which is not before it"):
        versions.publish(version=first, by=SYSTEM)


def test_the_closure_names_every_version_at_any_depth_once(in_acme: Tenant) -> None:
    make_group()
    small_one = make_version(small())
    middle = make_version(starting("small-one@1", "small-one@1", own="middle"))
    other = make_version(starting("small-one@1", own="other"))
    outer = make_version(starting("middle@1", "other@1", own="outer"))

    assert versions.closure(version=outer) == {
        "middle@1": middle.digest,
        "other@1": other.digest,
        "small-one@1": small_one.digest,
    }
    assert versions.closure(version=small_one) == {}


def test_a_version_that_was_only_replaced_may_still_be_started_by_who_names_it(
    in_acme: Tenant,
) -> None:
    make_group()
    first = make_version(small())
    revision = definitions.save(workflow=first.workflow, text=small(prompt="Briefer:"), by=SYSTEM)
    second = versions.create(revision=revision, by=SYSTEM)
    assert first.may_run_as_pinned
    assert not second.may_run_as_pinned

    versions.publish(version=second, by=SYSTEM)
    versions.retire(version=second, by=SYSTEM, reason="Wrong.")

    assert WorkflowVersion.objects.get(pk=first.pk).may_run_as_pinned
    assert not WorkflowVersion.objects.get(pk=second.pk).may_run_as_pinned


def test_a_disposed_workflow_is_no_longer_there(in_acme: Tenant) -> None:
    make_group()
    inner = make_version(small())
    outer = make_version(starting("small-one@1", own="outer"))

    WorkflowDisposable().erase([inner.workflow_id], at=inner.created_at)

    assert codes(starting("small-one@1", own="outer")) == ["version_unknown"]
    with pytest.raises(PinnedVersionMissing, match="small-one@1"):
        versions.closure(version=outer)
    with pytest.raises(ContentDisposed):
        WorkflowVersion.objects.get(pk=inner.pk).revision.definition  # noqa: B018


def test_another_tenants_version_does_not_exist(acme: Tenant, beta: Tenant) -> None:
    with tenant_context(acme):
        make_group()
        make_version(small())
    with tenant_context(beta):
        assert codes(starting("small-one@1", own="outer")) == ["version_unknown"]
