"""The API describes itself: OpenAPI 3.1, every operation with its permission and its refusals."""

import re
from typing import Any

import pytest
from django.test import Client

from tenancy.models import Tenant
from tenancy.permissions import Permission
from tests.architecture.routes import all_routes

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

SAMPLE = {
    "UUIDConverter": "00000000-0000-7000-8000-000000000000",
    "SlugConverter": "sample",
    "StringConverter": "sample",
    "IntConverter": 999_999,
}
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def visitor(acme: Tenant) -> Client:
    return Client(headers={"host": f"{acme.slug}.localhost"})


@pytest.fixture
def description(visitor: Client) -> Any:
    return visitor.get("/api/v1/openapi.json").json()


def operations(description: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_it_is_openapi_3_1_with_problems_and_two_ways_to_sign_in(description: Any) -> None:
    assert description["openapi"] == "3.1.1"
    assert description["jsonSchemaDialect"].endswith("2020-12/schema")
    assert "Problem" in description["components"]["schemas"]
    assert set(description["components"]["securitySchemes"]) == {"bearerAuth", "cookieAuth"}


def test_every_operation_names_its_permission_and_refusal(description: Any) -> None:
    known = {permission.value for permission in Permission}

    for name, operation in operations(description):
        assert operation["x-required-permission"] in known, name
        assert "application/problem+json" in operation["responses"]["default"]["content"], name


def test_operation_ids_are_single(description: Any) -> None:
    ids = [operation["operationId"] for _, operation in operations(description)]

    assert len(ids) == len(set(ids))


def test_page_has_no_inline_script_and_only_it_may_show_data_images(visitor: Client) -> None:
    page, elsewhere = visitor.get("/api/"), visitor.get("/accounts/login/")

    assert b"<style" not in page.content
    assert b"<script>" not in page.content
    assert "img-src 'self' data:" in page["Content-Security-Policy"]
    assert "data:" not in elsewhere["Content-Security-Policy"]
    assert visitor.get("/api/?script=").status_code == 200


def test_lists_name_cursor_and_limit(description: Any) -> None:
    listed = dict(operations(description))["get /api/v1/members"]

    assert {"cursor", "limit"} <= {parameter["name"] for parameter in listed["parameters"]}


def test_every_route_of_the_api_is_described(description: Any) -> None:
    """What is not described is not found by whoever writes a client."""
    described = {re.sub(r"{\w+}", "{}", path) for path in description["paths"]}
    left_out = {"api:openapi", "api:docs", "api:problem"}

    for route in all_routes():
        if route.name.startswith("api") and route.name not in left_out:
            path = route.path(**{name: SAMPLE[kind] for name, kind in route.parameters.items()})
            for sample in SAMPLE.values():
                path = path.replace(f"/{sample}", "/{}")
            assert path in described, route
