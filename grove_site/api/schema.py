"""What the OpenAPI description says of every operation: the permission it needs, who may call, how it refuses."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` is stable and for programs, `detail` is for people.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "examples": ["/api/problems/not_found"],
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "examples": ["not_found"]},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer as a fragment."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}
REFUSAL = {
    "description": "A refusal.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": 255},
    "description": "Send the request again with the same key, and it happens once.",
}


PAGE_PARAMETERS = (
    {
        "in": "query",
        "name": "cursor",
        "schema": {"type": "string"},
        "description": "`next_cursor` of the page before. Good for the same filter only.",
    },
    {
        "in": "query",
        "name": "limit",
        "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        "description": "How many a page holds at most.",
    },
)


class GroveSchema(AutoSchema):
    """One operation's description."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        method = self.method.lower()
        permission = getattr(self.view, "required_permissions", {}).get(method)
        if permission is not None:
            operation["x-required-permission"] = str(permission.value)
        else:
            operation["security"] = []  # anybody may call it
        if getattr(getattr(self.view, method, None), "is_idempotent", False):
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        if method == "get" and _is_page(operation):
            named = {parameter["name"] for parameter in operation.get("parameters", [])}
            missing = [each for each in PAGE_PARAMETERS if each["name"] not in named]
            operation.setdefault("parameters", []).extend(missing)
        operation["responses"]["default"] = REFUSAL
        return operation


def _is_page(operation: dict[str, Any]) -> bool:
    content = operation["responses"].get("200", {}).get("content", {})
    shape = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    return str(shape).endswith("PageShape")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenancy.api.authentication.TokenAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "grove_<prefix>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "tenancy.api.authentication.SignedInAuthentication"
    name = "cookieAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "grove_session"}


STREAM: dict[str, Any] = {
    "operationId": "events_stream",
    "summary": "Follow the events of a run",
    "description": "Server-sent events, replayed after `Last-Event-ID` and followed until `end`.",
    "parameters": [
        {
            "in": "path",
            "name": "run_id",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        },
        {"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"}},
        {
            "in": "query",
            "name": "after",
            "schema": {"type": "integer"},
            "description": "Events after this number only, as `Last-Event-ID` says it.",
        },
    ],
    "tags": ["runs"],
    "security": [{"bearerAuth": []}, {"cookieAuth": []}],
    "x-required-permission": "run.view",
    "responses": {
        "200": {
            "description": "Events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        "204": {"description": "The run has ended, and all of it was seen."},
        "default": REFUSAL,
    },
}


def complete(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular: the dialect, the shape of a problem, the one stream."""
    result["jsonSchemaDialect"] = DIALECT
    result["paths"]["/api/v1/runs/{run_id}/events/stream"] = {"get": STREAM}
    components: dict[str, Any] = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    return result
