"""Events as they happen: every one once and in order, whatever breaks in between, and only for those who may."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import orjson
import pytest
from django.db import connection, connections
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils.timezone import now

from runs import checkpoint, sse
from runs.models import Run, RunEvent
from tenancy import actors, tokens
from tenancy.access import may_still
from tenancy.context import tenant_context
from tenancy.models import Tenant, User
from tenancy.permissions import Permission, Role
from tests import event_loop, factories
from tests.runs import definitions
from tests.runs.making import (
    PATIENCE_SECONDS,
    execute,
    in_threads,
    make_model_group,
    make_run,
    make_version,
    wait_until,
)
from tests.runs.scripted_model import ScriptedModel

if TYPE_CHECKING:
    from tests.stack import LiveStack

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

SPEAKERS = 24
LONG_TALK = (
    definitions.HEAD
    + "".join(
        f"""  - {{{{id: say_{number}, kind: llm, title: Say, after: [{after}], model_group: default, """
        f"""prompt: "say {number}", max_tokens: 20}}}}\n"""
        for number, after in enumerate(["start", *(f"say_{n}" for n in range(SPEAKERS - 1))])
    )
    + f"  - {{{{id: result, kind: output, title: Result, after: [say_{SPEAKERS - 1}], "
    + 'value: {{done: "yes"}}}}\n'
)

Frame = dict[str, str]


def frames_of(text: str) -> list[Frame]:
    """Frames as a browser's EventSource takes them apart; comments and `retry` have no data."""
    frames = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        frame = dict(line.split(": ", 1) for line in lines)
        if "data" in frame:
            frames.append(frame)
    return frames


def seqs(frames: list[Frame]) -> list[int]:
    return [int(frame["id"]) for frame in frames]


# -- frames and answers -------------------------------------------------------------------------------


@pytest.fixture
def done(in_acme: Tenant) -> Run:
    return execute(make_run(make_version(definitions.CHAIN)))


def follow(run: Run, after: int = 0, *, may_read: Callable[[], bool] = lambda: True) -> list[str]:
    """All that the stream yields until it ends by itself."""

    tenant = run.tenant  # read here: what the loop's thread takes from the pool nobody gives back

    async def collect() -> list[str]:
        return [text async for text in sse.stream(tenant, run.pk, after, may_read)]

    return event_loop.run(asyncio.wait_for(collect(), 20))


def respond(run: Run, query: str = "", last: str = "") -> Any:
    headers = {"Last-Event-ID": last} if last else {}
    request = RequestFactory().get(f"/stream{query}", headers=headers)
    return sse.respond(request, run, may_read=lambda: True)


def test_a_frame_has_a_number_a_name_and_one_line_of_json(done: Run) -> None:
    row = RunEvent.objects.filter(run=done, name="node.completed").first()
    assert row is not None

    frame = sse.to_frame(row)

    lines = frame.split("\n")
    assert lines[:2] == [f"id: {row.seq}", "event: node.completed"]
    assert lines[3:] == ["", ""]
    said = orjson.loads(lines[2].removeprefix("data: "))
    assert said["seq"] == row.seq
    assert said["node"] == row.node_id
    assert said["attempt"] == 1
    assert said["at"].endswith("Z")
    assert len(said["at"]) == len("2026-11-20T09:41:02.118Z")


def test_an_event_of_the_run_itself_names_no_node(done: Run) -> None:
    row = RunEvent.objects.get(run=done, name="run.started")

    assert '"node":null' in sse.to_frame(row)


def test_a_stream_replays_all_and_ends_with_end(done: Run) -> None:
    yielded = follow(done)

    frames = frames_of("".join(yielded))
    assert yielded[0] == "retry: 3000\n\n"
    assert seqs(frames) == list(range(1, done.event_seq + 1))
    assert frames[-1]["event"] == "end"


def test_a_stream_goes_on_after_what_was_seen(done: Run) -> None:
    assert seqs(frames_of("".join(follow(done, 5)))) == list(range(6, done.event_seq + 1))


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_a_stream_of_many_pages_ends_wherever_a_page_ends(
    done: Run, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "PAGE", rows)
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 1)

    yielded = follow(done)

    assert ":\n\n" not in yielded
    assert seqs(frames_of("".join(yielded))) == list(range(1, done.event_seq + 1))


