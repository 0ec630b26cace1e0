"""Disposals over the API: a dry run unless asked otherwise, for those who may, of their own."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from compliance import disposables
from tenancy.context import tenant_context
from tenancy.models import IdempotencyKey, Tenant
from tenancy.permissions import Role
from tests import factories
from tests.compliance import letters

URL = "/api/v1/disposals"


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disposables, "_KINDS", {})
    disposables.register(letters.Folders())
    disposables.register(letters.Letters())


@pytest.fixture
def dan(acme: Tenant) -> Client:
    return client_of(acme, Role.DATA_PROTECTION_OFFICER)


@pytest.fixture
def folder(acme: Tenant) -> IdempotencyKey:
    with tenant_context(acme):
        folder = letters.make_folder()
        letters.make_letter(folder)
    return folder


def client_of(tenant: Tenant, role: Role) -> Client:
    return factories.make_client(factories.make_member(tenant=tenant, role=role))


def post(client: Client, **body: Any) -> Any:
    return client.post(URL, body, content_type="application/json")


def dry_run(client: Client, folder: IdempotencyKey) -> dict[str, Any]:
    answer = post(client, kind="folder", id=str(folder.pk))
    assert answer.status_code == 200, answer.json()
    plan: dict[str, Any] = answer.json()["plan"]
    return plan


def execute(client: Client, plan: str) -> Any:
    return post(
        client, dry_run=False, plan=plan, legal_basis="gdpr_17_1_b", reason="Asked on paper."
    )


def test_without_saying_more_it_is_a_dry_run(dan: Client, folder: IdempotencyKey) -> None:
    plan = dry_run(dan, folder)

    assert plan["counts"] == {"folder": 1, "letter": 1, "page": 4}
    assert {"kind": "folder", "id": str(folder.pk)} in plan["records"]
    assert dan.get(URL).json()["items"] == []


def test_a_plan_is_executed_once_and_logged(dan: Client, folder: IdempotencyKey) -> None:
    plan = dry_run(dan, folder)

    done = execute(dan, plan["id"])
    again = execute(dan, plan["id"])

    assert done.status_code == 201
    entry = done.json()["disposal"]
    assert (entry["counts"], entry["keys_destroyed"]) == (plan["counts"], 2)
    assert entry["finished_at"]
    assert (again.status_code, again.json()["code"]) == (409, "disposal_plan_used")
    assert dan.get(f"{URL}/{entry['id']}").json() == entry
    records = dan.get(f"{URL}/{entry['id']}/records").json()["items"]
    assert sorted(record["kind"] for record in records) == ["folder", "letter"]


def test_the_log_is_filtered(dan: Client, folder: IdempotencyKey) -> None:
    entry = execute(dan, dry_run(dan, folder)["id"]).json()["disposal"]

    def found(**asked: str) -> bool:
        answer = dan.get(URL, asked)
        assert answer.status_code == 200, answer.json()
        return [row["id"] for row in answer.json()["items"]] == [entry["id"]]

    assert found(kind="letter")
    assert not found(kind="castle")
    assert found(record=str(folder.pk))
    assert not found(record=str(uuid4()))
    assert found(owner="customer 4711")
    assert not found(owner="customer 1")
    assert found(since="2020-01-01", until="2100-01-01T00:00:00Z")
    assert not found(until="2020-01-01")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "folder"},
        {"kind": "folder", "id": "x"},
        {"dry_run": False, "plan": str(uuid4())},
        {"dry_run": False, "plan": str(uuid4()), "legal_basis": "because", "reason": "x"},
    ],
)
def test_what_is_missing_is_said(dan: Client, body: dict[str, Any]) -> None:
    answer = post(dan, **body)

    assert 400 <= answer.status_code < 500
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("role", [Role.AUTHOR, Role.OPERATOR, Role.ADMIN, Role.AUDITOR])
def test_only_the_data_protection_officer_disposes(
    acme: Tenant, folder: IdempotencyKey, role: Role
) -> None:
    answer = post(client_of(acme, role), kind="folder", id=str(folder.pk))

    assert answer.status_code == 403


def test_mallory_finds_nothing(dan: Client, beta: Tenant, folder: IdempotencyKey) -> None:
    plan = dry_run(dan, folder)
    mallory = client_of(beta, Role.DATA_PROTECTION_OFFICER)

    assert post(mallory, kind="folder", id=str(folder.pk)).status_code == 404
    assert execute(mallory, plan["id"]).status_code == 404
    done = execute(dan, plan["id"]).json()["disposal"]
    assert mallory.get(f"{URL}/{done['id']}").status_code == 404
    assert mallory.get(f"{URL}/{done['id']}/records").status_code == 404
    assert mallory.get(URL).json()["items"] == []


def test_a_repeated_request_gets_the_first_answer(dan: Client, folder: IdempotencyKey) -> None:
    plan = dry_run(dan, folder)
    body = {
        "dry_run": False,
        "plan": plan["id"],
        "legal_basis": "retention_ended",
        "reason": "Seven years are over.",
    }

    first, second = (
        dan.post(URL, body, content_type="application/json", headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    )

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
