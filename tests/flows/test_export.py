"""A tenant takes its record along: every table, as many rows as the database has, each file with its digest."""

import hashlib
import io
import json
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, models

from compliance import disposal
from runs.models import Run
from tenancy import actors, exports, keys, secret_store
from tenancy.context import enter, tenant_context
from tenancy.models import LedgerEntry, Tenant
from tenancy.permissions import Role
from tenancy.router import database_of
from tests import factories
from tests.runs import definitions
from tests.runs.making import execute, make_model_group, make_run, make_version
from tests.runs.scripted_model import ScriptedModel
from tests.runs.test_tool_calls import KEEP, make_profile
from workflows import stores
from workflows.models import StoredObject

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

VALUE = "canary-of-a-secret-51c07d"


@pytest.fixture
def lived_in(in_acme: Tenant) -> Run:
    """A tenant in which something happened; another one has the same."""
    factories.make_token(factories.make_member(tenant=in_acme, role=Role.OPERATOR))
    with ScriptedModel() as model:
        make_model_group(model.base_url)
        run = execute(make_run(make_version(definitions.TALK), n=41))
    secret_store.put(name="key", value=VALUE, by=actors.SYSTEM)
    return run


def counted(tenant: Tenant) -> dict[str, int]:
    """Rows per table, asked of the database itself and not of the models."""
    counts = {}
    for model in exports.tables():
        with connections[database_of(model)].cursor() as cursor:
            table = model._meta.db_table
            cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [tenant.pk])
            counts[f"tables/{table}.ndjson"] = cursor.fetchone()[0]
    return counts


def export(*, with_content: bool = True) -> zipfile.ZipFile:
    file = io.BytesIO()
    exports.write(file=file, with_content=with_content, by=actors.SYSTEM)
    return zipfile.ZipFile(file)


def rows_of(bundle: zipfile.ZipFile, table: str) -> list[dict[str, Any]]:
    lines = bundle.read(f"tables/{table}.ndjson").splitlines()
    return [json.loads(line) for line in lines]


def manifest_of(bundle: zipfile.ZipFile) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(bundle.read(exports.MANIFEST))
    return manifest


