"""The documentation as programs meet it: whole, with an ETag, and its history."""

from typing import Any

import pytest
from django.test import Client

from tenancy.actors import SYSTEM
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests.factories import make_client, make_member
from tests.workflows.definition_texts import small
from workflows import definitions

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
HERE = "/api/v1/workflows/small-one/documentation"


@pytest.fixture
def olga(in_acme: Tenant) -> Client:
    definitions.save(workflow=None, text=small(), by=SYSTEM)
    return make_client(make_member(tenant=in_acme, role=Role.COMPLIANCE_OFFICER))


def put(client: Client, body: Any, **headers: str) -> Any:
    return client.put(HERE, body, content_type="application/json", headers=headers)


def test_read_change_and_read_the_history(olga: Client) -> None:
    before = olga.get(HERE)
    saved = put(
        olga,
        {"purpose": "Clearer.", "node_texts": {"answer": "Answers."}, "reason": "Asked for."},
        **{"If-Match": before["ETag"]},
    )
    history = olga.get(f"{HERE}/history").json()["items"]
    then = olga.get(HERE, {"as_of": before.json()["values"][0]["at"][:-5] + ".999Z"})

    assert saved.status_code == 200
    assert saved.json()["purpose"] == "Clearer."
    assert saved.json()["completeness"]["missing_nodes"] == ["letter", "result"]
    assert saved["ETag"] != before["ETag"]
    assert [change["number"] for change in history] == [2, 1]
    assert {"field": "owner", "before": "Test house", "after": ""} in history[0]["changes"]
    assert history[0]["reason"] == "Asked for."
    assert then.status_code == 200


@pytest.mark.parametrize(("match", "status"), [(None, 428), ('"1-0000000000000000"', 412)])
def test_who_does_not_say_what_it_read_changes_nothing(
    olga: Client, match: str | None, status: int
) -> None:
    answer = put(olga, {"reason": "x"}, **({"If-Match": match} if match else {}))

    assert answer.status_code == status
    assert olga.get(HERE).json()["number"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "x", "retention_days": 0},
        {"reason": "x", "node_texts": {"nowhere": "y"}},
        {"reason": "x", "owner": "y" * 201},
    ],
)
def test_what_cannot_be_kept_is_refused(olga: Client, body: Any) -> None:
    etag = olga.get(HERE)["ETag"]

    assert put(olga, body, **{"If-Match": etag}).status_code == 422


def test_moment_without_a_zone_is_refused(olga: Client) -> None:
    assert olga.get(HERE, {"as_of": "2026-11-01"}).status_code == 422