def test_a_run_that_was_resumed_is_replayed_past_its_first_end(
    done: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [checkpoint.event(name, now()) for name in ("run.started", "run.completed", "end")]
    checkpoint.emit(done.pk, later)
    monkeypatch.setattr(sse, "PAGE", done.event_seq)  # the first end is the last of a page

    assert seqs(frames_of("".join(follow(done)))) == list(range(1, done.event_seq + 4))


def test_who_has_seen_all_of_an_ended_run_is_told_to_stop(done: Run) -> None:
    seen = str(done.event_seq)

    assert respond(done, last=seen).status_code == 204
    assert respond(done, f"?after={seen}").status_code == 204
    assert isinstance(respond(done, last=seen), HttpResponse)


@pytest.mark.parametrize("last", ["-1", "²", "abc", "99999999999999999999", "1e3"])
def test_a_number_that_we_never_gave_counts_as_nothing_seen(done: Run, last: str) -> None:
    response = respond(done, last=last)

    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Accel-Buffering"] == "no"


def test_the_header_of_a_reconnection_wins_over_the_address(done: Run) -> None:
    assert respond(done, "?after=0", last=str(done.event_seq)).status_code == 204


def test_a_heartbeat_is_a_comment(in_acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    run = make_run(make_version(definitions.CHAIN))

    async def first_three() -> list[str]:
        async with aclosing(sse.stream(in_acme, run.pk, 0, lambda: True)) as stream:
            return [await anext(stream) for _ in range(3)]

    assert event_loop.run(asyncio.wait_for(first_three(), 20)) == [
        "retry: 3000\n\n",
        ":\n\n",
        ":\n\n",
    ]
    assert not sse._listeners or all(not one._streams for one in sse._listeners.values())


def test_news_arrives_at_once(in_acme: Tenant) -> None:
    """By NOTIFY: the heartbeat, which looks as well, comes after 15 seconds only."""
    run = make_run(make_version(definitions.CHAIN))

    def work() -> None:
        try:
            with tenant_context(in_acme):
                execute(run)
        finally:
            connections.close_all()

    async def until_end() -> list[str]:
        async with aclosing(sse.stream(in_acme, run.pk, 0, lambda: True)) as stream:
            yielded = [await anext(stream)]
            running = asyncio.create_task(asyncio.to_thread(work))
            yielded += [text async for text in stream]
            await running
            return yielded

    began = now()
    yielded = event_loop.run(asyncio.wait_for(until_end(), 20))

    assert (now() - began).total_seconds() < 14
    assert ":\n\n" not in yielded
    run.refresh_from_db()
    assert seqs(frames_of("".join(yielded))) == list(range(1, run.event_seq + 1))


def test_half_of_all_news_is_there_within_a_second_of_what_it_tells(in_acme: Tenant) -> None:
    """Row A12. Half, since this machine may be busy; `at` is taken before the commit, so it counts as well."""
    run = make_run(make_version(definitions.CHAIN))
    arrived: dict[int, datetime] = {}

    def work() -> None:
        try:
            with tenant_context(in_acme):
                execute(run)
        finally:
            connections.close_all()

    async def until_end() -> None:
        async with aclosing(sse.stream(in_acme, run.pk, 0, lambda: True)) as stream:
            await anext(stream)
            running = asyncio.create_task(asyncio.to_thread(work))
            async for text in stream:
                arrived.update((seq, now()) for seq in seqs(frames_of(text)))
            await running

    event_loop.run(asyncio.wait_for(until_end(), 20))

    told = dict(RunEvent.objects.filter(run=run, seq__in=arrived).values_list("seq", "at"))
    late = sorted((arrived[seq] - at).total_seconds() for seq, at in told.items())
    assert len(late) > 4
    assert late[len(late) // 2] < 1.0, late


def test_news_arrive_after_the_listening_connection_broke(in_acme: Tenant) -> None:
    run = make_run(make_version(definitions.CHAIN))

    def work() -> None:
        try:
            with tenant_context(in_acme):
                wait_until(lambda: _end_listening() == 1)
                execute(run)
        finally:
            connections.close_all()

    async def until_end() -> list[str]:
        async with aclosing(sse.stream(in_acme, run.pk, 0, lambda: True)) as stream:
            yielded = [await anext(stream)]
            running = asyncio.create_task(asyncio.to_thread(work))
            yielded += [text async for text in stream]
            await running
            return yielded

    yielded = event_loop.run(asyncio.wait_for(until_end(), 20))

    run.refresh_from_db()
    assert ":\n\n" not in yielded
    assert seqs(frames_of("".join(yielded))) == list(range(1, run.event_seq + 1))


def _end_listening() -> int:
    """End the server's side of the connections that listen here. How many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'grove events' AND datname = current_database()"
            " AND query LIKE 'LISTEN%'"
        )
        return int(cursor.fetchone()[0])


def test_a_stream_ends_when_the_reader_may_not_read_any_more(
    in_acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(sse, "CHECK_EVERY_SECONDS", 0)
    answers = [True, True, False]

    yielded = follow(make_run(make_version(definitions.CHAIN)), may_read=lambda: answers.pop(0))

    assert set(yielded[1:]) == {":\n\n"}
    assert answers == []


def test_a_revoked_token_and_an_ended_membership_may_not_read_any_more(acme: Tenant) -> None:
    for end in ("revoke", "leave", "deactivate", "suspend"):
        membership = factories.make_member(tenant=acme, role=Role.OPERATOR)
        made = factories.make_token(membership)
        request: Any = RequestFactory().get("/stream")
        request.token, request.membership, request.service_key = made.token, membership, None
        request.permissions = made.token.permissions
        with tenant_context(acme):
            assert may_still(request, Permission.RUN_VIEW)
            assert not may_still(request, Permission.TENANT_ADMIN)

            if end == "revoke":
                tokens.revoke(token=made.token, by=actors.SYSTEM)
            elif end == "leave":
                type(membership).objects.filter(pk=membership.pk).update(ended_at=now())
            elif end == "deactivate":
                User.objects.filter(pk=membership.user_id).update(is_active=False)
            else:
                Tenant.objects.filter(pk=acme.pk).update(status="suspended")

            assert not may_still(request, Permission.RUN_VIEW), end
            type(made.token).objects.all().update(revoked_at=now())


# -- who may, over the real URL -------------------------------------------------------------------------


def test_nobody_and_another_tenant_get_no_stream(acme: Tenant, beta: Tenant, done: Run) -> None:
    path = f"/api/v1/runs/{done.pk}/events/stream"
    mallory = factories.make_program(factories.make_member(tenant=beta, role=Role.ADMIN))
    nobody = Client(headers={"host": f"{acme.slug}.localhost"})

    assert mallory.get(path).status_code == 404
    assert mallory.get(f"/api/v1/runs/{uuid4()}/events/stream").status_code == 404
    assert nobody.get(path).status_code == 401


# -- over the wire, with a real worker ------------------------------------------------------------------


@pytest.fixture
def reader(in_acme: Tenant, live_stack: "LiveStack") -> Iterator[httpx.Client]:
    text = factories.make_token(factories.make_member(tenant=in_acme, role=Role.OPERATOR)).text
    with live_stack.client(
        in_acme, headers={"Authorization": f"Bearer {text}"}, timeout=PATIENCE_SECONDS
    ) as client:
        yield client
    live_stack.stop_all()


def read(client: httpx.Client, run: Run, *, after: int = 0, most: int | None = None) -> list[Frame]:
    """What one connection brings; it is dropped after so many events."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    path = f"/api/v1/runs/{run.pk}/events/stream"
    taken, rest = [], ""
    with client.stream("GET", path, headers=headers) as answer:
        if answer.status_code == 204:
            return []
        assert answer.status_code == 200, answer.read()
        for text in answer.iter_text():
            if most == 0:
                return []
            rest += text
            whole, _, rest = rest.rpartition("\n\n")
            taken += frames_of(whole)
            if most is not None and len(taken) >= most:
                return taken[:most]
    return taken


def test_a_reader_who_is_cut_off_fifty_times_sees_every_event_once_in_order(
    in_acme: Tenant, reader: httpx.Client, live_stack: "LiveStack"
) -> None:
    chance = random.Random(50)  # noqa: S311 - the same drops each time
    seen: list[Frame] = []
    while_running = 0
    with ScriptedModel(seconds=0.1) as model:
        make_model_group(model.base_url)
        live_stack.start_worker(1)
        run = make_run(make_version(LONG_TALK))
        for _ in range(50):
            seen += read(reader, run, after=len(seen), most=chance.choice((0, 1, 1, 2)))
            while_running += not Run.objects.get(pk=run.pk).is_terminal
        seen += read(reader, run, after=len(seen))

    run.refresh_from_db()
    assert run.status == "completed"
    assert while_running > 5
    assert seqs(seen) == list(range(1, run.event_seq + 1))
    names = list(RunEvent.objects.filter(run=run).values_list("name", flat=True))
    assert [frame["event"] for frame in seen] == names
    assert seen[-1]["event"] == "end"
    path = f"/api/v1/runs/{run.pk}/events/stream"
    ended = reader.get(path, headers={"Last-Event-ID": seen[-1]["id"]})
    assert (ended.status_code, ended.content) == (204, b"")


def test_many_readers_of_one_run_see_the_same(
    in_acme: Tenant, reader: httpx.Client, live_stack: "LiveStack"
) -> None:
    with ScriptedModel(seconds=0.2) as model:
        make_model_group(model.base_url)
        live_stack.start_worker(1)
        run = make_run(make_version(definitions.TALK))

        readers = in_threads(8, lambda number: seqs(read(reader, run)))

    run.refresh_from_db()
    assert readers == [list(range(1, run.event_seq + 1))] * 8
