"""Events of a run as they happen (WHATWG server-sent events), replayed from the database after any break.

One LISTEN connection per process tells which run has news; the events themselves are always read from
the database, under the tenant of the request. Nothing can be missed: a stream clears its signal first
and queries afterwards.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import orjson
import psycopg
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from runs.models import Run, RunEvent
from tenancy.api.shapes import to_time
from tenancy.context import tenant_context
from tenancy.models import Tenant

logger = logging.getLogger(__name__)

CHANNEL = "grove_runs"
HEARTBEAT_SECONDS = 15.0
CHECK_EVERY_SECONDS = 60.0
PAGE = 500
MOST_DIGITS = 10  # a PostgreSQL integer


class Listener:
    """Fans out one LISTEN connection to all streams of this process's event loop."""

    def __init__(self) -> None:
        self._streams: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, run_id: UUID) -> asyncio.Event:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())
        news = asyncio.Event()
        self._streams[str(run_id)].add(news)
        return news

    def unsubscribe(self, run_id: UUID, news: asyncio.Event) -> None:
        streams = self._streams[str(run_id)]
        streams.discard(news)
        if not streams:
            del self._streams[str(run_id)]

    async def _listen(self) -> None:
        while self._streams:
            try:
                async with await _connect() as listening:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    self._tell_all()  # whatever happened while nobody listened
                    async for notice in listening.notifies():
                        for news in self._streams.get(notice.payload.partition(":")[0], ()):
                            news.set()
            except (psycopg.Error, OSError):
                logger.warning("The listening connection broke; trying again", exc_info=True)
                await asyncio.sleep(0.5)

    def _tell_all(self) -> None:
        for streams in self._streams.values():
            for news in streams:
                news.set()


_listeners: dict[int, Listener] = {}


def listener() -> Listener:
    """The listener of the running event loop."""
    return _listeners.setdefault(id(asyncio.get_running_loop()), Listener())


def respond(request: HttpRequest, run: Run, *, may_read: Callable[[], bool]) -> HttpResponseBase:
    """A stream of the run's events after `Last-Event-ID` (or `?after=`). `may_read` is asked again every minute.

    204 when the run has ended and the reader has seen all of it: an EventSource then stops to reconnect.
    """
    after = _number(request.headers.get("Last-Event-ID") or request.GET.get("after") or "")
    if run.is_terminal and after >= run.event_seq:
        return HttpResponse(status=204)
    response = StreamingHttpResponse(
        stream(run.tenant, run.pk, after, may_read), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _number(text: str) -> int:
    """What we did not give out ourselves counts as nothing seen."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < MOST_DIGITS else 0


async def stream(
    tenant: Tenant, run_id: UUID, after: int, may_read: Callable[[], bool]
) -> AsyncIterator[str]:
    """Replay, then follow. Ends after the last `end`, or when the reader may not read any more."""
    hub, loop = listener(), asyncio.get_running_loop()
    news = hub.subscribe(run_id)
    checked, ended = loop.time(), False
    try:
        yield "retry: 3000\n\n"
        while True:
            news.clear()
            events = await sync_to_async(_read, thread_sensitive=False)(tenant, run_id, after)
            for row in events:
                yield to_frame(row)
                after = row.seq
            if events:
                ended = events[-1].name == "end"
            if ended and len(events) < PAGE:
                return
            if loop.time() - checked > CHECK_EVERY_SECONDS:
                checked = loop.time()
                if not await sync_to_async(_ask, thread_sensitive=False)(tenant, may_read):
                    return
            if events:
                continue
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield ":\n\n"
    finally:
        hub.unsubscribe(run_id, news)


def to_frame(row: RunEvent) -> str:
    """One event on the wire: its number, its name, and one line of JSON."""
    shown: dict[str, Any] = {
        "seq": row.seq,
        "node": row.node_id or None,
        "at": to_time(row.at),
        **row.body,
    }
    return f"id: {row.seq}\nevent: {row.name}\ndata: {orjson.dumps(shown).decode()}\n\n"


def _read(tenant: Tenant, run_id: UUID, after: int) -> list[RunEvent]:
    try:
        with tenant_context(tenant):
            return list(RunEvent.objects.filter(run_id=run_id, seq__gt=after)[:PAGE])
    finally:
        connections.close_all()


def _ask(tenant: Tenant, may_read: Callable[[], bool]) -> bool:
    try:
        with tenant_context(tenant):
            return may_read()
    finally:
        connections.close_all()


async def _connect() -> psycopg.AsyncConnection[Any]:
    database = connection.settings_dict
    return await psycopg.AsyncConnection.connect(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        autocommit=True,
        application_name="grove events",
    )
