"""Bad input, each with its sentence, through the doors that people and programs use; and nothing of it is stored.

What stops the start (port taken, database down, a key that is not set) is in tests/grove_site/test_supervisor.py.
"""

import io
import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from grove_site.embedded import processes
from grove_site.management.commands.run_demo import read_input
from runs.models import Run, RunClaim, RunEvent
from tenancy import context
from tenancy.context import tenant_context
from tenancy.models import IdempotencyKey, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.grove_site.test_supervisor import SECONDS, Up, state  # noqa: F401 - a fixture
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from workflows.models import ModelGroup, Workflow, WorkflowVersion

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

BROKEN = Path(__file__).parents[1] / "workflows" / "broken"
DEFINITIONS = [
    "broken_yaml",
    "cycle",
    "unknown_kind",
    "missing_source",  # comes after a node that is not there
    "unknown_reference",  # a template names a node that is not there
    "not_upstream",  # a template names a node that is not upstream
    "unknown_model_group",
]
FIFTY_MB = 50_000_000
RUNS, IMPORTS = "/api/v1/runs", "/api/v1/workflows"


def read_broken(stem: str) -> tuple[str, str, str | None, int, str]:
    """A definition, and what is expected of it: code, node, line, sentence (its first line says so)."""
    text = (BROKEN / f"{stem}.yaml").read_text()
    code, node, line, sentence = text.split("\n")[0].removeprefix("# ").split(" | ", 3)
    return text, code, None if node == "-" else node, int(line), sentence


def client_of(tenant: Tenant, role: Role) -> Client:
    return factories.make_client(factories.make_member(tenant=tenant, role=role))


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(path, text, "application/json", headers=headers)


@pytest.fixture
def chain(in_acme: Tenant) -> WorkflowVersion:
    """A published workflow whose input needs a whole number n."""
    return make_version(definitions.CHAIN)


def assert_no_run(tenant: Tenant) -> None:
    with tenant_context(tenant):
        assert not Run.objects.exists()
        assert not RunEvent.objects.exists()
        assert not RunClaim.objects.filter(tenant_id=tenant.pk).exists()
        assert not IdempotencyKey.objects.exists()


# -- definitions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", DEFINITIONS)
def test_a_broken_definition_is_refused_over_the_api(in_acme: Tenant, stem: str) -> None:
    text, code, node, line, sentence = read_broken(stem)
    make_model_group("http://127.0.0.1:9/v1")

    refused = post(client_of(in_acme, Role.AUTHOR), IMPORTS, {"definition": text})

    said = refused.json()
    assert (refused.status_code, said["code"]) == (422, "definition_invalid")
    assert f"Line {line}" in said["detail"]
    problem = next(problem for problem in said["problems"] if problem["code"] == code)
    assert (problem["node"], problem["line"], problem["sentence"]) == (node, line, sentence)
    with tenant_context(in_acme):
        assert not Workflow.objects.exists()


@pytest.mark.parametrize("stem", DEFINITIONS)
def test_a_broken_definition_is_refused_on_the_page(in_acme: Tenant, stem: str) -> None:
    text, _, _, line, sentence = read_broken(stem)
    make_model_group("http://127.0.0.1:9/v1")
    upload = io.BytesIO(text.encode())
    upload.name = "definition.yaml"

    refused = client_of(in_acme, Role.AUTHOR).post("/workflows/-/import/", {"file": upload})

    assert refused.status_code == 422
    page = unescape(refused.content.decode())
    assert sentence in page
    assert str(line) in page
    with tenant_context(in_acme):
        assert not Workflow.objects.exists()


def test_a_broken_draft_is_kept_with_its_problems_but_not_published(in_acme: Tenant) -> None:
    make_version(definitions.CHAIN)
    workflow = Workflow.objects.get()
    source = definitions.CHAIN.format(name=workflow.slug).replace("after: [one]", "after: [tow]")
    ann, rob = client_of(in_acme, Role.AUTHOR), client_of(in_acme, Role.REVIEWER)
    address = f"{IMPORTS}/{workflow.slug}"

    saved = post(ann, f"{address}/revisions", {"definition": source})
    made = post(ann, f"{address}/versions", {"revision": 2})
    published = (
        post(rob, f"{address}/versions/2/publish", {"reason": "Try."})
        if made.status_code == 201
        else made
    )

    assert (saved.status_code, saved.json()["error_count"] > 0) == (201, True)
    assert published.status_code == 422
    assert "tow" in json.dumps(published.json())


