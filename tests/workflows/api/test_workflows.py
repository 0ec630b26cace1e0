"""Workflows, versions and models as programs meet them."""

import hashlib
from base64 import b64decode
from typing import Any

import pytest
from django.test import Client

from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.workflows.definition_texts import small
from tests.workflows.models_of_tests import make_deployment, make_group
from workflows import validation
from workflows.definition import parse
from workflows.definition_schema import definition_schema
from workflows.json_schemas import faults
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
API = "/api/v1"


@pytest.fixture
def as_role(acme: Tenant) -> Any:
    """A signed-in client for each role, made when first asked for."""
    clients: dict[Role, Client] = {}

    def client_of(role: Role) -> Client:
        if role not in clients:
            clients[role] = factories.make_client(factories.make_member(tenant=acme, role=role))
        return clients[role]

    with tenant_context(acme):
        make_group()
    return client_of


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"{API}{path}", body, content_type="application/json", headers=headers)


def imported(client: Client, **facts: Any) -> Any:
    return post(client, "/workflows", {"definition": small(**facts)})


def test_from_import_to_retirement(as_role: Any) -> None:
    author, reviewer = as_role(Role.AUTHOR), as_role(Role.REVIEWER)

    saved = imported(author)
    numbered = post(author, "/workflows/small-one/versions", {"revision": 1})
    published = post(reviewer, "/workflows/small-one/versions/1/publish", {"reason": "Good"})
    shown = author.get(f"{API}/workflows/small-one").json()
    retired = post(reviewer, "/workflows/small-one/versions/1/retire", {})

    assert saved.status_code == 201
    assert saved["Location"] == f"{API}/workflows/small-one/revisions/1"
    assert numbered.status_code == 201
    assert numbered.json()["state"] == "draft"
    assert published.json()["state"] == "published"
    assert published.json()["digest"] == saved.json()["digest"]
    assert (shown["head_revision"], shown["published_version"]) == (1, 1)
    assert retired.json()["state"] == "retired"


def test_author_may_not_publish_and_reviewer_may_not_edit(as_role: Any) -> None:
    author, reviewer = as_role(Role.AUTHOR), as_role(Role.REVIEWER)
    imported(author)
    post(author, "/workflows/small-one/versions", {"revision": 1})

    assert post(author, "/workflows/small-one/versions/1/publish", {}).status_code == 403
    assert imported(reviewer, name="other-one").status_code == 403


