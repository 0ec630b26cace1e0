"""The ledger for programs: what is answered there can be checked without Grove."""

import base64
import hashlib

import pytest
import rfc8785
from django.db import transaction

from tenancy import ledger, merkle, sequencer
from tenancy.actors import SYSTEM
from tenancy.checkpoints import Verifier
from tenancy.checkpoints import verify as verify_note
from tenancy.context import tenant_context
from tenancy.events import EventType
from tenancy.ledger import Subject
from tenancy.permissions import Role
from tests import factories

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def carol(acme):
    return factories.make_client(factories.make_member(tenant=acme, role=Role.AUDITOR))


def append(tenant, count):
    with tenant_context(tenant), transaction.atomic():
        for n in range(count):
            ledger.append(EventType.RUN_COMPLETED, subject=Subject("run", f"r-{n}"), by=SYSTEM)


def get(client, path):
    response = client.get(f"/api/v1/ledger/{path}")
    assert response.status_code == 200, response.content
    return response.json()


def test_entries_are_listed_newest_first_and_filtered(acme, carol):
    append(acme, 3)
    sequencer.sequence(acme)
    append(acme, 1)

    found = get(carol, "entries?event=run.completed&subject=r-0")["items"]

    assert [entry["leaf_index"] for entry in found] == [None, 0]
    assert get(carol, f"entries/{found[1]['id']}") == found[1]
    assert get(carol, "entries?event=run.failed")["items"] == []


def test_a_proof_leads_from_the_entry_to_the_signed_root(acme, carol):
    append(acme, 7)
    sequencer.sequence(acme)
    entry = get(carol, "entries?subject=r-4")["items"][0]

    proof = get(carol, f"entries/{entry['id']}/proof")

    said = {name: entry[name] for name in ("id", "at", "event", "subject", "actor", "facts")}
    canonical = rfc8785.dumps(said | {"tenant": str(acme.pk)})
    leaf = hashlib.sha256(b"\x00" + canonical).digest()
    assert base64.b64decode(proof["canonical"]) == canonical
    assert base64.b64decode(proof["leaf_hash"]) == leaf
    signed = verify_note(proof["note"], Verifier.parse(proof["verifier"]))
    path = [base64.b64decode(each) for each in proof["path"]]
    assert merkle.is_included(leaf, proof["leaf_index"], signed.size, path, signed.root)


def test_an_entry_without_a_leaf_has_no_proof_yet(acme, carol):
    append(acme, 1)
    entry = get(carol, "entries?event=run.completed")["items"][0]

    response = carol.get(f"/api/v1/ledger/entries/{entry['id']}/proof")

    assert (response.status_code, response.json()["code"]) == (409, "not_sequenced")


def test_a_checkpoint_continues_an_older_one(acme, carol):
    for count in (3, 4):
        append(acme, count)
        sequencer.sequence(acme)
    newer, older = get(carol, "checkpoints")["items"]

    answer = get(carol, f"checkpoints/{newer['size']}/since/{older['size']}")

    old, new = (
        verify_note(answer[name], Verifier.parse(newer["verifier"])) for name in ("old", "new")
    )
    path = [base64.b64decode(each) for each in answer["path"]]
    assert merkle.is_consistent(old.size, new.size, path, old.root, new.root)
    assert get(carol, f"checkpoints/{older['size']}") == older


@pytest.mark.parametrize(
    "path", ["checkpoints/99", "checkpoints/1/since/2", "checkpoints/2/since/1"]
)
def test_a_checkpoint_that_is_not_there_is_not_found(acme, carol, path):
    append(acme, 1)
    sequencer.sequence(acme)

    assert carol.get(f"/api/v1/ledger/{path}").status_code == 404


def test_a_verification_reports(acme, carol):
    append(acme, 3)
    sequencer.sequence(acme)

    report = get(carol, "verify")

    assert report["is_sound"]
    assert report["faults"] == []
    assert len(report["verifiers"]) == 1


def test_an_author_does_not_read_the_ledger(acme):
    ann = factories.make_client(factories.make_member(tenant=acme, role=Role.AUTHOR))

    for path in ("entries", "checkpoints", "verify"):
        assert ann.get(f"/api/v1/ledger/{path}").status_code == 403


def test_mallory_sees_nothing_of_acmes(acme, beta):
    append(acme, 1)
    sequencer.sequence(acme)
    mallory = factories.make_client(factories.make_member(tenant=beta, role=Role.ADMIN))

    assert get(mallory, "entries?event=run.completed")["items"] == []
    assert get(mallory, "checkpoints")["items"] == []
