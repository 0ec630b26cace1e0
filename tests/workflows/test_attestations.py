"""Sign-off: for the bytes that were read, by somebody who wrote none of them, until something changes."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils.timezone import now

from compliance import policies
from tenancy import statements
from tenancy.actors import SYSTEM, Actor
from tenancy.checkpoints import Verifier
from tenancy.context import current_tenant, tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Permission, Role
from tenancy.sequencer import get_signing_key
from tests import factories
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_deployment, make_group
from workflows import (
    attestations,
    definitions,
    document,
    documentation,
    governance,
    inventory,
    versions,
)
from workflows.attestations import Standing
from workflows.errors import (
    AttestationInvalid,
    AttestationOutdated,
    AttestationOverdue,
    AttestationRefused,
)
from workflows.governance import Rules
from workflows.models import Attestation, Provider, WorkflowVersion
from workflows.providers import register

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
ANN = Actor(kind="user", id="1", name="Ann")
OLGA = Actor(kind="user", id="2", name="Olga")
OPEN = '@id("open")\npermit(principal, action, resource);'


@pytest.fixture
def version(in_acme: Tenant) -> WorkflowVersion:
    policies.install_defaults(by=SYSTEM)
    make_group()
    revision = definitions.save(workflow=None, text=small(), by=ANN)
    made = versions.create(revision=revision, by=ANN)
    versions.publish(version=made, by=SYSTEM)
    return fresh(made)


def fresh(version: WorkflowVersion) -> WorkflowVersion:
    return WorkflowVersion.objects.select_related("workflow", "revision__workflow").get(
        pk=version.pk
    )


def sign(version: WorkflowVersion, **changed: Any) -> Attestation:
    digest = document.digest(document.render(version=version))
    said = {"digest": digest, "statement": "I have read it, and it is true.", "by": OLGA}
    return attestations.sign(version=version, **said | changed)


def standing(version: WorkflowVersion) -> Standing:
    return attestations.find(fresh(version)).standing


def save_owner(version: WorkflowVersion, owner: str, by: Actor = ANN) -> None:
    newest = documentation.find_newest(version.workflow)
    assert newest is not None
    texts = replace(documentation.to_texts(newest), owner=owner)
    documentation.save(workflow=version.workflow, texts=texts, by=by, reason="Moved")


def test_missing_until_it_is_signed(version: WorkflowVersion) -> None:
    assert standing(version) is Standing.MISSING

    signed = sign(version)

    assert standing(version) is Standing.CURRENT
    entry = LedgerEntry.objects.get(event="document.attested")
    assert entry.facts["digest"] == signed.digest


def test_the_statement_holds_without_grove(version: WorkflowVersion) -> None:
    signed = sign(version)
    row, _ = get_signing_key(current_tenant())

    told = statements.read(signed.envelope, Verifier(row.name, bytes(row.public_key)))

    assert told["subject"] == [
        {"name": "small-one-version-1.md", "digest": {"sha256": signed.digest}}
    ]
    assert told["predicate"]["signed_by"] == {"kind": "user", "id": "2"}
    text = document.render(version=version, as_of=signed.as_of)
    assert document.digest(text) == signed.digest


def change_text(version: WorkflowVersion) -> None:
    save_owner(version, "Others")


def change_provider(version: WorkflowVersion) -> None:
    register.change_provider(provider=Provider.objects.get(), region="us", by=SYSTEM)


def change_policy(version: WorkflowVersion) -> None:
    policies.activate(
        snapshot=policies.create(hard=OPEN, obligations="", by=SYSTEM), by=SYSTEM, reason="x"
    )


def change_definition(version: WorkflowVersion) -> None:
    revision = definitions.save(workflow=version.workflow, text=small(prompt="Be long:"), by=ANN)
    versions.publish(version=versions.create(revision=revision, by=ANN), by=SYSTEM)


@pytest.mark.parametrize("change", [change_text, change_provider, change_policy, change_definition])
def test_edit_after_sign_off_makes_it_stale(version: WorkflowVersion, change: Any) -> None:
    signed = sign(version)

    change(version)

    in_use = attestations.versions_in_use()[0]
    assert attestations.find(in_use).standing is Standing.STALE
    assert not attestations.difference_to_signed(in_use, signed, may_read=True).is_empty


def touch_nothing_but_time(version: WorkflowVersion) -> None:
    """Only the clock goes on."""


def add_another_provider(version: WorkflowVersion) -> None:
    make_deployment(name="another")


def save_a_draft(version: WorkflowVersion) -> None:
    revision = definitions.save(workflow=version.workflow, text=small(prompt="Later:"), by=ANN)
    versions.create(revision=revision, by=ANN)


@pytest.mark.parametrize("deed", [touch_nothing_but_time, add_another_provider, save_a_draft])
def test_what_the_document_is_not_about_leaves_it_current(
    version: WorkflowVersion, deed: Any
) -> None:
    sign(version)

    with time_machine.travel(now() + timedelta(days=200)):
        deed(version)
        assert standing(version) is Standing.CURRENT


def test_it_ends_on_the_day_it_names_or_earlier_by_the_rules(version: WorkflowVersion) -> None:
    sign(version, expires_at=now() + timedelta(days=90))

    with time_machine.travel(now() + timedelta(days=89)):
        found = attestations.find(fresh(version))
        assert (found.standing, found.is_due_soon) == (Standing.CURRENT, True)
    with time_machine.travel(now() + timedelta(days=91)):
        assert standing(version) is Standing.EXPIRED

    governance.set_rules(rules=Rules(recertify_days=30), reason="Policy.", by=SYSTEM)
    with time_machine.travel(now() + timedelta(days=31)):
        assert standing(version) is Standing.EXPIRED


def test_signed_again_it_is_current_again(version: WorkflowVersion) -> None:
    sign(version)
    save_owner(version, "Others")

    sign(version)

    assert standing(version) is Standing.CURRENT
    assert [each.number for each in Attestation.objects.all()] == [2, 1]


@pytest.mark.parametrize("role", ["of the definition", "of a text that stands"])
def test_nobody_signs_what_they_wrote(version: WorkflowVersion, role: str) -> None:
    signer = ANN
    if role == "of a text that stands":
        save_owner(version, "Others", by=OLGA)
        signer = OLGA

    with pytest.raises(AttestationRefused, match="Nobody signs what they wrote"):
        sign(version, by=signer)
    assert not Attestation.objects.exists()


def test_nor_with_a_token_of_theirs(version: WorkflowVersion) -> None:
    member = factories.make_member(tenant=version.tenant, role=Role.COMPLIANCE_OFFICER)
    save_owner(version, "Others", by=Actor.of_user(member.user))
    token = factories.make_token(member, Permission.WORKFLOW_ATTEST).token

    with pytest.raises(AttestationRefused, match="Nobody signs what they wrote"):
        sign(version, by=Actor.of_token(token.pk, token.name))


@pytest.mark.parametrize(
    "program", [SYSTEM, Actor(kind="service", id="00000000-0000-7000-8000-000000000000", name="x")]
)
def test_a_program_signs_nothing(version: WorkflowVersion, program: Actor) -> None:
    with pytest.raises(AttestationRefused, match="A person signs"):
        sign(version, by=program)


def test_only_what_was_read_is_signed(version: WorkflowVersion) -> None:
    digest = document.digest(document.render(version=version))
    save_owner(version, "Others")

    with pytest.raises(AttestationOutdated):
        sign(version, digest=digest)


def test_only_the_version_in_use_is_signed(version: WorkflowVersion) -> None:
    change_definition(version)

    with pytest.raises(AttestationRefused, match="not in use"):
        sign(version)


@pytest.mark.parametrize(
    "wrong",
    [
        {"statement": "  "},
        {"statement": "x" * 2001},
        {"expires_at": now() - timedelta(days=1)},
        {"expires_at": now() + timedelta(days=4000)},
    ],
)
def test_a_sign_off_that_makes_no_sense_is_refused(
    version: WorkflowVersion, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AttestationInvalid):
        sign(version, **wrong)


def test_overdue_names_the_remedy(version: WorkflowVersion) -> None:
    with pytest.raises(AttestationOverdue, match="never signed") as caught:
        attestations.check_current(version)

    assert caught.value.extra == {"standing": "unsigned"}
    sign(version)
    attestations.check_current(version)


def test_pages_and_api_sign_and_list(version: WorkflowVersion, beta: Tenant) -> None:
    member = factories.make_member(tenant=version.tenant, role=Role.COMPLIANCE_OFFICER)
    olga = factories.make_client(member)
    carol = factories.make_client(factories.make_member(tenant=version.tenant, role=Role.AUDITOR))
    here = "/workflows/small-one/documentation/sign-off/"
    api = "/api/v1/workflows/small-one/attestations"
    digest = document.digest(document.render(version=version))
    body = {"version": 1, "digest": digest, "statement": "True."}

    assert "Not signed" in carol.get("/assure/recertification/?state=overdue").content.decode()
    assert carol.post(f"{here}sign/", body).status_code == 403
    assert carol.post(api, body, content_type="application/json").status_code == 403
    assert digest in olga.get(here).content.decode()
    assert olga.post(f"{here}sign/", {"digest": digest, "statement": ""}).status_code == 422
    assert olga.post(f"{here}sign/", {"digest": "0" * 64, "statement": "x"}).status_code == 412
    assert olga.post(f"{here}sign/", {"digest": digest, "statement": "True."}).status_code == 302
    again = olga.post(api, body, content_type="application/json")
    assert (again.status_code, again.json()["number"]) == (201, 2)
    assert [each["number"] for each in carol.get(api).json()["items"]] == [2, 1]
    assert carol.get("/api/v1/sign-offs?overdue=true").json()["items"] == []
    assert carol.get("/api/v1/sign-offs").json()["items"][0]["standing"] == "current"
    with tenant_context(version.tenant):
        save_owner(version, "Others")
    shown = carol.get(here).content.decode()
    assert "Changed since signed" in shown
    assert "“Overview” changed" in shown
    mallory = factories.make_client(
        factories.make_member(tenant=beta, role=Role.COMPLIANCE_OFFICER)
    )
    assert mallory.get(here).status_code == 404
    assert mallory.post(api, body, content_type="application/json").status_code == 404
    assert "small-one" not in mallory.get("/assure/recertification/").content.decode()


def test_the_register_of_a_past_day_says_how_sign_offs_stood(in_acme: Tenant) -> None:
    """Published on the 2nd, signed on the 4th until the 20th, a text changed on the 8th, signed anew on the 9th."""

    def on(day: int) -> Any:
        return time_machine.travel(datetime(2026, 10, day, 12, tzinfo=UTC), tick=False)

    with on(1):
        policies.install_defaults(by=SYSTEM)
        make_group()
        revision = definitions.save(workflow=None, text=small(), by=ANN)
        made = versions.create(revision=revision, by=ANN)
    with on(2):
        versions.publish(version=made, by=SYSTEM)
    with on(4):
        sign(fresh(made), expires_at=datetime(2026, 10, 20, tzinfo=UTC))
    with on(8):
        save_owner(made, "Others")
    with on(9):
        sign(fresh(made), expires_at=datetime(2026, 10, 20, tzinfo=UTC))
    auditor = factories.make_client(factories.make_member(tenant=in_acme, role=Role.AUDITOR))

    def told(day: int) -> list[str]:
        moment = datetime(2026, 10, day, 23, tzinfo=UTC)
        with tenant_context(in_acme):
            entries = inventory.find(moment, is_now=False)
        (entry,) = [each for each in entries if each.name == "small-one"]
        asked = {"as_of": moment.isoformat(), "kind": "workflow"}
        (item,) = auditor.get("/api/v1/register", asked).json()["items"]
        sheet = auditor.get(f"/register/register.csv?kind=workflow&as_of=2026-10-{day:02}")
        (row,) = csv.DictReader(io.StringIO(sheet.content.decode()))
        return [entry.sign_off, item["sign_off"], row["sign_off"]]

    assert told(1) == [""] * 3  # not in use yet
    assert told(3) == ["unsigned"] * 3
    assert told(5) == ["current"] * 3
    assert told(8) == ["stale"] * 3
    assert told(10) == ["current"] * 3
    assert told(21) == ["expired"] * 3
    page = auditor.get("/register/?kind=workflow&as_of=2026-10-08").content.decode()
    assert "Changed since signed" in page


def test_a_register_entry_that_says_nothing_new_keeps_a_past_sign_off(
    version: WorkflowVersion,
) -> None:
    """Another deployment raises the count of what documents are made from: the bytes decide."""
    with time_machine.travel(now() + timedelta(days=1), tick=False):
        sign(version)
    with time_machine.travel(now() + timedelta(days=2), tick=False):
        make_deployment(name="another")
    with time_machine.travel(now() + timedelta(days=4), tick=False):
        save_owner(version, "Others")
    then = now() + timedelta(days=3)

    (past,) = attestations.find_all([fresh(version)], at=then)
    (today,) = attestations.find_all([fresh(version)])

    assert (past.standing, today.standing) == (Standing.CURRENT, Standing.STALE)
