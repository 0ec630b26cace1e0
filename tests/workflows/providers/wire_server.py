"""A server of our own on loopback that speaks a vendor's wire format: real sockets, real TLS, a script for answers."""

import json
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Seen:
    """What arrived."""

    method: str
    path: str  # with its query, as on the wire
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.content.decode()).items()}


@dataclass(frozen=True)
class Reply:
    """What goes back. Parts go out one by one, with a pause before each; `hang`: the end never comes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: Iterable[bytes] = ()
    pause: float = 0.0
    hang: float = 0.0


def as_json(answer: Any, status: int = 200, **headers: str) -> Reply:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status, {"Content-Type": "application/json", **told}, [json.dumps(answer).encode()]
    )


def as_events(*events: Any, named: bool = False, done: bool = False, **how: Any) -> Reply:
    """Server-sent events; `named` with the type of each as its name (Anthropic), `done` ends as OpenAI does."""
    parts = [
        (f"event: {event['type']}\n" if named else "").encode()
        + b"data: "
        + json.dumps(event).encode()
        + b"\n\n"
        for event in events
    ]
    if done:
        parts.append(b"data: [DONE]\n\n")
    return Reply(200, {"Content-Type": "text/event-stream; charset=utf-8"}, parts, **how)


class WireServer:
    """`script` gets what arrived and says what goes back. `base_url` is what a provider is given."""

    def __init__(
        self, script: Callable[[Seen], Reply], *, context: ssl.SSLContext | None = None
    ) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        scheme = "http"
        if context is not None:
            scheme = "https"
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.base_url = f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, headers, content)
                wire.seen.append(seen)
                reply = wire.script(seen)
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in reply.parts:
                    wire._closing.wait(reply.pause)
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                    self.wfile.flush()
                wire._closing.wait(reply.hang)
                self.wfile.write(b"0\r\n\r\n")

            def do_POST(self) -> None:
                self.answer()

            def do_GET(self) -> None:
                self.answer()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up or shake hands wrongly are what some tests are about."""
