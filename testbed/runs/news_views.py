"""The streams on which an open page hears of a run or of the runs of a bay, as server-sent events.

`run`: an event of a run's log, its id the place to go on from; `look`: what is shown has changed;
`beat`: nothing has, but the server looked. `look` and `beat` say how old the shown is (`at`).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils import timezone, translation
from django.views.decorators.http import require_GET

from testbed.booking.news_views import let_go
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.runs import log, news
from testbed.runs.models import Run
from testbed.runs.news import Ear, Full, Heard, Topic
from testbed.tools.models import Area

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from testbed.runs.models import RunEvent

# A page is grey after 5 s without a word, so there is one at least this often.
BEAT_S = 3.0
# A stream ends after this and the page opens the next one, signed in or not by then.
LIFE_S = 300.0
RETRY = b"retry: 2000\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@require_GET
@login_required
async def run_news(request: HttpRequest, pk: int) -> HttpResponseBase:
    """`/runs/<pk>/news/`: events of one run; `Last-Event-ID` (or `after`) is an event's number."""
    user_id = await sync_to_async(_may_hear_run)(request, pk)
    return _answer(request, Topic(run_id=pk), user_id)


@require_GET
@login_required
async def bay_news(request: HttpRequest, area: str) -> HttpResponseBase:
    """`/bays/<area>/news/`: events of all runs of a bay; the id says how far each was heard."""
    user_id = await sync_to_async(_may_hear_bay)(request, area)
    return _answer(request, Topic(area=area), user_id)


def _may_hear_run(request: HttpRequest, pk: int) -> int:
    """The person's id; Http404 for a run that is not theirs to see."""
    if not Run.objects.visible_to(request.user).filter(pk=pk).exists():
        raise Http404
    return person(request).pk


def _may_hear_bay(request: HttpRequest, area: str) -> int:
    demand(request.user, "see_bays")
    if area not in Area.values:
        raise Http404
    return person(request).pk


def _answer(request: HttpRequest, topic: Topic, user_id: int) -> HttpResponseBase:
    """The stream; at once over without ASGI, where nobody can wait, and refused when full."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse(RETRY, content_type="text/event-stream", headers=HEADERS)
    try:
        news.desk().refuse_if_full(user_id)
    except Full as full:
        # The page goes on asking every few seconds, and tries again later.
        status = 429 if full.is_own else 503
        return HttpResponse(status=status, headers={**HEADERS, "Retry-After": "30"})
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    told = stream(Ear(topic, user_id), news.cursor_of(after, topic), translation.get_language())
    return StreamingHttpResponse(told, content_type="text/event-stream", headers=HEADERS)


async def stream(
    ear: Ear, cursor: dict[int, int] | None, language: str | None
) -> AsyncIterator[bytes]:
    """Everything after `cursor` (None: from now on), then what comes, for LIFE_S."""
    await sync_to_async(let_go)()
    loop = asyncio.get_running_loop()
    ends = loop.time() + LIFE_S
    yield RETRY
    try:
        async with news.desk().listening(ear):
            async for said in _said(ear, cursor, language, ends):
                yield said
    except Full:
        # Others came between the answer's first line and here: the page comes back by itself.
        return


async def _said(
    ear: Ear, cursor: dict[int, int] | None, language: str | None, ends: float
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    stamp, spoke = "", loop.time()
    while loop.time() < ends:
        try:
            heard = await asyncio.wait_for(ear.queue.get(), BEAT_S)
        except TimeoutError:
            # The server is here but does not see: a comment, which leaves the page to turn grey.
            yield b": blind\n\n"
            continue
        if cursor is None:
            cursor = dict(heard.sight.counts)
        for event, text in await _read(cursor, heard, language):
            cursor[event.run_id] = event.seq
            spoke = loop.time()
            yield _written("run", _as_json(event, text), news.written_cursor(cursor, ear.topic))
        if heard.sight.stamp != stamp or loop.time() - spoke >= BEAT_S:
            kind = "beat" if heard.sight.stamp == stamp else "look"
            stamp, spoke = heard.sight.stamp, loop.time()
            yield _written(kind, {"at": (heard.sight.at or timezone.now()).isoformat()})


async def _read(
    cursor: dict[int, int], heard: Heard, language: str | None
) -> list[tuple[RunEvent, str]]:
    """The events that this page has not had, each with its sentence in the reader's language."""
    counts = heard.sight.counts
    if all(cursor.get(run, 0) >= count for run, count in counts.items()):
        return []

    def read() -> list[tuple[RunEvent, str]]:
        try:
            with translation.override(language):
                found = news.events_after(cursor, counts)
                return [(event, log.sentence(event)) for event in found]
        finally:
            let_go()

    return await sync_to_async(read, thread_sensitive=False)()


def _as_json(event: RunEvent, text: str) -> dict[str, Any]:
    return {
        "run": event.run_id, "seq": event.seq, "kind": event.kind, "at": event.at.isoformat(),
        "actor": str(event.actor) if event.actor else "", "text": text,
    }  # fmt: skip


def _written(kind: str, data: dict[str, Any], key: str = "") -> bytes:
    """One event as the browser reads it; without a key the browser's place stays where it was."""
    place = f"id: {key}\n" if key else ""
    return f"{place}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
