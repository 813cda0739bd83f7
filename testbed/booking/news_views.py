"""The stream on which open timelines hear that somebody has booked."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from testbed.booking import line_news

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from testbed.booking.line_news import Change

HEARTBEAT_S = 15.0
# A stream ends after this and the page opens the next one, signed in or not by then.
LIFE_S = 300.0
RETRY = b"retry: 3000\n\n"


@require_GET
@login_required
async def timeline_news(request: HttpRequest) -> HttpResponseBase:
    """`/book/timeline/news/`: server-sent events `line`, each with tools and time, never whose.

    `Last-Event-ID` (or `after`) brings what was missed. Without ASGI nobody can wait: the answer
    then ends at once, and the page comes back after `retry`.
    """
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if not isinstance(request, ASGIRequest):
        return HttpResponse(RETRY, content_type="text/event-stream", headers=headers)
    return StreamingHttpResponse(events(after), content_type="text/event-stream", headers=headers)


async def events(after: str) -> AsyncIterator[bytes]:
    """Everything since the entry `after` (when it is an id), then what comes, for LIFE_S."""
    # Whoever only waits holds no database connection, or a hundred open pages would hold them all.
    await sync_to_async(let_go)()
    loop = asyncio.get_running_loop()
    ends = loop.time() + LIFE_S
    yield RETRY
    async with line_news.desk().listening() as queue:
        for change in await line_news.missed(after) if line_news.is_id(after) else ():
            yield written(change)
        while (left := ends - loop.time()) > 0:
            try:
                change = await asyncio.wait_for(queue.get(), min(HEARTBEAT_S, left))
            except TimeoutError:
                yield b": still here\n\n"
            else:
                yield written(change)


def written(change: Change) -> bytes:
    """One event as the browser reads it."""
    return f"id: {change.id}\nevent: line\ndata: {json.dumps(change.as_json())}\n\n".encode()


def let_go() -> None:
    """Give back this thread's database connections, unless a test's transaction holds them."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
