"""News of runs for the pages that are open: one look at the database for all who wait in a process.

PostgreSQL is the truth. A page names the event that it saw last, of one run or of each run of a
bay, and gets those after it, each once and in order. Who only waits holds no connection.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.db.models import F, Q
from django.utils import timezone

from testbed.booking.news_views import let_go
from testbed.runs.models import QueueClock, Run, RunEvent, Step
from testbed.runs.states import RunState, StepState
from testbed.tools.models import Tool

log = structlog.get_logger(__name__)
LOOK_EVERY_S = 0.5
PAUSE_S = 2.0
# Pages that may wait in one process, and of one person.
MOST = 200
MOST_OF_ONE = 8
# A bay tells of runs that ended this long ago, so that who was away hears how they ended.
REMEMBERED = timedelta(minutes=10)
# Events that one look brings to one page; the rest follow with the next.
AT_ONCE = 100
# Below this a queue time is shown with its seconds.
NEAR_S = 600.0
AT_WORK = (RunState.SETTING_UP, RunState.RUNNING)
CURSOR = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}(-[0-9]{1,12}\.[0-9]{1,9}){0,199}")


class Topic(NamedTuple):
    """What a page shows: the run `run_id`, or the bay `area` (then `run_id` is 0)."""

    run_id: int = 0
    area: str = ""


class Sight(NamedTuple):
    """What one look saw of a topic.

    counts: run id → number of its newest event; stamp: differs when anything shown has changed;
    at: how old the word of the tools' workers is, None where nothing is at work.
    """

    counts: dict[int, int]
    stamp: str
    at: datetime | None


class Heard(NamedTuple):
    """A sight, and when it was looked."""

    sight: Sight
    looked_at: datetime


def cursor_of(text: str, topic: Topic) -> dict[int, int] | None:
    """What `Last-Event-ID` says was seen: run id → event number; None when it says nothing."""
    if topic.run_id:
        return {topic.run_id: int(text)} if re.fullmatch(r"[0-9]{1,9}", text) else None
    if CURSOR.fullmatch(text) is None:
        return None
    pairs = (pair.split(".") for pair in text.split("-"))
    return {int(run): int(seq) for run, seq in pairs}


def written_cursor(cursor: dict[int, int], topic: Topic) -> str:
    """The inverse of `cursor_of`; an empty bay says that run 0 has no events."""
    if topic.run_id:
        return str(cursor.get(topic.run_id, 0))
    newest = sorted(cursor.items())[-200:] or [(0, 0)]
    return "-".join(f"{run}.{seq}" for run, seq in newest)


def look(topics: Iterable[Topic]) -> dict[Topic, Sight]:
    """What is to be seen now of each topic: five statements, however many wait."""
    wanted = set(topics)
    areas = {topic.area for topic in wanted if topic.area}
    ids = {topic.run_id for topic in wanted if topic.run_id}
    runs = {run.pk: run for run in _runs(ids, areas)}
    steps = _steps(runs)
    tools = _tools(areas)
    clocks = _clocks(runs.values(), tools)
    return {topic: _sight(topic, runs, steps, tools, clocks) for topic in wanted}


def _runs(ids: set[int], areas: set[str]) -> list[Any]:
    lately = Q(ended_at=None) | Q(ended_at__gt=timezone.now() - REMEMBERED)
    rows = Run.objects.filter(Q(pk__in=ids) | Q(run_tools__tool__area__in=areas) & lately)
    shown = rows.only("pk", "event_count", "changed_at", "state", "tool_id").distinct()
    shown = shown.annotate(lot_id=F("traveler__lot"))
    return list(shown.order_by("pk").prefetch_related("run_tools__tool"))


def _steps(runs: dict[int, Any]) -> dict[int, str]:
    """run id → how far its present step is."""
    rows = Step.objects.filter(run__in=runs, state=StepState.SENT)
    return {run: f"{p}{m}" for run, p, m in rows.values_list("run_id", "progress", "message")}


def _tools(areas: set[str]) -> dict[str, list[Any]]:
    """area → the states and emergency stops of its tools."""
    found: dict[str, list[Any]] = {area: [] for area in areas}
    if areas:
        rows = Tool.objects.filter(area__in=areas).with_state().order_by("pk")
        shown = ("kind", "state", "state_since", "emergency_stop_at")
        for area, *words in rows.values_list("area", *shown):
            found[area].append(tuple(words))
    return found


class Clock(NamedTuple):
    """A queue time as the pages show it: drawn anew each minute, near its end every 10 s."""

    lot_id: int
    tool_kind: str
    words: tuple[object, ...]


def _clocks(runs: Iterable[Any], tools: dict[str, list[Any]]) -> list[Clock]:
    """Of the lots that are shown, and of those that wait for a tool of a bay that is."""
    kinds = {kind for rows in tools.values() for kind, *_words in rows}
    rows = QueueClock.objects.filter(
        Q(lot__in={run.lot_id for run in runs}) | Q(operation__tool_kind__in=kinds)
    )
    now = timezone.now()
    return [
        Clock(row.lot_id, row.operation.tool_kind, _of_clock(row, now))
        for row in rows.select_related("operation").order_by("pk")
    ]


def _of_clock(row: QueueClock, now: datetime) -> tuple[object, ...]:
    left = row.left_s(now)
    drawn = left // (60 if left > NEAR_S else 10)
    return row.pk, row.due_at, row.slots, row.tone(now), drawn


def _sight(
    topic: Topic,
    runs: dict[int, Any],
    steps: dict[int, str],
    tools: dict[str, list[Any]],
    clocks: Iterable[Clock],
) -> Sight:
    mine = [run for run in runs.values() if _belongs(run, topic)]
    shown = [(run.pk, run.event_count, run.state, steps.get(run.pk)) for run in mine]
    at = [run.changed_at for run in mine if run.state in AT_WORK] if topic.run_id else []
    counts = {run.pk: run.event_count for run in mine}
    here = tools.get(topic.area, [])
    kinds = {kind for kind, *_words in here}
    lots = {run.lot_id for run in mine} if topic.run_id else set()
    waits = [one.words for one in clocks if one.lot_id in lots or one.tool_kind in kinds]
    return Sight(counts, repr((shown, here, waits)), min(at, default=None))


def _belongs(run: Any, topic: Topic) -> bool:
    if topic.run_id:
        return bool(run.pk == topic.run_id)
    return any(one.tool.area == topic.area for one in run.run_tools.all())


def events_after(cursor: dict[int, int], counts: dict[int, int]) -> list[RunEvent]:
    """Events between what was seen and what there is, oldest first; a run's in their order."""
    behind = [Q(run=run, seq__gt=cursor.get(run, 0)) for run, count in counts.items()
              if count > cursor.get(run, 0)]  # fmt: skip
    if not behind:
        return []
    condition = behind[0]
    for one in behind[1:]:
        condition |= one
    # In the order of each run's numbers: where a look is cut, nothing before the cut is missing.
    rows = RunEvent.objects.filter(condition).select_related("actor").order_by("run_id", "seq")
    return list(rows[:AT_ONCE])


