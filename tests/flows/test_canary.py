"""Canary secrets are used in real runs by a real worker, before hosts that say them back. Afterwards they are nowhere.

Searched: the databases' dumps, what web and worker logged, every page and API answer that can be reached, error
pages, and the tenant's export. Each place holds a control value, too, which the same search has to find there.
"""

import base64
import io
import json
import logging
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
import structlog
from django.test import Client
from django.urls import reverse

from grove_site import logs
from grove_site.embedded.postgres import find_binaries
from runs.models import Run
from tenancy import actors, exports, secret_backends
from tenancy.context import tenant_context
from tenancy.models import Tenant
from tenancy.permissions import Role
from tests import factories
from tests.architecture.routes import guarded_routes
from tests.flows.test_dump import forms_of
from tests.runs import definitions
from tests.runs.making import PATIENCE_SECONDS, finish, make_deployment, make_version
from tests.workflows.providers.wire_server import Reply, Seen, WireServer, as_json
from workflows import destinations, model_groups

if TYPE_CHECKING:
    from tests.databases import Databases
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

KEY = "sk-canary-of-a-key_4f1b.77c2"  # in the signs that an error's code may have
ODD = "canary/of+a&key=<with>%20signs-e8d3"  # each way of writing changes some of it
OF_A_TOOL = "canary-of-a-tool-19c6f05d"
OF_A_CALLER = "sk-canary-of-a-caller-a03e5b9d"
CANARIES = (KEY, ODD, OF_A_TOOL, OF_A_CALLER)
CONTROL = "control5e1d90b7a2"  # a name of everything: of workflows, nodes and places
PLACES = ("dump", "logs", "pages", "api", "stream", "export", "errors")
TALK = (
    definitions.HEAD.replace("{name}", "CONTROL-GROUP")
    + """  - {{id: CONTROL, kind: llm, title: Ask, after: [start], model_group: GROUP,
     prompt: "Hello.", max_tokens: 20}}
  - {{id: result, kind: output, title: Result, after: [CONTROL], value: {{said: "{{{{ CONTROL.text }}}}"}}}}
"""
)
TOOL = (
    definitions.HEAD.replace("{name}", "CONTROL-tool").replace(
        "kind: input,", "kind: input, labels: {{integrity: endorsed}},"
    )
    + """  - {{id: CONTROL, kind: tool, title: Ask, after: [start], tool: http_request, idempotent: true,
     arguments: {{method: GET, url: "ADDRESS"}}}}
  - {{id: result, kind: output, title: Result, after: [CONTROL], value: {{said: "{{{{ CONTROL }}}}"}}}}
"""
)
USAGE = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}


def search(place: bytes, value: str) -> set[bytes]:
    """The ways of writing this value that occur there."""
    return {form for form in written(value) if form in place}


def written(value: str) -> set[bytes]:
    """Plain, hex, base64 at each alignment, in addresses, JSON and HTML, and each word of a byte string's repr."""
    texts = {quote(value), quote(value, safe=""), quote_plus(value), escape(value)}
    texts |= {json.dumps(value)[1:-1], repr(value.encode())[2:-1], value[::-1]}
    urlsafe = base64.urlsafe_b64encode(value.encode()).rstrip(b"=")[:-1]
    return forms_of(value) | {text.encode() for text in texts} | {urlsafe}


# -- hosts that say back what signed us in -------------------------------------------------------------------------


def said_back(seen: Seen) -> str:
    return next(canary for canary in CANARIES if any(canary in v for v in seen.headers.values()))


