"""A model server of our own on loopback that says what a test tells it to, and counts what it was asked."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

# a text, or a status and a body, with further headers
Answer = str | tuple[int, str] | tuple[int, str, dict[str, str]]


class ScriptedModel:
    """OpenAI's chat completions over real HTTP. `script` gets the last message and gives an answer."""

    def __init__(
        self, script: Callable[[str], Answer] | None = None, *, seconds: float = 0, port: int = 0
    ) -> None:
        self.script = script or (lambda prompt: f"echo: {prompt}")
        self.seconds = seconds
        self.prompts: list[str] = []
        self.seen = ""  # everything that ever arrived, as text
        self.sign_ins: list[str] = []  # Authorization headers
        self.intervals: list[tuple[float, float]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                """A client may leave before its answer comes: that is no mistake of this server."""
                with suppress(ConnectionError):
                    super().handle()

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.seen += json.dumps(asked, ensure_ascii=False)
                prompt = asked["messages"][-1]["content"]
                began = time.monotonic()
                model.prompts.append(prompt)
                model.sign_ins.append(self.headers.get("Authorization", ""))
                answer = model.script(prompt)
                time.sleep(model.seconds)
                model.intervals.append((began, time.monotonic()))
                status, body, *more = (
                    answer if isinstance(answer, tuple) else (200, _completion(answer))
                )
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body.encode())))
                for name, value in more[0].items() if more else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        return Handler


def _completion(text: str) -> str:
    return json.dumps(
        {
            "id": "scripted",
            "object": "chat.completion",
            "model": "scripted-1",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )
