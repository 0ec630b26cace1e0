"""The world outside: a model and a tool that answer the same to the same question, and remember every call.

Who calls the tool may say where it wants to be called back; the people of people.py find that here.
"""

import hashlib
import json
import random
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

HERE = "http://world"  # stands in definitions for where the world is
Caller = tuple[str, str]  # the run as the input names it, and the path of the node
CALL_BACK = "call_back_at"  # what a tool is told with: an address
_ROUND = re.compile(r"\[r(\d+)\]")  # rounds count from 1, paths from 0


@dataclass(frozen=True, slots=True)
class Arrival:
    at: datetime
    idempotency_key: str = ""


class World:
    """Arrivals of each caller. Prompts begin with both of its names, tools are called at /run/node."""

    def __init__(self, *, seeded: int, slowest_seconds: float = 0.08) -> None:
        self.arrivals: dict[Caller, list[Arrival]] = defaultdict(list)
        self.addresses: list[tuple[Caller, str]] = []  # where it was asked to call back
        self._random = random.Random(seeded)  # noqa: S311 - not for secrets
        self._slowest = slowest_seconds
        self._change = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.model_url = f"{self.url}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, prompt: str) -> tuple[int, Any]:
        """What the model says."""
        run, path, verb, *_ = prompt.split(" ")
        before = self._take_in((run, _from_zero(path)), "")
        if verb == "fail":
            return 400, {"error": {"code": "asked_to_fail", "message": "As you wish."}}
        if verb == "flaky" and not before:
            # Not 5xx: after three in a row the breaker would leave the world in peace.
            return 400, {"error": {"code": "not_now", "message": "Ask again."}}
        return 200, _completion(word_for(prompt.removeprefix(f"{run} ")))

    def act(self, path: str, asked: Any, idempotency_key: str) -> tuple[int, Any]:
        """What the tool does."""
        run, _, node = unquote(path).removeprefix("/").rpartition("/")
        caller = run, _from_zero(node)
        if CALL_BACK in asked:
            self.addresses.append((caller, asked[CALL_BACK]))
        self._take_in(caller, idempotency_key)
        return 200, {"word": word_for(node)}

    def _take_in(self, caller: Caller, idempotency_key: str) -> int:
        """Remember it, take some time, and say how often it came before."""
        with self._change:
            before = len(self.arrivals[caller])
            self.arrivals[caller].append(Arrival(datetime.now(UTC), idempotency_key))
            pause = self._random.uniform(0.002, self._slowest)
        time.sleep(pause)
        return before

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.startswith("/v1/"):
                    status, answer = world.answer(asked["messages"][-1]["content"])
                else:
                    status, answer = world.act(
                        self.path, asked, self.headers["Idempotency-Key"] or ""
                    )
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
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked was killed before the answer."""


def _from_zero(path: str) -> str:
    """The path of a node with its rounds counted as the record counts them."""
    return _ROUND.sub(lambda found: f"[{int(found[1]) - 1}]", path)


def word_for(text: str) -> str:
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
