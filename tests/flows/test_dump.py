"""A dump of the main database, made as grove_backup makes it, holds no plaintext of any content."""

import base64
import hashlib
import json
import os
import subprocess
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from grove_site.embedded import provision
from grove_site.embedded.postgres import find_binaries
from runs.models import NodeExecution, Run
from tenancy import actors, context, secret_store
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_deployment, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows import definitions as drafts
from workflows import model_groups

if TYPE_CHECKING:
    from tests.databases import Databases

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

# Where each is planted. Long enough that no chance and no alignment of base64 hides it.
INPUT = "canary-of-an-input-7f3a91c2"
PROMPT = "canary-of-a-prompt-1b8e44d0"
SYSTEM = "canary-of-a-system-prompt-93c1e7aa"
ANSWER = "canary-of-an-answer-5d20b6f4"
OUTPUT = "canary-of-an-output-e48c7b19"
BROKEN = "canary-of-a-broken-draft-06af5e83"
SECRET = "canary-of-a-secret-c27d9f31"
SUBJECT = "canary-of-a-subject-88e2a05b"
CANARIES = (INPUT, PROMPT, SYSTEM, ANSWER, OUTPUT, BROKEN, SECRET, SUBJECT)
TEXT = (
    definitions.HEAD
    + f"""  - {{{{id: ask, kind: llm, title: Ask, after: [start], model_group: default, max_tokens: 20,
     system: "{SYSTEM}", prompt: "{PROMPT} {{{{{{{{ start.text }}}}}}}}"}}}}
  - {{{{id: shape, kind: transform, title: Shape, after: [ask],
     expression: "{{{{made: '{OUTPUT}', said: ask.text}}}}"}}}}
  - {{{{id: result, kind: output, title: Result, after: [shape], value: "{{{{{{{{ shape }}}}}}}}"}}}}
"""
)


def forms_of(canary: str) -> set[bytes]:
    """A canary as it could be written somewhere: plain, hex, base64 at each of its three alignments."""
    plain = canary.encode()
    forms = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + plain)
        forms.add(encoded[4:-4])  # the ends depend on what stands beside it
    return forms


def dump(databases: "Databases") -> bytes:
    """Everything in the main database, rows and definitions, read with the rights of the backup."""
    with_password = databases.url("default", provision.BACKUP)
    done = subprocess.run(
        [find_binaries() / "pg_dump", "--format=plain", "--no-owner", f"--dbname={with_password}"],
        capture_output=True,
        check=True,
        env=os.environ | {"PGCONNECT_TIMEOUT": "5"},
    )
    return done.stdout


def body_of(slug: str) -> bytes:
    """What starts the run."""
    asked = {"workflow": slug, "input": {"n": 1, "text": INPUT}, "subject": SUBJECT}
    return json.dumps(asked).encode()


def fill(tenant: Tenant) -> Run:
    """One of everything that holds content, through the doors that people and programs use."""
    bob = factories.make_client(factories.make_member(tenant=tenant, role=Role.OPERATOR))
    with tenant_context(tenant), ScriptedModel(lambda prompt: ANSWER) as model:
        secret_store.put(name="key", value=SECRET, by=actors.SYSTEM)
        deployment = make_deployment(model.base_url, auth="api_key", secret_name="key")
        model_groups.create(name="default", deployments=[deployment], by=actors.SYSTEM)
        version = make_version(TEXT)
        source = version.revision.source.replace("kind: output", f'kind: "{BROKEN}"')
        drafts.save(workflow=version.workflow, text=source, by=actors.SYSTEM)
        started = bob.post(
            "/api/v1/runs",
            body_of(version.workflow.slug),
            "application/json",
            headers={"Idempotency-Key": "once"},
        )
        context.enter(tenant)  # the request has left it
        run = execute(Run.objects.select_related("workflow").get(pk=started.json()["id"]))
        assert run.status == "completed"
        assert all(canary in model.seen for canary in (SYSTEM, PROMPT, INPUT))
    context.enter(tenant)
    return Run.objects.select_related("workflow").get(pk=run.pk)