def test_revision_gives_back_what_was_typed(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    imported(author)

    whole = author.get(f"{API}/workflows/small-one/revisions/1").json()
    again = post(author, "/workflows", {"definition": whole["source"]})

    assert whole["source"] == small()
    assert whole["definition"]["name"] == "small-one"
    assert again.json()["id"] == whole["id"]


def test_definition_as_json_object_has_the_same_digest(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    first = imported(author).json()
    spec = dict(parse(small()).spec)

    second = post(author, "/workflows", {"definition": spec}).json()

    assert second["media"] == "json"
    assert second["number"] == 2
    assert second["digest"] == first["digest"]


def test_import_refuses_with_every_problem(as_role: Any) -> None:
    refused = imported(as_role(Role.AUTHOR), model_group="nobody")

    assert refused.status_code == 422
    assert refused["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "definition_invalid"
    assert "nobody" in problem["detail"]
    assert [each["node"] for each in problem["problems"]] == ["answer"]


def test_draft_saves_with_problems_and_an_outdated_parent_is_refused(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    imported(author)
    path = "/workflows/small-one/revisions"

    draft = post(author, path, {"definition": "name: small-one\nnodes: [", "parent": 1})
    late = post(author, path, {"definition": small(prompt="Other:"), "parent": 1})

    assert draft.status_code == 201
    assert draft.json()["error_count"] >= 1
    assert late.status_code == 409
    assert late.json()["code"] == "revision_outdated"


def test_same_key_imports_once(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    body, key = {"definition": small()}, {"Idempotency-Key": "import-1"}

    first = post(author, "/workflows", body, **key)
    second = post(author, "/workflows", body, **key)

    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"definition": 7},
        {"definition": [1]},
        {"definition": "x", "media": "toml"},
        [],
        "x",
        None,
    ],
)
def test_what_is_no_definition_is_a_sentence(as_role: Any, body: Any) -> None:
    refused = post(as_role(Role.AUTHOR), "/workflows", body)

    assert 400 <= refused.status_code < 500
    assert refused.json()["detail"]


def test_check_lists_problems_and_saves_nothing(as_role: Any, acme: Tenant) -> None:
    found = post(
        as_role(Role.AUTHOR), "/definition-checks", {"definition": small(model_group="nobody")}
    )

    assert found.status_code == 200
    assert [each["node"] for each in found.json()] == ["answer"]
    with tenant_context(acme):
        assert not Workflow.objects.exists()


def test_schema_is_published_and_accepts_what_validation_accepts(as_role: Any) -> None:
    schema = as_role(Role.AUDITOR).get(f"{API}/definition-schema").json()

    assert schema == definition_schema()
    assert validation.check(small(), model_groups={"default"}) == []
    assert faults(schema, dict(parse(small()).spec)) == []


def test_document_comes_as_markdown_with_its_digest(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    imported(author)
    post(author, "/workflows/small-one/versions", {"revision": 1})
    path = f"{API}/workflows/small-one/versions/1/document"

    first, second = author.get(path), author.get(path)
    bad = author.get(path, {"as_of": "yesterday"})

    assert first["Content-Type"].startswith("text/markdown")
    assert first.content == second.content
    assert first.content.startswith(b"# Small one")
    told = first["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":")
    assert b64decode(told) == hashlib.sha256(first.content).digest()
    assert bad.status_code == 422


def test_models_are_shown_and_groups_repointed_by_admins_only(as_role: Any, acme: Tenant) -> None:
    with tenant_context(acme):
        make_deployment(name="second")
    admin, author = as_role(Role.ADMIN), as_role(Role.AUTHOR)
    path, body = f"{API}/model-groups/default", {"deployments": ["second", "small-eu"]}

    refused = author.put(path, body, content_type="application/json")
    done = admin.put(path, body, content_type="application/json")
    unknown = admin.put(path, {"deployments": ["x"]}, content_type="application/json")

    assert refused.status_code == 403
    assert done.json()["deployments"] == ["second", "small-eu"]
    assert "“x”" in unknown.json()["detail"]
    assert len(author.get(f"{API}/providers").json()["items"]) == 2
    assert len(author.get(f"{API}/deployments").json()["items"]) == 2
    assert (
        post(admin, "/model-groups", {"name": "two", "deployments": ["second"]}).status_code == 201
    )
    assert len(author.get(f"{API}/model-groups").json()["items"]) == 2


def test_lists_come_in_pages(as_role: Any) -> None:
    author = as_role(Role.AUTHOR)
    for number in range(3):
        imported(author, name=f"small-{number}")

    first = author.get(f"{API}/workflows", {"limit": 2}).json()
    rest = author.get(f"{API}/workflows", {"limit": 2, "cursor": first["next_cursor"]}).json()

    names = [row["name"] for row in first["items"] + rest["items"]]
    assert names == ["small-2", "small-1", "small-0"]
    assert rest["next_cursor"] is None


def test_mallory_gets_404_for_everything(as_role: Any, beta: Tenant) -> None:
    imported(as_role(Role.AUTHOR))
    mallory = factories.make_client(factories.make_member(tenant=beta, role=Role.AUTHOR))

    for path in ("", "/revisions", "/revisions/1", "/versions", "/versions/1"):
        assert mallory.get(f"{API}/workflows/small-one{path}").status_code == 404
    assert mallory.get(f"{API}/workflows").json()["items"] == []
