"""Calls of the API, as a program makes them."""

import re
from typing import Any

from django.test import Client

from workflows.models import WorkflowVersion

URL = "/api/v1/runs"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def post(client: Client, path: str = URL, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(path, body, content_type="application/json", headers=headers)


def ask(started: WorkflowVersion, **more: Any) -> dict[str, Any]:
    """The body that starts a run."""
    return {"workflow": started.workflow.slug, "input": {"n": 1}, **more}


def get(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def problem(answer: Any, status: int, code: str) -> Any:
    """The problem document, after a look at what all of them have."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["type"] == f"/api/problems/{code}"
    assert said["title"]
    assert said["detail"]
    assert said["request_id"]
    return said


def follow(client: Client, path: str) -> list[Any]:
    """The items of all pages."""
    items, cursor = [], ""
    while cursor is not None:
        page = get(client, f"{path}&cursor={cursor}" if cursor else path)
        items += page["items"]
        cursor = page["next_cursor"]
    return items
