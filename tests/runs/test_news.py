"""The streams of a run and of a bay: nothing lost, nothing twice, and waiting costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connections
from django.test import AsyncClient, Client
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.people.models import User
from testbed.runs import log, news, news_views
from testbed.runs.models import Run
from testbed.runs.news import Ear, Topic
from tests.runs.floor import Floor

SignIn = Callable[[User], Client]
Told = dict[str, Any]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news, "LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(news_views, "BEAT_S", 0.2)


@pytest.fixture(autouse=True)
def nobody_stays_connected() -> Iterator[None]:
    """The thread that Django's asynchronous views share outlives the test: not its connection."""
    yield
    asyncio.run(sync_to_async(connections.close_all)())


def parsed(said: bytes) -> Told | None:
    lines = dict(line.split(": ", 1) for line in said.decode().splitlines() if ": " in line)
    if "event" not in lines:
        return None
    return {"id": lines.get("id", ""), "event": lines["event"], **json.loads(lines["data"])}


async def told(stream: AsyncIterator[bytes], kind: str, many: int) -> list[Told]:
    """The next `many` events of the kind."""
    found: list[Told] = []
    while len(found) < many:
        one = parsed(await asyncio.wait_for(anext(stream), 5))
        if one is not None and one["event"] == kind:
            found.append(one)
    return found


async def leave(stream: AsyncIterator[bytes]) -> None:
    """Close the page: the server cancels who waits for the stream's next word."""
    waiting = asyncio.ensure_future(anext(stream))
    # The first may be a word that was said already.
    while (await asyncio.wait([waiting], timeout=0.01))[0]:
        waiting = asyncio.ensure_future(anext(stream))
    waiting.cancel()
    await asyncio.wait([waiting], timeout=5)


def note(run: Run, number: int) -> None:
    log.append(run=run, kind="step.skipped", steps=str(number))


async def opened(client: AsyncClient, path: str, **headers: str) -> Any:
    answer: Any = await client.get(path, headers=headers)
    return answer


def client_of(signed_in: Client) -> AsyncClient:
    client = AsyncClient()
    client.cookies = signed_in.cookies
    return client


@pytest.mark.django_db(transaction=True)
def test_who_comes_back_hears_every_event_once_and_in_order(
    floor: Floor, sign_in: SignIn, alice: User
) -> None:
    run = floor.start("coat")
    client = client_of(sign_in(alice))
    path = f"/runs/{run.pk}/news/"

    async def listen() -> tuple[list[Told], bool, Any]:
        answer = await opened(client, path + "?after=0", **{"accept-language": "en"})
        stream = aiter(answer.streaming_content)
        heard = await told(stream, "run", 1)
        is_open = await sync_to_async(
            lambda: any(one.connection is not None for one in connections.all(True))
        )()
        await sync_to_async(note)(run, 2)
        heard += await told(stream, "run", 1)
        await leave(stream)
        for number in (3, 4, 5):
            await sync_to_async(note)(run, number)
        again = await opened(client, path + "?after=0", **{"last-event-id": heard[-1]["id"]})
        stream = aiter(again.streaming_content)
        heard += await told(stream, "run", 3)
        await leave(stream)
        return heard, is_open, answer

    heard, is_open, answer = asyncio.run(listen())
    assert [one["seq"] for one in heard] == [1, 2, 3, 4, 5]
    assert [one["id"] for one in heard] == ["1", "2", "3", "4", "5"]
    assert heard[1]["text"] == "Steps left out: 2"
    assert not is_open
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_a_bay_tells_of_its_own_runs_from_where_each_was_heard(floor: Floor) -> None:
    coat = floor.start("coat")
    seen = f"{coat.pk}.1"
    topic = Topic(area="litho")

    async def listen() -> list[Told]:
        await sync_to_async(note)(coat, 2)
        stream = news_views.stream(Ear(topic, 1), news.cursor_of(seen, topic), "en")
        heard = await told(stream, "run", 1)
        await stream.aclose()  # type: ignore[attr-defined]
        await sync_to_async(note)(coat, 3)
        stream = news_views.stream(Ear(topic, 1), news.cursor_of(heard[-1]["id"], topic), "en")
        heard += await told(stream, "run", 1)
        await stream.aclose()  # type: ignore[attr-defined]
        return heard

    heard = asyncio.run(listen())
    assert [(one["run"], one["seq"]) for one in heard] == [(coat.pk, 2), (coat.pk, 3)]
    assert news.look([Topic(area="etch")])[Topic(area="etch")].counts == {}


