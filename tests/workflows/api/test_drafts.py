"""The draft as programs meet it: an ETag to begin from, and named edits."""

from typing import Any

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.workflows.definition_texts import small
from workflows import definitions

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
DRAFT = "/api/v1/workflows/small-one/draft"


@pytest.fixture
def author(in_acme: Tenant) -> Client:
    definitions.save(workflow=None, text=small(), by=SYSTEM)
    return factories.make_client(factories.make_member(tenant=in_acme, role=Role.AUTHOR))


def send(
    client: Client, body: Any, etag: str = "", path: str = "/edits", method: str = "post"
) -> Any:
    headers = {"If-Match": etag} if etag else {}
    call = getattr(client, method)
    return call(f"{DRAFT}{path}", body, content_type="application/json", headers=headers)


def rename(to: str) -> dict[str, Any]:
    return {"edit": "rename", "arguments": {"node": "answer", "to": to}}


def test_a_draft_is_read_with_its_etag(author: Client) -> None:
    first = author.get(DRAFT)
    again = author.get(DRAFT, headers={"If-None-Match": first["ETag"]})

    assert first["ETag"].startswith('"1-')
    assert first.json()["source"] == small()
    assert (again.status_code, again.content) == (304, b"")


def test_a_named_edit_is_made_on_top_of_what_was_read(author: Client) -> None:
    etag = author.get(DRAFT)["ETag"]

    answer = send(author, rename("reply"), etag)

    assert (answer.status_code, answer.json()["number"]) == (200, 2)
    assert answer["ETag"] != etag
    assert answer.json()["definition"]["nodes"][2]["value"] == "{{ reply.text }}"
    assert answer.json()["summary"] == "Renamed “answer” to “reply”"


def test_without_if_match_it_is_428_and_with_an_old_one_412(author: Client) -> None:
    etag = author.get(DRAFT)["ETag"]
    send(author, rename("reply"), etag)

    missing, late = send(author, rename("other")), send(author, rename("other"), etag)
    put = send(author, {"definition": small()}, etag, path="", method="put")

    assert (missing.status_code, missing.json()["code"]) == (428, "if_match_missing")
    assert (late.status_code, late.json()["code"]) == (412, "draft_moved")
    assert put.status_code == 412
    assert author.get(DRAFT).json()["number"] == 2


def test_a_whole_draft_is_put_in_place_of_another(author: Client) -> None:
    etag = author.get(DRAFT)["ETag"]

    answer = send(author, {"definition": small(prompt="Politely:")}, etag, path="", method="put")

    assert answer.status_code == 200
    assert answer.json()["summary"] == "Changed prompt of “answer”"


def test_undo_redo_and_going_back_are_edits(author: Client) -> None:
    etag = send(author, rename("reply"), author.get(DRAFT)["ETag"])["ETag"]

    undone = send(author, {"edit": "undo"}, etag)
    redone = send(author, {"edit": "redo"}, undone["ETag"])
    back = send(author, {"edit": "go_back", "arguments": {"revision": 1}}, redone["ETag"])
    nothing = send(author, {"edit": "redo"}, back["ETag"])
    nowhere = send(author, {"edit": "go_back", "arguments": {"revision": 99}}, back["ETag"])

    assert [each.json()["number"] for each in (undone, redone, back)] == [1, 2, 3]
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_undo")
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "edit_refused")


@pytest.mark.parametrize(
    "body",
    [
        {"edit": "rename", "arguments": {"node": "nobody", "to": "x"}},
        {"edit": "rename", "arguments": {"to": "x"}},
        {"edit": "rename", "arguments": {"node": {}, "to": []}},
        {"edit": "set_after", "arguments": {"node": "answer", "after": 5}},
        {"edit": "set_branches", "arguments": {"node": "answer", "targets": None}},
        {"edit": "add", "arguments": {"kind": "llm", "values": 7}},
        {"edit": "set_top", "arguments": {"field": [], "value": 1}},
        {"edit": "paint"},
    ],
)
def test_an_edit_that_cannot_be_meant_is_422_and_saves_nothing(author: Client, body: Any) -> None:
    answer = send(author, body, author.get(DRAFT)["ETag"])

    assert answer.status_code == 422
    assert author.get(DRAFT).json()["number"] == 1


def test_who_may_only_look_may_not_change(author: Client, in_acme: Tenant, beta: Tenant) -> None:
    auditor = factories.make_client(factories.make_member(tenant=in_acme, role=Role.AUDITOR))
    mallory = factories.make_client(factories.make_member(tenant=beta, role=Role.AUTHOR))
    etag = auditor.get(DRAFT)["ETag"]

    assert send(auditor, rename("x"), etag).status_code == 403
    assert mallory.get(DRAFT).status_code == 404
    assert send(mallory, rename("x"), etag).status_code == 404
