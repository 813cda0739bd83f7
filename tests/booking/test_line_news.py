"""News of changed lines: what an open timetable hears, and that waiting costs no connection."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import redis
import time_machine
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient

from testbed.booking import line_news, news_views
from tests.booking.conftest import tomorrow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from django.test import Client

    from testbed.booking.models import Booking
    from testbed.people.models import User
    from testbed.tools.models import Tool

    SignIn = Callable[[User], Client]

NEWS = "/book/timeline/news/"
BEFORE, AFTER = datetime(2027, 3, 1, 9, tzinfo=UTC), datetime(2027, 3, 1, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_stream(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "KEY_PREFIX": f"test:{request.node.name}"}
    }


async def next_event(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    """The next event that is news, as its id and data."""
    while True:
        text = (await asyncio.wait_for(anext(stream), 5)).decode()
        lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        if "data" in lines:
            return {"id": lines["id"], **json.loads(lines["data"])}


def tell(*tools: int) -> None:
    line_news.tell(tool_ids=tools, start=BEFORE, end=AFTER, freed=False)


def test_a_connection_that_was_closed_meanwhile_is_made_anew(settings: Any) -> None:
    tell(1)
    before = line_news.latest() or ""
    client = line_news._client(settings.VALKEY_URL)
    client.client_kill_filter(_type="normal", skipme=True)
    tell(2)
    assert [one.tool_ids for one in asyncio.run(line_news.missed(before))] == [(2,)]


def test_an_open_page_hears_what_changes_and_what_it_missed() -> None:
    async def listen() -> list[dict[str, Any]]:
        after = await sync_to_async(line_news.latest)()
        await sync_to_async(tell)(7)
        stream = news_views.events(after or "")
        first = await next_event(stream)
        await sync_to_async(tell)(8, 9)
        second = await next_event(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return [first, second]

    first, second = asyncio.run(listen())
    assert first["tools"] == [7]
    assert second["tools"] == [8, 9]
    assert (second["start"], second["end"]) == (BEFORE.isoformat(), AFTER.isoformat())
    assert line_news.latest() == second["id"]


def test_two_pages_share_one_reader_and_the_last_ends_it() -> None:
    async def listen() -> tuple[list[list[int]], list[bool]]:
        streams = [news_views.events("nonsense") for _ in range(2)]
        for stream in streams:
            assert await anext(stream) == news_views.RETRY
        # Past the first word they wait for news.
        waiting = [asyncio.create_task(next_event(stream)) for stream in streams]
        desk = line_news.desk()
        # The news must come after both have begun to wait: told again until it is heard.
        while not all(one.done() for one in waiting):
            await sync_to_async(tell)(5)
            await asyncio.wait(waiting, timeout=0.2)
        reader = desk.reader
        heard = [one.result()["tools"] for one in waiting]
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.wait([reader] if reader else [])
        return heard, [bool(desk.waiting), reader is not None and reader.done()]

    assert asyncio.run(listen()) == ([[5], [5]], [False, True])


def test_who_is_too_far_behind_reads_everything() -> None:
    tell(1)
    after = line_news.latest() or ""
    for _ in range(line_news.MOST_MISSED + 1):
        tell(1)
    [only] = asyncio.run(line_news.missed(after))
    assert only.tool_ids == ()


def test_a_slow_page_gets_one_word_for_all_it_could_not_hear() -> None:
    async def overflow() -> list[line_news.Change]:
        desk = line_news.Desk()
        queue: asyncio.Queue[line_news.Change] = asyncio.Queue(2)
        desk.waiting.add(queue)
        for number in range(3):
            desk._pass_on(line_news.Change(f"{number}-0", (1,), BEFORE, AFTER))
        return [queue.get_nowait() for _ in range(queue.qsize())]

    assert [(one.id, one.tool_ids) for one in asyncio.run(overflow())] == [("2-0", ())]


def test_without_valkey_nobody_hears_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            def refuse(*args: Any, **kwargs: Any) -> Any:
                raise redis.ConnectionError

            return refuse

    monkeypatch.setattr(line_news, "_client", lambda url: Gone())
    assert line_news.latest() is None


@pytest.mark.parametrize("text", ["", "1", "1-", "-", "1-0 ", "1-0\n", "١-٠", "1" * 30 + "-0"])
def test_only_an_id_is_an_id(text: str) -> None:
    assert not line_news.is_id(text)
    assert line_news.is_id("1795000000000-12")


@pytest.mark.django_db
def test_booking_is_told_with_its_tools_and_time(
    alice: User, cd_sem: Tool, booked: Callable[..., Booking],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    tell(0)
    before = line_news.latest() or ""
    with django_capture_on_commit_callbacks(execute=True):
        booked(alice, 10)
    changes = asyncio.run(line_news.missed(before))
    assert {(one.tool_ids, one.start, one.end) for one in changes} == {
        ((cd_sem.pk,), tomorrow(10), tomorrow(12))
    }


@pytest.mark.django_db(transaction=True)
def test_who_waits_holds_no_database_connection(alice: User, sign_in: SignIn) -> None:
    cookies = sign_in(alice).cookies

    async def listen() -> tuple[Any, bool, bytes]:
        client = AsyncClient()
        client.cookies = cookies
        answer: Any = await client.get(NEWS)
        stream = aiter(answer.streaming_content)
        first = await anext(stream)
        is_open = await sync_to_async(
            lambda: any(one.connection is not None for one in connections.all(True))
        )()
        await answer.streaming_content.aclose()
        return answer, is_open, first

    answer, is_open, first = asyncio.run(listen())
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["Cache-Control"] == "no-store"
    assert first == news_views.RETRY
    assert not is_open


@pytest.mark.django_db
def test_without_asgi_the_stream_ends_at_once(alice: User, sign_in: SignIn) -> None:
    answer = sign_in(alice).get(NEWS)
    assert (answer.status_code, answer.content) == (200, news_views.RETRY)


@pytest.mark.django_db
def test_the_grid_is_not_sent_again_while_nothing_changes(
    alice: User, sign_in: SignIn, cd_sem: Tool
) -> None:
    tell(0)
    part = {"part": "grid"}
    with time_machine.travel(BEFORE, tick=False) as clock:
        client = sign_in(alice)
        first = client.get("/book/timeline/", part)
        assert b'id="timeline-rows"' in first.content
        assert b"<html" not in first.content
        tag = {"If-None-Match": first["ETag"]}
        again = client.get("/book/timeline/", part, headers=tag)
        clock.shift(60)
        later = client.get("/book/timeline/", part, headers=tag)
        clock.shift(-60)
        tell(1)
        changed = client.get("/book/timeline/", part, headers=tag)
    assert later.status_code == 200
    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200
