"""Each tool by itself, with a permit in hand: what it sends, what it gives back, and each way to fail."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from compliance.labels import DataClass, Integrity, Labels
from tenancy import actors, keys, secret_store
from tenancy.models import SecretVersion, Tenant
from tests.runs.scripted_host import Asked, Reply, ScriptedHost
from workflows import destinations, storage_profiles, stored_objects, stores
from workflows.models import Destination, StoredObject
from workflows.permits import Permit
from workflows.tools import connections, registry
from workflows.tools.contract import ToolError, ToolRequest, ToolResponse
from workflows.tools.errors import ArgumentsInvalid, ToolUnknown

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
PERMIT = Permit(decision_id=uuid4(), call_id=uuid4())
CONFIDENTIAL = Labels(DataClass.CONFIDENTIAL, Integrity.ENDORSED, frozenset({"PII"}))


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.STATE_DIR = tmp_path
    yield
    connections.close_all()


@pytest.fixture
def host(in_acme: Tenant) -> Iterator[ScriptedHost]:
    with ScriptedHost() as host:
        yield host


def declare(host: ScriptedHost, **facts: Any) -> None:
    known: dict[str, Any] = {
        "name": "crm",
        "scheme": "http",
        "host": "127.0.0.1",
        "port": host.port,
        "egress": "internal",
        "methods": ["GET", "POST"],
    }
    destinations.create(by=actors.SYSTEM, **(known | facts))


def call(
    tool: str, *, idempotent: bool = False, idempotency_key: str = "", **arguments: Any
) -> ToolResponse:
    request = ToolRequest(
        tool=tool,
        arguments=arguments,
        idempotent=idempotent,
        timeout_seconds=5,
        idempotency_key=idempotency_key or uuid4().hex,
        labels=CONFIDENTIAL,
        run_id=uuid4(),
        node_id="ask",
    )
    return registry.call(registry.find_target(tool, arguments), request, permit=PERMIT)


def refused(tool: str, **arguments: Any) -> ToolError:
    with pytest.raises(ToolError) as raised:
        call(tool, **arguments)
    return raised.value


# -- the registry -------------------------------------------------------------------------------------------------


def test_a_tool_that_is_none_is_refused(in_acme: Tenant) -> None:
    with pytest.raises(ToolUnknown):
        registry.find_target("send_fax", {})


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("http_request", {}),
        ("http_request", {"url": "https://a.example", "method": "TRACE"}),
        ("http_request", {"url": "https://a.example", "headers": {"a": 1}}),
        ("http_request", {"url": "https://a.example", "json": 1, "text": "x"}),
        ("store_read", {"store": "files", "key": "../x"}),
        ("store_write", {"store": "files", "key": "a", "json": 1, "text": "x"}),
        ("store_write", {"store": "FILES", "key": "a"}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    in_acme: Tenant, tool: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ArgumentsInvalid):
        registry.find_target(tool, arguments)


# -- http_request -------------------------------------------------------------------------------------------------


def test_what_is_sent_is_what_was_asked_and_the_call_s_key(host: ScriptedHost) -> None:
    declare(host)
    call(
        "http_request",
        url=host.url + "/a?b=c",
        method="POST",
        json={"n": 1},
        idempotency_key="k" * 64,
    )
    call("http_request", url=host.url, method="POST", text="straße", headers={"X-Who": "me"})
    call("http_request", url=host.url, headers={"Accept": "text/csv"})

    first, second, third = host.asked
    assert (first.path, first.body) == ("/a?b=c", '{"n":1}')
    assert first.headers["content-type"] == "application/json"
    assert first.headers["idempotency-key"] == "k" * 64
    assert (second.body, second.headers["x-who"]) == ("straße", "me")
    assert second.headers["content-type"].startswith("text/plain")
    assert third.headers["accept"] == "text/csv"
    assert "idempotency-key" not in third.headers


def test_a_text_and_nothing_at_all_come_back_as_text(host: ScriptedHost) -> None:
    declare(host, answer_class=int(DataClass.RESTRICTED))
    replies = iter(
        [
            Reply(body="a,b", headers={"Content-Type": "text/csv; charset=utf-8"}),
            Reply(body="", headers={}),
            Reply(body="", headers={"Content-Type": "application/json"}),
            Reply(body='{"a": 1}', headers={"Content-Type": "application/problem+json"}),
        ]
    )
    host.script = lambda asked: next(replies)

    answers = [call("http_request", url=host.url) for _ in range(4)]

    assert answers[0].output == {"status": 200, "content_type": "text/csv", "text": "a,b"}
    assert [answer.output.get("text") for answer in answers[1:3]] == ["", ""]
    assert answers[3].output["json"] == {"a": 1}
    assert answers[0].labels.data_class is DataClass.RESTRICTED
    assert answers[0].labels.integrity is Integrity.UNTRUSTED


def test_a_redirect_within_the_destination_is_followed(host: ScriptedHost) -> None:
    declare(host)

    def script(asked: Asked) -> Reply:
        if asked.path == "/old":
            return Reply(status=302, headers={"Location": "/new"})
        return Reply(body=json.dumps({"path": asked.path}))

    host.script = script

    assert call("http_request", url=host.url + "/old").output["json"] == {"path": "/new"}


def test_redirects_round_in_circles_come_to_an_end(host: ScriptedHost) -> None:
    declare(host)
    host.script = lambda asked: Reply(status=307, headers={"Location": asked.path})

    assert refused("http_request", url=host.url).kind == "redirect"
    assert len(host.asked) == 4


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/", "https://evil.example/", "//evil.example/", "ftp://x/"]
)
def test_a_redirect_elsewhere_is_not_followed(host: ScriptedHost, location: str) -> None:
    declare(host)
    host.script = lambda asked: Reply(status=302, headers={"Location": location})

    assert refused("http_request", url=host.url).kind in ("redirect", "bad_request")
    assert len(host.asked) == 1


def test_an_effect_is_not_sent_on_by_a_redirect(host: ScriptedHost) -> None:
    declare(host)
    host.script = lambda asked: Reply(status=307, headers={"Location": "/again"})

    error = refused("http_request", url=host.url, method="POST", json={})
    answer = call("http_request", url=host.url, method="POST", json={}, accept=[307])

    assert error.kind == "outcome_unknown"
    assert answer.output["status"] == 307


@pytest.mark.parametrize(
    ("method", "idempotent", "kind"),
    [
        ("GET", False, "server"),
        ("POST", True, "server"),
        ("POST", False, "outcome_unknown"),
    ],
)
def test_a_fault_of_theirs_leaves_an_effect_unclear(
    host: ScriptedHost, method: str, idempotent: bool, kind: str
) -> None:
    declare(host)
    host.script = lambda asked: Reply(status=500)

    assert refused("http_request", url=host.url, method=method, idempotent=idempotent).kind == kind


@pytest.mark.parametrize("status", [503, 429, 400, 404])
def test_what_was_plainly_not_done_is_clear(host: ScriptedHost, status: int) -> None:
    declare(host)
    host.script = lambda asked: Reply(status=status)

    assert refused("http_request", url=host.url, method="POST").kind != "outcome_unknown"


def test_a_connection_that_breaks_is_said(host: ScriptedHost) -> None:
    declare(host)

    def broken(asked: Asked) -> Reply:
        raise ConnectionError

    host.script = broken

    assert refused("http_request", url=host.url).kind == "connection"
    assert refused("http_request", url=host.url, method="POST").kind == "outcome_unknown"


def test_an_answer_that_cannot_be_unpacked_is_said(host: ScriptedHost) -> None:
    declare(host)
    host.script = lambda asked: Reply(body="no gzip", headers={"Content-Encoding": "gzip"})

    assert refused("http_request", url=host.url).kind == "malformed"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other"},
        {"Cookie": "a=b"},
        {"Idempotency-Key": "mine"},
        {"Transfer-Encoding": "chunked"},
        {"X": "a\r\nY: b"},
        {"X Y": "a"},
        {"X": "straße"},
        {"": "a"},
    ],
)
def test_some_headers_are_not_a_definition_s_to_send(
    host: ScriptedHost, headers: dict[str, str]
) -> None:
    declare(host)

    assert refused("http_request", url=host.url, headers=headers).kind == "bad_request"
    assert host.asked == []


def test_a_secret_that_is_missing_or_no_header_is_said_without_it(host: ScriptedHost) -> None:
    declare(host, secret_name="crm-key", secret_header="X-Key", secret_prefix="")
    missing = refused("http_request", url=host.url)
    secret_store.put(name="crm-key", value="schlüssel", by=actors.SYSTEM)
    unfit = refused("http_request", url=host.url)
    secret_store.put(name="crm-key", value="fit", by=actors.SYSTEM)
    call("http_request", url=host.url)

    assert (missing.kind, unfit.kind) == ("auth", "auth")
    assert "ü" not in unfit.sentence
    assert [asked.headers["x-key"] for asked in host.asked] == ["fit"]
    assert SecretVersion.objects.count() == 2


def test_an_address_that_was_put_outside_by_hand_is_not_called(host: ScriptedHost) -> None:
    declare(host)
    Destination.objects.update(scheme="https", egress="external")

    target = registry.find_target("http_request", {"url": f"https://127.0.0.1:{host.port}/"})

    assert target.refusal is not None
    assert target.refusal.code == "address_refused"


# -- storage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(in_acme: Tenant) -> None:
    storage_profiles.create(name="files", clearance=DataClass.RESTRICTED, by=actors.SYSTEM)


def test_what_is_written_is_read_with_its_labels(files: None) -> None:
    made = call("store_write", store="files", key="a/b", text="words").output
    again = call("store_write", store="files", key="a/b", json=[1]).output
    first = call("store_read", store="files", key="a/b", version=1)
    newest = call("store_read", store="files", key="a/b")

    assert (made["version"], again["version"]) == (1, 2)
    assert (first.output["text"], newest.output["json"]) == ("words", [1])
    assert (first.output["content_type"], first.output["size"]) == ("text/plain", 5)
    assert first.labels == CONFIDENTIAL.with_origins("store:files")


def test_what_is_not_there_is_said(files: None) -> None:
    nothing = refused("store_read", store="files", key="a")
    call("store_write", store="files", key="a", text="x")
    no_version = refused("store_read", store="files", key="a", version=9)

    assert (nothing.kind, no_version.kind) == ("not_found", "not_found")
    assert "version 9" in no_version.sentence


def test_what_was_disposed_of_is_gone(files: None) -> None:
    call("store_write", store="files", key="a", text="x")
    version = StoredObject.objects.get()
    stores.remove([version.reference])
    gone = refused("store_read", store="files", key="a")
    keys.destroy_data_keys([version.data_key_id], by=actors.SYSTEM)
    erased = refused("store_read", store="files", key="a")

    assert [gone.kind, erased.kind] == ["not_found", "not_found"]
    assert "disposed of" in gone.sentence


def test_a_store_that_fails_is_said(
    files: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("store_write", store="files", key="a", text="x")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    damaged = refused("store_read", store="files", key="a")
    path.unlink()
    path.mkdir()
    unreadable = refused("store_read", store="files", key="a")
    monkeypatch.setattr(stored_objects, "LARGEST_BYTES", 3)
    monkeypatch.setattr("workflows.tools.storage.LARGEST_BYTES", 3)
    large = refused("store_write", store="files", key="a", text="long")

    assert [damaged.kind, unreadable.kind, large.kind] == ["server", "server", "too_large"]


def test_a_store_that_cannot_be_written_to_is_said(files: None, tmp_path: Path) -> None:
    (tmp_path / "stores").write_text("in the way")

    assert refused("store_write", store="files", key="a", text="x").kind == "server"