# -- inputs -------------------------------------------------------------------------------------------------------


def test_an_input_that_misses_the_schema_is_refused_over_the_api(chain: WorkflowVersion) -> None:
    bob = client_of(chain.tenant, Role.OPERATOR)
    asked = {"workflow": chain.workflow.slug, "input": {"n": "seven", "text": "hush"}}

    refused = post(bob, RUNS, asked, **{"Idempotency-Key": "once"})

    said = refused.json()
    assert (refused.status_code, said["code"]) == (422, "input_invalid")
    assert [error["pointer"] for error in said["errors"]] == ["#/input/n"]
    assert "n: must be a whole number" in said["detail"]
    assert "hush" not in refused.content.decode()
    assert "seven" not in refused.content.decode()
    assert_no_run(chain.tenant)


def test_an_input_that_misses_the_schema_is_refused_on_the_page(chain: WorkflowVersion) -> None:
    bob = client_of(chain.tenant, Role.OPERATOR)
    once = "018f0000-0000-7000-8000-000000000001"

    for document, words in (('{"text": "hush"}', "required"), ('{"n": 1,', "This is not JSON")):
        refused = bob.post(
            f"/runs/start/{chain.workflow.slug}/", {"document": document, "once": once}
        )

        assert refused.status_code == 422
        assert words in unescape(refused.content.decode())
    assert_no_run(chain.tenant)


@pytest.mark.parametrize("key", ["", "once"])
def test_fifty_megabytes_are_refused_over_the_api(chain: WorkflowVersion, key: str) -> None:
    bob = client_of(chain.tenant, Role.OPERATOR)
    asked = {"workflow": chain.workflow.slug, "input": {"n": 1, "text": "x" * FIFTY_MB}}

    refused = post(bob, RUNS, asked, **({"Idempotency-Key": key} if key else {}))

    said = refused.json()
    assert refused.status_code == 413
    assert said["code"] in ("body_too_large", "input_too_large")
    assert said["detail"].endswith(".")
    assert_no_run(chain.tenant)


@pytest.mark.parametrize("name", ["letter.txt", "input.json"])
def test_fifty_megabytes_are_refused_on_the_page(
    in_acme: Tenant, tmp_path: Path, name: str
) -> None:
    version = make_version(definitions.CHAIN.replace("required: [n]", "required: [text]"))
    bob = client_of(in_acme, Role.OPERATOR)
    content = "x" * FIFTY_MB
    file = tmp_path / name
    file.write_text(json.dumps({"text": content}) if name.endswith(".json") else content)
    once = "018f0000-0000-7000-8000-000000000001"

    with file.open("rb") as upload:
        refused = bob.post(f"/runs/start/{version.workflow.slug}/", {"file": upload, "once": once})

    assert refused.status_code == 413
    page = unescape(refused.content.decode())
    assert "at most 10,000,000 are taken" in page
    assert len(page) < 1_000_000  # it is not sent back
    assert_no_run(in_acme)


def test_fifty_megabytes_of_definition_are_refused(in_acme: Tenant, tmp_path: Path) -> None:
    ann = client_of(in_acme, Role.AUTHOR)
    file = tmp_path / "definition.yaml"
    file.write_text(definitions.CHAIN.format(name="large") + "#" * FIFTY_MB)

    over_api = post(ann, IMPORTS, {"definition": file.read_text()})
    with file.open("rb") as upload:
        on_page = ann.post("/workflows/-/import/", {"file": upload})

    assert (over_api.status_code, over_api.json()["code"]) == (413, "body_too_large")
    assert on_page.status_code == 422
    assert "1,000,000 are allowed" in on_page.content.decode()
    assert len(on_page.content) < 1_000_000  # it is not sent back
    with tenant_context(in_acme):
        assert not Workflow.objects.exists()