def test_a_dump_holds_no_content(in_acme: Tenant, databases: "Databases") -> None:
    run = fill(in_acme)

    dumped = dump(databases)

    assert str(run.pk).encode() in dumped  # past row-level security: the run is in it
    found = {canary for canary in CANARIES for form in forms_of(canary) if form in dumped}
    assert found == set()


def test_a_dump_holds_no_plain_hash_of_content(in_acme: Tenant, databases: "Databases") -> None:
    """A short value is found by trying, so what is kept to compare with is keyed or salted."""
    run = fill(in_acme)
    contents = [canary.encode() for canary in CANARIES] + [body_of(run.workflow.slug)]
    contents += [json.dumps(canary).encode() for canary in CANARIES]

    dumped = dump(databases)

    for make in (hashlib.sha256, hashlib.sha1, hashlib.md5, hashlib.blake2b):
        assert not [content for content in contents if make(content).hexdigest().encode() in dumped]


def test_nothing_in_a_dump_is_only_packed(in_acme: Tenant, databases: "Databases") -> None:
    """A value that were compressed and not sealed would pass the search above."""
    fill(in_acme)
    unpacked = []

    packed = [
        bytes.fromhex(word[3:].decode())
        for word in dump(databases).split()
        if word.startswith(b"\\\\x") and len(word) % 2 == 1
    ]
    for value in packed:
        for start in (0, 1):
            with suppress(zlib.error):
                unpacked.append(zlib.decompressobj().decompress(value[start:]))

    assert packed
    assert not [canary for canary in CANARIES if any(canary.encode() in each for each in unpacked)]


def test_who_may_see_payloads_reads_the_same_canaries(in_acme: Tenant) -> None:
    run = fill(in_acme)
    bob = factories.make_client(factories.make_member(tenant=in_acme, role=Role.OPERATOR))
    ann = factories.make_client(factories.make_member(tenant=in_acme, role=Role.AUTHOR))
    answer = NodeExecution.objects.get(run=run, node_id="ask")

    shown = bob.get(f"/api/v1/runs/{run.pk}/payloads").json()
    node = bob.get(f"/api/v1/runs/{run.pk}/node-executions/{answer.pk}/payload").json()
    revision = ann.get(f"/api/v1/workflows/{run.workflow.slug}/revisions/1").json()

    assert shown == {
        "input": {"n": 1, "text": INPUT},
        "output": {"made": OUTPUT, "said": ANSWER},
        "response": None,
    }
    assert node == {"output": {"text": ANSWER}}
    assert PROMPT in revision["source"]
    assert SYSTEM in revision["source"]


def test_who_may_not_see_payloads_reads_none(in_acme: Tenant) -> None:
    run = fill(in_acme)
    carol = factories.make_client(factories.make_member(tenant=in_acme, role=Role.AUDITOR))
    answer = NodeExecution.objects.get(run=run, node_id="ask")
    content = (INPUT, ANSWER, OUTPUT, SECRET)

    for path in ("payloads", f"node-executions/{answer.pk}/payload"):
        refused = carol.get(f"/api/v1/runs/{run.pk}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    assert carol.get(f"/runs/{run.pk}/payloads/").status_code == 403
    for path in ("", "/node-executions", "/decisions", "/model-calls", "/events"):
        seen = carol.get(f"/api/v1/runs/{run.pk}{path}")
        assert seen.status_code == 200
        assert not [canary for canary in content if canary in seen.content.decode()]
    pages: list[Any] = [carol.get(f"/runs/{run.pk}/{tab}") for tab in ("", "events/", "decisions/")]
    pages.append(carol.get(f"/runs/{run.pk}/?node=ask"))
    for page in pages:
        assert page.status_code == 200
        assert not [canary for canary in content if canary in page.content.decode()]


def test_mallory_does_not_even_learn_that_there_is_something(in_acme: Tenant, beta: Tenant) -> None:
    run = fill(in_acme)
    with tenant_context(beta):
        mallory = factories.make_client(factories.make_member(tenant=beta))

    assert mallory.get(f"/api/v1/runs/{run.pk}/payloads").status_code == 404
