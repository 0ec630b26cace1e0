"""The API's description is sound, complete, and true: what it says may be sent never ends in a fault of ours."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.test import Client
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from runs.filters import NAMES
from tenancy.models import Tenant
from tenancy.permissions import MATRIX, Permission, Role
from tests import factories
from tests.architecture.routes import all_routes
from tests.runs import definitions
from tests.runs.making import make_run, make_version

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLES = 4  # of each operation: enough for what is plainly wrong, and quick
OPEN = {"callbacks_answer"}  # to be called by somebody without a name
OF_ITSELF = {"api:openapi", "api:docs", "api:problem"}  # the description and its pages


@pytest.fixture
def visitor(acme: Tenant) -> Client:
    return Client(headers={"host": f"{acme.slug}.localhost"})


@pytest.fixture
def description(visitor: Client) -> Any:
    return visitor.get("/api/v1/openapi.json").json()


def operations(description: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in description["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


# -- sound --------------------------------------------------------------------------------------------


def test_it_is_a_valid_openapi_3_1_document(description: Any) -> None:
    assert description["openapi"] == "3.1.1"
    assert description["jsonSchemaDialect"].endswith("2020-12/schema")
    validate_schema(description)


def test_its_schemas_are_json_schema_2020_12(description: Any) -> None:
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_its_references_lead_somewhere(description: Any) -> None:
    for reference in references(description):
        found = description
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_it_knows_problems_and_two_ways_to_sign_in(description: Any) -> None:
    assert "Problem" in description["components"]["schemas"]
    assert set(description["components"]["securitySchemes"]) == {"bearerAuth", "cookieAuth"}


def test_its_page_has_no_inline_script_and_only_it_may_show_data_images(visitor: Client) -> None:
    page, elsewhere = visitor.get("/api/"), visitor.get("/accounts/login/")

    assert b"<style" not in page.content
    assert b"<script>" not in page.content
    assert "img-src 'self' data:" in page["Content-Security-Policy"]
    assert "data:" not in elsewhere["Content-Security-Policy"]
    assert visitor.get("/api/?script=").status_code == 200


# -- complete -----------------------------------------------------------------------------------------


def test_every_operation_says_its_name_its_permission_and_how_it_refuses(description: Any) -> None:
    permissions = {permission.value for permission in Permission}
    names = []

    for path, method, operation in operations(description):
        names.append(operation["operationId"])
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation["operationId"]), (method, path)
        if operation["operationId"] in OPEN:
            assert operation["security"] == []
        else:
            assert operation["x-required-permission"] in permissions, (method, path)
        assert operation["responses"]["default"]["content"].keys() == {"application/problem+json"}
        assert any(code.startswith("2") for code in operation["responses"]), (method, path)

    assert len(names) == len(set(names))


def test_every_url_of_the_api_is_in_it_with_its_methods_and_permissions(description: Any) -> None:
    described = {
        (re.sub(r"{\w+}", "{}", path), method): operation["x-required-permission"]
        for path, method, operation in operations(description)
        if operation["operationId"] not in OPEN
    }

    served = {}
    for route in all_routes():
        if not route.name.startswith("api") or route.name in OF_ITSELF:
            continue
        needed = dict(route.needs)
        if route.resource is None:
            needed.pop("post", None)  # a function view of the API reads
        for method, permission in needed.items():
            served[(shape(route), method)] = permission.value

    assert described == served


def shape(route: Any) -> str:
    """The route's path with {} for each parameter, whatever its name."""
    markers = {
        name: "00000000-0000-7000-8000-000000000000"
        if kind == "UUIDConverter"
        else ("90909" if kind == "IntConverter" else "zz-marker")
        for name, kind in route.parameters.items()
    }
    path: str = route.path(**markers)
    for marker in set(markers.values()):
        path = path.replace(marker, "{}")
    return path


def test_every_parameter_of_a_path_is_declared(description: Any) -> None:
    for path, method, operation in operations(description):
        declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}

        assert declared == set(re.findall(r"{(\w+)}", path)), (method, path)


def test_lists_name_cursor_and_limit(description: Any) -> None:
    listed = description["paths"]["/api/v1/members"]["get"]

    assert {"cursor", "limit"} <= {parameter["name"] for parameter in listed["parameters"]}


def test_money_looks_the_same_everywhere(description: Any) -> None:
    for name, schema in description["components"]["schemas"].items():
        for member, rule in schema.get("properties", {}).items():
            if member == "cost":
                assert list(references(rule)) == ["#/components/schemas/Amount"], name
            assert "micros" not in member or "per_million" in member, (name, member)


# -- true ---------------------------------------------------------------------------------------------


@pytest.fixture
def real(in_acme: Tenant) -> dict[str, Any]:
    """Real values for parameters of paths, so that a probe gets further than to a 404."""
    run = make_run(make_version(definitions.CHAIN))
    return {"run_id": str(run.pk), "slug": run.workflow.slug, "number": 1}


def test_nothing_that_may_be_sent_ends_in_a_fault_of_ours(
    acme: Tenant, real: dict[str, Any], description: Any
) -> None:
    """What schemathesis makes from the description, sent by somebody who may do everything there is to do."""
    programs = {
        role: factories.make_program(factories.make_member(tenant=acme, role=role)) for role in Role
    }
    for program in programs.values():
        program.raise_request_exception = False
    del description["paths"]["/api/v1/runs/{run_id}/events/stream"]  # it goes on for ever
    faults = []

    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        needed = operation.definition.raw.get("x-required-permission")
        senders = [program for role, program in programs.items() if needed in (None, *MATRIX[role])]
        faults += probe(operation, senders[0], real) if senders else []

    assert not faults, "\n".join(faults)


def probe(operation: Any, program: Client, real: dict[str, Any]) -> list[str]:
    """Send a few examples, every other one to things that are there. What ended in a 5xx."""
    faults: list[str] = []
    sent = iter(range(1_000))

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        if next(sent) % 2:
            case.path_parameters.update(
                {name: real[name] for name in case.path_parameters if name in real}
            )
        request = requests.Request(**case.as_transport_kwargs(base_url="http://testserver"))
        prepared = request.prepare()
        headers = {
            name: value
            for name, value in prepared.headers.items()
            if name.lower() in ("idempotency-key", "last-event-id")
        }
        answer = program.generic(
            prepared.method,
            prepared.path_url,
            prepared.body or b"",
            content_type=prepared.headers.get("Content-Type", "application/json"),
            headers=headers,
        )
        if answer.status_code >= 500:
            faults.append(
                f"{prepared.method} {prepared.path_url} {prepared.body!r}: {answer.content!r}"
            )

    send()
    return faults


def test_every_parameter_of_a_run_list_says_what_it_takes(description: Any) -> None:
    asked = description["paths"]["/api/v1/runs"]["get"]["parameters"]
    assert {each["name"] for each in asked} == {*NAMES, "order", "cursor", "limit"}


def test_every_question_to_runs_waits_and_costs_is_described(description: Any) -> None:
    silent = [
        f"{method} {path}: {each['name']}"
        for path, method, operation in operations(description)
        if path.startswith(("/api/v1/runs", "/api/v1/waits", "/api/v1/costs"))
        for each in operation.get("parameters", ())
        if each["in"] == "query" and not each.get("description")
    ]
    assert silent == []