def test_the_command_line_refuses_a_file_that_is_too_large_or_no_text(tmp_path: Path) -> None:
    large, binary, broken = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.json"
    large.write_text("x" * FIFTY_MB)
    binary.write_bytes(b"\xff\xfe\x00")
    broken.write_text('{\n"a": }')

    for path, words in (
        (large, "a.txt has 50,000,000 bytes; at most 10,000,000 are taken."),
        (binary, "b.txt is not UTF-8 text."),
        (broken, "c.json, line 2: this is not JSON."),
        (tmp_path / "missing.txt", "No such file"),
    ):
        with pytest.raises(CommandError, match=words.replace(".", r"\.")):
            read_input(path)


# -- models -------------------------------------------------------------------------------------------------------


def test_a_model_group_that_went_away_is_named_and_no_run_starts(in_acme: Tenant) -> None:
    make_model_group("http://127.0.0.1:9/v1")
    version = make_version(definitions.TALK)
    ModelGroup.objects.update(name="renamed")
    bob = client_of(in_acme, Role.OPERATOR)

    refused = post(bob, RUNS, {"workflow": version.workflow.slug, "input": {"n": 1}})

    said = refused.json()
    assert (refused.status_code, said["code"]) == (422, "model_group_unknown")
    assert "“default”" in said["detail"]
    assert_no_run(in_acme)


def test_a_run_fails_while_the_model_server_is_down_and_resumes_once_it_is_back(
    in_acme: Tenant,
) -> None:
    port = processes.free_port()
    make_model_group(f"http://127.0.0.1:{port}/v1")
    version = make_version(definitions.TALK)
    bob = client_of(in_acme, Role.OPERATOR)

    failed = execute(make_run(version, n=3))
    said = bob.get(f"{RUNS}/{failed.pk}").json()["error"]
    page = unescape(bob.get(f"/runs/{failed.pk}/").content.decode())
    with ScriptedModel(port=port) as model:
        resumed = post(bob, f"{RUNS}/{failed.pk}/resume", {})
        context.enter(in_acme)
        done = execute(failed)

    assert (said["code"], said["node"]) == ("model_connection", "ask")
    assert (
        f"cannot be reached at 127.0.0.1:{port}. Is it running, and is the address right?"
        in said["sentence"]
    )
    assert said["sentence"] in page
    assert resumed.status_code == 202
    assert done.status == "completed"
    assert [prompt.split()[0] for prompt in model.prompts] == ["ask", "again"]


# -- keys ---------------------------------------------------------------------------------------------------------


def test_without_the_root_key_nothing_is_stored_and_it_is_said(
    chain: WorkflowVersion, settings: Any
) -> None:
    beta = factories.make_tenant(
        name="Beta Clinic"
    )  # its keys have not been opened by this process
    settings.ROOT_KEY = ""
    ann = client_of(beta, Role.AUTHOR)

    refused = post(ann, IMPORTS, {"definition": definitions.CHAIN.format(name="new")})

    assert refused.status_code >= 500
    assert "GROVE_ROOT_KEY is not set" in refused.json()["detail"]
    with tenant_context(beta):
        assert not Workflow.objects.exists()


def test_a_lost_root_key_stops_the_start_with_the_remedy(state: Path) -> None:  # noqa: F811
    data = state / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17")  # a cluster was made here once, and a key with it

    up = Up(state, "--port", str(processes.free_port()))

    assert up.process.wait(SECONDS) == 1
    assert "root.key is missing" in up.printed()
    assert "set GROVE_ROOT_KEY to it" in up.printed()
    assert "Traceback" not in up.printed()


def test_commands_say_that_the_root_key_is_missing(settings: Any) -> None:
    settings.ROOT_KEY = ""

    with pytest.raises(CommandError, match="GROVE_ROOT_KEY is not set"):
        call_command("rotate_keys")
