"""The world outside: a model server that answers the same to the same question, and remembers every call."""

import hashlib
import json
import random
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Caller = tuple[str, str]  # the run as the input names it, and the node


class World:
    """Arrivals per run and node. Prompts begin with both: “run-7 n3 ask …”."""

    def __init__(self, *, seeded: int, slowest_seconds: float = 0.08) -> None:
        self.arrivals: dict[Caller, list[datetime]] = defaultdict(list)
        self._random = random.Random(seeded)  # noqa: S311 - not for secrets
        self._slowest = slowest_seconds
        self._change = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.model_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, prompt: str) -> tuple[int, Any]:
        run, node, verb, *_ = prompt.split(" ")
        with self._change:
            self.arrivals[run, node].append(datetime.now(UTC))
            pause = self._random.uniform(0.002, self._slowest)
        time.sleep(pause)
        if verb == "fail":
            return 400, {"error": {"code": "asked_to_fail", "message": "As you wish."}}
        return 200, _completion(_word_for(prompt.removeprefix(f"{run} ")))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = world.answer(asked["messages"][-1]["content"])
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked was killed before the answer."""


def _word_for(text: str) -> str:
    """Letters only: no detector takes them for a number of anything."""
    return hashlib.sha256(text.encode()).hexdigest()[:12].translate(_LETTERS)


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "model": "made-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
    }
