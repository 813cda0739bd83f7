"""News of changed lines for pages that are open: a short Valkey stream that every process reads.

Each entry says which tools changed and in which stretch of time, nothing of whose it is: the page
reads the grid again for what it may know. The stream is a bell, not the truth; when it is lost,
pages still ask every few seconds.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)
KEPT = 500
# A page that is this far behind reads everything again.
MOST_MISSED = 50
BLOCK_MS = 1_000
PAUSE_S = 2.0
TIMEOUT_S = 2.0
ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


class Change(NamedTuple):
    """Claims of the tools (ids) changed in [start, end); id: its place in the stream.

    Without tools: more has changed than is known, read everything again.
    """

    id: str
    tool_ids: tuple[int, ...]
    start: datetime
    end: datetime

    @classmethod
    def read(cls, entry: tuple[bytes, dict[bytes, bytes]]) -> Self:
        key, fields = entry
        tools = tuple(int(one) for one in fields[b"tools"].split(b","))
        start, end = (datetime.fromtimestamp(int(fields[name]), UTC) for name in (b"start", b"end"))
        return cls(key.decode(), tools, start, end)

    def as_json(self) -> dict[str, Any]:
        return {
            "tools": list(self.tool_ids),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }


def key() -> str:
    """The stream's name; processes of one product share a prefix."""
    return f"{settings.CACHES['default']['KEY_PREFIX']}:line-news"


@cache
def _client(url: str) -> Any:
    return redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)


def tell(*, tool_ids: Iterable[int], start: datetime, end: datetime, **_signal: object) -> None:
    """Receiver of `line_changed`: one entry for everybody who looks at a timeline."""
    tools = ",".join(str(one) for one in sorted(tool_ids))
    span = ("start", int(start.timestamp()), "end", int(end.timestamp()))
    _wire.say(settings.VALKEY_URL, "XADD", key(), "MAXLEN", "~", KEPT, "*", "tools", tools, *span)


class _Wire(threading.local):
    """This thread's connection: to borrow one and to wrap a command takes longer than to say it."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    def say(self, url: str, *command: str | int) -> None:
        """Wait for the answer; RedisError when there is none, on a connection made anew either."""
        if url not in self._open:
            self._open[url] = _client(url).connection_pool.make_connection()
        try:
            self._exchange(self._open[url], command)
        except redis.ConnectionError:
            # It was closed while nobody spoke, as by a restart of the server.
            self._exchange(self._open[url], command)

    def _exchange(self, connection: Any, command: Sequence[str | int]) -> None:
        """Connects where there is no connection (yet, or after an error)."""
        connection.send_command(*command, check_health=False)
        connection.read_response()


_wire = _Wire()


def latest() -> str | None:
    """The newest entry's id, "0-0" before the first, None when Valkey does not answer."""
    try:
        found = _client(settings.VALKEY_URL).xrevrange(key(), count=1)
    except redis.RedisError:
        return None
    return found[0][0].decode() if found else "0-0"


def is_id(text: str) -> bool:
    return ID.fullmatch(text) is not None


class Desk:
    """The one reader of a process's event loop, and the pages that wait for it."""

    def __init__(self) -> None:
        self.waiting: set[asyncio.Queue[Change]] = set()
        self.reader: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self.last = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Change]]:
        """A queue of everything that changes from now on; the last to leave stops the reader."""
        queue: asyncio.Queue[Change] = asyncio.Queue(MOST_MISSED)
        self.waiting.add(queue)
        if self.reader is None or self.reader.done():
            self.ready.clear()
            self.reader = asyncio.create_task(self._read())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ready.wait(), TIMEOUT_S)
            yield queue
        finally:
            self.waiting.discard(queue)
            if not self.waiting and self.reader is not None:
                self.reader.cancel()

    async def _read(self) -> None:
        self.last = ""
        while True:
            try:
                async with _async_client() as client:
                    await self._read_on(client)
            except redis.RedisError as trouble:
                log.warning("line_news_unreachable", trouble=type(trouble).__name__)
                await asyncio.sleep(PAUSE_S)

    async def _read_on(self, client: Any) -> None:
        """Pass on what comes, until the connection fails; raises RedisError then."""
        if not self.last:
            newest = await client.xrevrange(key(), count=1)
            self.last = newest[0][0].decode() if newest else "0-0"
        self.ready.set()
        while True:
            for _stream, entries in await client.xread({key(): self.last}, block=BLOCK_MS) or ():
                for change in map(Change.read, entries):
                    self.last = change.id
                    self._pass_on(change)

    def _pass_on(self, change: Change) -> None:
        for queue in self.waiting:
            if queue.full():
                # Too slow to hear everything: one word instead, to read all again.
                while not queue.empty():
                    queue.get_nowait()
                change = change._replace(tool_ids=())
            queue.put_nowait(change)


_desks: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()


def desk() -> Desk:
    """The desk of the running event loop."""
    return _desks.setdefault(asyncio.get_running_loop(), Desk())


async def missed(after: str) -> list[Change]:
    """What came after the entry `after`, oldest first; too much becomes one without tools."""
    try:
        async with _async_client() as client:
            found = await client.xrange(key(), f"({after}", count=MOST_MISSED)
    except redis.RedisError:
        return []
    changes = [Change.read(entry) for entry in found]
    return [changes[-1]._replace(tool_ids=())] if len(changes) == MOST_MISSED else changes


def _async_client() -> Any:
    return redis.asyncio.Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=TIMEOUT_S + BLOCK_MS / 1_000,
        socket_connect_timeout=TIMEOUT_S,
    )