def test_the_manifest_counts_what_the_database_has(
    lived_in: Run, in_acme: Tenant, beta: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_context(beta):
        factories.make_token(factories.make_member(tenant=beta, role=Role.OPERATOR))
    monkeypatch.setattr(exports, "BATCH", 2)
    expected = counted(in_acme)

    bundle = export()

    files = {file["name"]: file for file in manifest_of(bundle)["files"]}
    people = files.pop("people.ndjson")
    assert {name: file["rows"] for name, file in files.items()} == expected
    assert expected["tables/runs_run.ndjson"] == 1
    assert expected["tables/tenancy_datakey.ndjson"] > 1
    assert people["rows"] == 1
    assert set(bundle.namelist()) == {*files, people["name"], exports.MANIFEST}
    for name, file in {**files, "people.ndjson": people}.items():
        content = bundle.read(name)
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert (len(content), len(content.splitlines())) == (file["bytes"], file["rows"])


def test_all_tables_are_of_one_moment(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    levels, rows_of_model = set(), exports.rows_of

    def watched(model: type[models.Model]) -> models.QuerySet[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            levels.add(cursor.fetchone()[0])
        return rows_of_model(model)

    monkeypatch.setattr(exports, "rows_of", watched)
    export()
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        afterwards = cursor.fetchone()[0]

    assert (levels, afterwards) == ({"repeatable read"}, "read committed")


def test_every_model_of_a_tenant_is_in_it_by_itself() -> None:
    labels = {model._meta.label for model in exports.tables()}

    assert {"runs.Run", "tenancy.Domain", "tenancy.DataKey", "compliance.Disposal"} <= labels
    for name in exports.WITHHELD:
        label, column = name.rsplit(".", 1)
        model = next(model for model in exports.tables() if model._meta.label == label)
        assert model._meta.get_field(column).name == column


def test_what_is_sealed_is_opened(lived_in: Run) -> None:
    bundle = export()

    (run,) = rows_of(bundle, "runs_run")
    (content,) = rows_of(bundle, "workflows_revisioncontent")
    calls = rows_of(bundle, "runs_modelcall")
    assert run["input_sealed"] == {"opened": {"n": 41}}
    assert "kind: llm" in content["source_sealed"]["opened"]
    assert content["spec_sealed"]["opened"]["nodes"]
    assert calls
    assert all(call["request_sealed"]["opened"] for call in calls)
    assert all(call["response_sealed"]["opened"] for call in calls)


def test_without_content_it_stays_sealed(lived_in: Run) -> None:
    bundle = export(with_content=False)

    (run,) = rows_of(bundle, "runs_run")
    assert manifest_of(bundle)["content"] == "sealed"
    assert run["input_sealed"]["because"] == "kept_sealed"
    assert run["input_commitment"] == lived_in.input_commitment


@pytest.mark.parametrize("with_content", [True, False])
def test_what_lies_in_the_store_comes_along(in_acme: Tenant, with_content: bool) -> None:
    make_profile()
    large = os.urandom(1_500_000).hex()
    execute(make_run(make_version(KEEP), n=1, text=large))

    bundle = export(with_content=with_content)

    (stored,) = rows_of(bundle, "workflows_storedobject")
    (run,) = rows_of(bundle, "runs_run")
    if with_content:
        assert run["input_sealed"] == {"opened": {"n": 1, "text": large}}
        assert stored["reference"] == {"opened": {"text": large}}
    else:
        sealed = [run["input_sealed"], stored["reference"]]
        assert [each["because"] for each in sealed] == ["kept_sealed"] * 2
        assert all(len(each["sealed"]) > 1_500_000 for each in sealed)


def test_what_the_store_has_lost_leaves_a_note(in_acme: Tenant) -> None:
    make_profile()
    execute(make_run(make_version(KEEP), n=1, text="small"))
    stores.remove(StoredObject.objects.values_list("reference", flat=True))

    (stored,) = rows_of(export(), "workflows_storedobject")

    assert stored["reference"] == {"sealed": None, "because": "object_gone"}


def test_what_was_disposed_of_is_not_in_it(lived_in: Run) -> None:
    planned = disposal.plan(kind="run", target_id=lived_in.pk, by=actors.SYSTEM)
    disposal.execute(
        plan_id=planned.pk, by=actors.SYSTEM, legal_basis="retention_ended", reason="A test."
    )

    (run,) = rows_of(export(), "runs_run")

    assert (run["status"], run["input_sealed"]) == ("disposed", None)


def test_a_destroyed_key_leaves_a_note(lived_in: Run) -> None:
    keys.destroy_data_keys([lived_in.data_key_id], by=actors.SYSTEM)

    (run,) = rows_of(export(), "runs_run")

    assert run["input_sealed"]["because"] == "key_destroyed"


def test_secrets_and_keys_are_never_in_it(lived_in: Run) -> None:
    bundle = export()

    everything = b"".join(bundle.read(name) for name in bundle.namelist())
    assert VALUE.encode() not in everything
    (version,) = rows_of(bundle, "tenancy_secretversion")
    assert "sealed" not in version
    for table, column in (
        ("tenancy_datakey", "wrapped"),
        ("tenancy_tenantkey", "wrapped"),
        ("tenancy_apitoken", "secret_digest"),
    ):
        assert not any(column in row for row in rows_of(bundle, table))
    assert b"password" not in bundle.read("people.ndjson")


def test_the_ledger_tells_of_it(lived_in: Run) -> None:
    bundle = export()

    entry = LedgerEntry.objects.filter(event="tenant.exported").get()
    manifest = bundle.read(exports.MANIFEST)
    assert entry.facts["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert entry.facts["content"] == "opened"


def test_the_command_writes_a_file_that_only_its_owner_reads(
    lived_in: Run, in_acme: Tenant, tmp_path: Path
) -> None:
    path = tmp_path / "acme.zip"

    call_command("tenant", "export", in_acme.slug, f"--to={path}")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert manifest_of(zipfile.ZipFile(path))["tenant"]["slug"] == in_acme.slug
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("tenant", "export", in_acme.slug, f"--to={path}")


def test_an_admin_gets_it_sealed_and_others_get_none(lived_in: Run, in_acme: Tenant) -> None:
    alice = factories.make_client(factories.make_member(tenant=in_acme, role=Role.ADMIN))
    dan = factories.make_member(tenant=in_acme, role=Role.DATA_PROTECTION_OFFICER)

    answer = alice.post("/api/v1/tenant/export")
    refused = factories.make_client(dan).post("/api/v1/tenant/export")

    enter(in_acme)
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert answer["Content-Type"] == "application/zip"
    assert manifest_of(bundle)["content"] == "sealed"
    assert rows_of(bundle, "runs_run")[0]["input_sealed"]["because"] == "kept_sealed"
    assert refused.status_code == 403