def answer(seen: Seen) -> Reply:
    said = said_back(seen)
    message = {"role": "assistant", "content": f"{CONTROL}: your key is {said}."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    told = {"id": said, "model": said, "choices": [choice], "usage": USAGE}
    return as_json(told, x_request_id=said, set_cookie=f"key={said}")


def refuse(seen: Seen) -> Reply:
    said = said_back(seen)
    told = {"message": f"Incorrect API key provided: {said}", "code": said, "type": said}
    return as_json({"error": told}, status=401, x_request_id=said, www_authenticate=said)


def break_down(seen: Seen) -> Reply:
    said = said_back(seen)
    page = f"<html><h1>502</h1><pre>{seen.headers}\n{said}</pre></html>".encode()
    return Reply(502, {"Content-Type": "text/html", "X-Debug": said, "Retry-After": said}, [page])


SCRIPTS = {"answers": answer, "refuses": refuse, "breaks": break_down, "odd": answer}
SECRETS = {"answers": KEY, "refuses": KEY, "breaks": KEY, "odd": ODD}


# -- what happens --------------------------------------------------------------------------------------------------


class Story:
    """One tenant, its people on the wire, and the runs in which the canaries were used."""

    def __init__(self, tenant: Tenant, stack: "LiveStack") -> None:
        self.tenant, self.stack = tenant, stack
        members = {
            role: factories.make_member(tenant=tenant, role=role)
            for role in (Role.ADMIN, Role.OPERATOR)
        }
        self.browsers = {role: self._browser(member) for role, member in members.items()}
        self.programs = {
            role: self._program(factories.make_token(member).text)
            for role, member in members.items()
        }
        self.errors = b""
        self.runs: list[Run] = []
        self.servers: dict[str, WireServer] = {}
        self.providers: dict[str, str] = {}
        self.slugs: list[str] = []

    def live(self) -> None:
        for name, script in SCRIPTS.items():
            self._open(name, script, auth="api_key", secret_name=self._put(name, SECRETS[name]))
        self._open("callers", answer, auth="caller_key")
        host = self.servers["tool"] = WireServer(answer).__enter__()
        self._declare(host)
        for name in (*SCRIPTS, "callers"):
            key = f"{self.providers[name]}={OF_A_CALLER}" if name == "callers" else ""
            self._run(TALK.replace("GROUP", name), key)
        self._run(TOOL.replace("ADDRESS", host.base_url + "/x"))
        self._fail()

    def close(self) -> None:
        for server in self.servers.values():
            server.__exit__()

    def _put(self, name: str, value: str) -> str:
        stored = self.programs[Role.ADMIN].put(f"/api/v1/secrets/{name}", json={"value": value})
        assert stored.status_code == 200
        return name

    def _open(self, name: str, script: Any, **facts: Any) -> None:
        server = self.servers[name] = WireServer(script).__enter__()
        with tenant_context(self.tenant):
            deployment = make_deployment(server.base_url, **facts)
            self.providers[name] = deployment.name
            model_groups.create(name=name, deployments=[deployment], by=actors.SYSTEM)

    def _declare(self, host: WireServer) -> None:
        self._put("tool", OF_A_TOOL)
        with tenant_context(self.tenant):
            destinations.create(
                name=CONTROL,
                scheme="http",
                host="127.0.0.1",
                port=host.port,
                egress="internal",
                region="eu",
                methods=["GET"],
                clearance=3,
                secret_name="tool",
                by=actors.SYSTEM,
            )

    def _run(self, text: str, key: str = "") -> None:
        with tenant_context(self.tenant):
            slug = make_version(text.replace("CONTROL", CONTROL)).workflow.slug
        self.slugs.append(slug)
        started = self.programs[Role.OPERATOR].post(
            "/api/v1/runs",
            json={"workflow": slug, "input": {"n": 1, "text": CONTROL}},
            headers={"Grove-Provider-Key": key} if key else {},
        )
        assert started.status_code == 202, started.text
        with tenant_context(self.tenant):
            self.runs.append(finish(Run.objects.get(pk=started.json()["id"])))

    def _fail(self) -> None:
        """Values in requests that are refused."""
        admin, page = self.programs[Role.ADMIN], self.browsers[Role.ADMIN]
        token = page.cookies["grove_csrf"] = "c" * 32
        form = {"csrfmiddlewaretoken": token}
        answers = [
            admin.put(f"/api/v1/secrets/NO NAME {CONTROL}", json={"value": KEY}),
            admin.put("/api/v1/secrets/x", json={"value": [ODD]}),
            admin.put(
                "/api/v1/secrets/x",
                content=b'{"value": "' + KEY.encode(),
                headers={"Content-Type": "application/json"},
            ),
            admin.put("/api/v1/secrets/x", json={"value": KEY + "x" * 70_000}),
            admin.put("/api/v1/secret-backend", json={"kind": "no", "credential": KEY}),
            admin.put(
                "/api/v1/secret-backend",
                json={"kind": "vault", "address": "http://127.0.0.1:9", "credential": KEY},
            ),
            self.programs[Role.OPERATOR].put("/api/v1/secrets/x", json={"value": ODD}),
            self.programs[Role.OPERATOR].post(
                "/api/v1/runs",
                json={"workflow": CONTROL, "input": {}},
                headers={"Grove-Provider-Key": OF_A_CALLER},
            ),
            page.post(
                "/settings/secrets/-/put/", data=form | {"name": CONTROL.upper(), "value": ODD}
            ),
            page.post("/settings/secrets/answers/replace/", data=form | {"value": KEY * 3000}),
        ]
        codes = [each.status_code for each in answers]
        assert codes[:7] == [422, 422, 400, 422, 422, 503, 403]
        assert codes[-2:] == [422, 422]
        self.errors = b"\n".join(all_of(each) for each in answers)

    def _browser(self, member: Any) -> httpx.Client:
        cookies = {n: each.value for n, each in factories.make_client(member).cookies.items()}
        return self.stack.client(self.tenant, cookies=cookies, timeout=PATIENCE_SECONDS)

    def _program(self, token: str) -> httpx.Client:
        return self.stack.client(
            self.tenant, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_SECONDS
        )


def all_of(response: httpx.Response) -> bytes:
    return str(response.headers).encode() + response.content


# -- what is searched ----------------------------------------------------------------------------------------------


def every_page(browser: httpx.Client) -> Iterator[bytes]:
    """Every page that can be reached by following links from the first."""
    waiting, known = ["/"], {"/"}
    while waiting:
        page = browser.get(waiting.pop())
        yield all_of(page)
        for link in re.findall(r'(?:href|action)="(/[^"#]*)"', page.text):
            address = link.replace("&amp;", "&")
            is_ours = not address.startswith(("/static/", "/accounts/", "/api/"))
            if address not in known and is_ours and len(known) < 250:
                known.add(address)
                waiting.append(address)


def every_answer(program: httpx.Client, story: Story) -> Iterator[bytes]:
    """Every resource of the API that can be read with what this story made."""
    names = {"name": [*SCRIPTS, "tool", CONTROL, *story.providers.values()], "number": [1]}
    names |= {"run_id": [str(run.pk) for run in story.runs]}
    names |= {"slug": story.slugs}
    for route in guarded_routes():
        name = str(route)
        if not name.startswith("api") or name.endswith((":stream", ":docs")):
            continue
        if not set(route.parameters) <= set(names):
            continue
        first, *others = [*route.parameters, ""] if route.parameters else [""]
        for value in names.get(first, [""]):
            filled = {one: names[one][0] for one in others if one}
            filled |= {first: value} if first else {}
            yield all_of(program.get(reverse(name, kwargs=filled)))


def dump_of(databases: "Databases") -> bytes:
    """All three databases, read past row-level security."""
    dumps = []
    for name in (databases.names.main, databases.names.keys, databases.names.queue):
        program = [find_binaries() / "pg_dump", f"--dbname={databases.server.url(database=name)}"]
        dumps.append(subprocess.run(program, capture_output=True, check=True).stdout)
    return b"\n".join(dumps)


def export_of(tenant: Tenant) -> bytes:
    file = io.BytesIO()
    with tenant_context(tenant):
        exports.write(file=file, with_content=True, by=actors.SYSTEM)
    with zipfile.ZipFile(file) as packed:
        return b"\n".join(packed.read(name) for name in packed.namelist())


@pytest.fixture(scope="module")
def places(
    django_db_setup: None, databases: "Databases", django_db_blocker: Any
) -> dict[str, bytes]:
    """Everything that is left of the story, by place. Logs are those of the level that tells most."""
    from tests.stack import LiveStack

    with django_db_blocker.unblock(), LiveStack(databases) as stack:
        stack.env |= {"GROVE_LOG_LEVEL": "DEBUG", "GROVE_LOG_FORMAT": "console"}
        stack.start_web()
        stack.env["GROVE_LOG_FORMAT"] = "json"
        stack.start_worker()
        tenant = factories.make_tenant(name=CONTROL)  # its slug is in what the web process logs
        story = Story(tenant, stack)
        try:
            story.live()
            check_that_it_happened(story)
            operator = story.programs[Role.OPERATOR]
            streams = [
                operator.get(reverse("api-runs:stream", kwargs={"run_id": run.pk}))
                for run in story.runs
            ]
            found = {
                "pages": b"\n".join(
                    page for browser in story.browsers.values() for page in every_page(browser)
                ),
                "api": b"\n".join(
                    told
                    for program in story.programs.values()
                    for told in every_answer(program, story)
                ),
                "stream": b"\n".join(map(all_of, streams)),
                "errors": story.errors,
                "export": export_of(tenant),
                "dump": dump_of(databases),
            }
        finally:
            story.close()
            stack.stop_all()
        state = Path(os.environ["GROVE_STATE_DIR"])
        found["logs"] = b"\n".join(path.read_bytes() for path in state.glob("*.log"))
    return found


def check_that_it_happened(story: Story) -> None:
    """Each canary reached the host that it was meant for, and the runs ended as those hosts made them."""
    arrived = {name: str([each.headers for each in of.seen]) for name, of in story.servers.items()}
    wanted = {**SECRETS, "callers": OF_A_CALLER, "tool": OF_A_TOOL}
    assert [name for name, canary in wanted.items() if canary not in arrived[name]] == []
    assert [run.status for run in story.runs] == [
        "completed",
        "failed",
        "failed",
        "completed",
        "completed",
        "completed",
    ]


@pytest.mark.parametrize("place", PLACES)
def test_no_canary_is_there(places: dict[str, bytes], place: str) -> None:
    found = {canary: search(places[place], canary) for canary in CANARIES}

    assert {canary: forms for canary, forms in found.items() if forms} == {}


@pytest.mark.parametrize("place", PLACES)
def test_the_search_finds_the_control_value_there(places: dict[str, bytes], place: str) -> None:
    assert search(places[place], CONTROL)


@pytest.mark.parametrize("canary", CANARIES)
def test_the_search_finds_each_way_of_writing(canary: str) -> None:
    for form in written(canary):
        assert search(b"noise " + form + b" noise", canary)
    for shift in range(6):  # wherever it begins in what was encoded as a whole
        around = base64.b64encode(b"x" * shift + canary.encode() + b"yyyy")
        assert search(around, canary)


def test_a_fault_of_ours_shows_no_value(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback goes through the function that holds the value."""

    def broken(self: Any, name: str, number: int, value: str) -> None:
        raise RuntimeError(CONTROL)

    monkeypatch.setattr(secret_backends.Local, "write", broken)
    alice = factories.make_client(factories.make_member(tenant=in_acme, role=Role.ADMIN))
    alice.raise_request_exception = False
    logged = io.StringIO()
    handlers = [logging.StreamHandler(logged), logging.StreamHandler(logged)]
    for handler, processors in zip(handlers, (logs._json(), logs._console()), strict=True):
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=logs.SHARED, processors=processors
            )
        )
        logging.getLogger().addHandler(handler)
    try:
        shown = _store_by_page_and_api(alice)
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)

    everything = (shown + logged.getvalue()).encode()
    assert search(everything, CONTROL)
    assert search(everything, KEY) == set()


def _store_by_page_and_api(alice: Client) -> str:
    page = alice.post("/settings/secrets/-/put/", {"name": "key", "value": KEY})
    api = alice.put("/api/v1/secrets/key", {"value": KEY}, "application/json")
    assert (page.status_code, api.status_code) == (500, 500)
    return page.content.decode() + api.content.decode()