@pytest.mark.django_db(transaction=True)
def test_what_does_not_change_beats_and_what_cannot_be_seen_does_not(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    topic = Topic(run_id=run.pk)

    async def listen() -> list[bytes]:
        stream = news_views.stream(Ear(topic, 1), None, "en")
        await told(stream, "look", 1)
        await told(stream, "beat", 1)

        def fail(topics: Any) -> Any:
            raise DatabaseError("gone")

        monkeypatch.setattr(news, "look", fail)
        said = [await asyncio.wait_for(anext(stream), 5) for _ in range(2)]
        await stream.aclose()  # type: ignore[attr-defined]
        return said

    assert asyncio.run(listen())[-1] == b": blind\n\n"


@pytest.mark.django_db(transaction=True)
def test_only_so_many_may_wait(
    floor: Floor, sign_in: SignIn, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    client = client_of(sign_in(alice))
    path = f"/runs/{run.pk}/news/"

    async def knock(most: int, most_of_one: int) -> tuple[list[int], bool]:
        monkeypatch.setattr(news, "MOST", most)
        monkeypatch.setattr(news, "MOST_OF_ONE", most_of_one)
        first = await opened(client, path)
        stream = aiter(first.streaming_content)
        await told(stream, "look", 1)
        second = await opened(client, path)
        looker = news.desk().looker
        await leave(stream)
        if looker is not None:
            await asyncio.wait([looker], timeout=5)
        return [first.status_code, second.status_code], bool(news.desk().ears)

    assert asyncio.run(knock(1, 9)) == ([200, 503], False)
    assert asyncio.run(knock(9, 1)) == ([200, 429], False)


@pytest.mark.django_db
def test_strangers_hear_nothing_and_without_asgi_the_stream_ends(
    floor: Floor, sign_in: SignIn, alice: User, charlie: User, technician: User
) -> None:
    run = floor.start("coat")
    assert sign_in(charlie).get(f"/runs/{run.pk}/news/").status_code == 404
    assert sign_in(alice).get("/bays/litho/news/").status_code == 403
    assert sign_in(technician).get("/bays/no-such/news/").status_code == 404
    answer = sign_in(technician).get("/bays/litho/news/")
    assert (answer.status_code, answer.content) == (200, news_views.RETRY)
    assert sign_in(alice).get(f"/runs/{run.pk}/news/").content == news_views.RETRY


@settings(max_examples=30)
@given(st.dictionaries(st.integers(1, 10**9), st.integers(0, 10**8), min_size=1, max_size=20))
def test_a_place_is_read_as_it_was_written(cursor: dict[int, int]) -> None:
    bay = Topic(area="litho")
    assert news.cursor_of(news.written_cursor(cursor, bay), bay) == cursor
    run = Topic(run_id=7)
    assert news.cursor_of(news.written_cursor({7: 12}, run), run) == {7: 12}


@pytest.mark.parametrize("text", ["", "x", "-1", "1.2.3", "1.", "1-2", "1.2-", "１.2", "9" * 20])
def test_what_is_no_place_says_nothing(text: str) -> None:
    assert news.cursor_of(text, Topic(area="litho")) is None
    assert text == "" or news.cursor_of("x" + text, Topic(run_id=1)) is None