def _look_and_let_go(topics: Iterable[Topic]) -> dict[Topic, Sight]:
    try:
        return look(topics)
    finally:
        let_go()


class Full(Exception):
    """So many pages wait that no other may; `is_own` when they are all of this person."""

    def __init__(self, *, is_own: bool) -> None:
        super().__init__("own" if is_own else "all")
        self.is_own = is_own


class Ear:
    """One page that waits: its topic, whose it is, and the newest sight that it has not taken."""

    def __init__(self, topic: Topic, user_id: int) -> None:
        self.topic, self.user_id = topic, user_id
        self.queue: asyncio.Queue[Heard] = asyncio.Queue(1)

    def put(self, heard: Heard) -> None:
        """The newest sight replaces one that was not taken: events are read, not passed on."""
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(heard)


class Desk:
    """The one looker of a process's event loop, and the pages that wait for it."""

    def __init__(self) -> None:
        self.ears: set[Ear] = set()
        self.looker: asyncio.Task[None] | None = None

    def refuse_if_full(self, user_id: int) -> None:
        """Raises Full when the process, or this person, has as many pages waiting as may be."""
        if sum(ear.user_id == user_id for ear in self.ears) >= MOST_OF_ONE:
            raise Full(is_own=True)
        if len(self.ears) >= MOST:
            raise Full(is_own=False)

    @asynccontextmanager
    async def listening(self, ear: Ear) -> AsyncIterator[Ear]:
        """`ear` gets every sight from now on; the last to leave ends the looking."""
        self.refuse_if_full(ear.user_id)
        self.ears.add(ear)
        if self.looker is None or self.looker.done():
            self.looker = asyncio.create_task(self._keep_looking())
        try:
            yield ear
        finally:
            self.ears.discard(ear)
            if not self.ears and self.looker is not None:
                self.looker.cancel()

    async def _keep_looking(self) -> None:
        see = sync_to_async(_look_and_let_go, thread_sensitive=False)
        while True:
            pause = LOOK_EVERY_S
            try:
                sights = await see({ear.topic for ear in self.ears})
            except DatabaseError as trouble:
                # Nobody hears anything, so every page turns grey until the database is back.
                log.warning("run_news_cannot_look", trouble=type(trouble).__name__)
                pause = PAUSE_S
            else:
                self._pass_on(sights)
            await asyncio.sleep(pause)

    def _pass_on(self, sights: dict[Topic, Sight]) -> None:
        now = timezone.now()
        for ear in self.ears:
            if ear.topic in sights:
                ear.put(Heard(sights[ear.topic], now))


_desks: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()


def desk() -> Desk:
    """The desk of the running event loop."""
    return _desks.setdefault(asyncio.get_running_loop(), Desk())
