"""When can I have it? Free slots that keep every rule."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from testbed.booking.hours import open_windows
from testbed.booking.intervals import Interval, intersect, merge, subtract
from testbed.booking.request import gather, price
from testbed.booking.rules import Broken, by_code, check_all, closed_times, refusing
from testbed.booking.rules.when import LongEnoughRange, down_to_grid
from testbed.people.permissions import may

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from testbed.booking.models import Booking
    from testbed.booking.rules import BookingRequest
    from testbed.booking.target import Target
    from testbed.people.models import User
    from testbed.tools.models import Tool

LONGEST_SEARCH = timedelta(days=92)
# How many starts are asked for their reasons when a range has no slot at all.
PROBES = 200
NEAREST = 3
TIDY_MINUTES = 30
NEAREST_WITHIN = timedelta(days=14)


@dataclass(frozen=True)
class Slot:
    """A free time on all the tools, with its price; warnings do not forbid it."""

    starts_at: datetime
    ends_at: datetime
    tools: Sequence[Tool]
    quote: dict[str, Any]
    warnings: Sequence[Broken] = ()


@dataclass(frozen=True)
class Found:
    """Slots, earliest first; without any, the rules that forbid every start of the range."""

    slots: list[Slot]
    nothing_because: list[Broken] = field(default_factory=list)


def find_slots(
    *,
    actor: User,
    target: Target,
    minutes: int,
    start: datetime,
    end: datetime,
    limit: int = 20,
    now: datetime | None = None,
    without: Booking | None = None,
) -> Found:
    """Free slots of `minutes` that lie in [start, end), earliest first, side by side.

    A start in the middle of a grid cell counts from the cell's beginning, so that "from now"
    finds the running cell where the rules still allow it. Four queries, six when holidays and
    the company's own claims count, whatever the range (at most 92 days are searched). Somebody
    who may not book sees the same slots: only rules about tools, length and time are asked.
    `without`: a booking that moves; its own claims are free.
    """
    hour = down_to_grid(start, 60)
    span = Interval(hour, min(end, start + LONGEST_SEARCH))
    request = _request(actor, target, span, minutes, now or timezone.now(), without)
    span = Interval(max(hour, down_to_grid(start, grid_of(request))), span.end)
    always = refusing(check_all(request, about=standing(actor, "length")))
    if always:
        return Found([], always)
    good = (found for found in _candidates(request, span) if not _refused(found))
    slots = [_slot(found) for found in islice(good, limit)]
    return Found(slots, [] if slots else _reasons(request, span))


def nearest(
    *,
    actor: User,
    target: Target,
    span: Interval,
    limit: int = NEAREST,
    now: datetime | None = None,
    without: Booking | None = None,
    blocked: Iterable[Interval] = (),
) -> list[Slot]:
    """Free slots of the same length nearest in time to `span`, within two weeks either way.

    blocked: time that is about to be taken, in any order.
    """
    now = now or timezone.now()
    length = span.length
    if not timedelta(0) < length <= LONGEST_SEARCH:
        return []
    around = Interval(
        max(span.start - NEAREST_WITHIN, now - timedelta(hours=1)),
        max(span.end, now) + NEAREST_WITHIN,
    )
    minutes = int(length.total_seconds() // 60)
    if not minutes:
        return []
    request = _request(actor, target, around, minutes, now, without)
    if refusing(check_all(request, about=standing(actor, "length"))):
        return []
    windows = subtract(_free(request, around), merge(blocked))
    starts = sorted(_near_starts(request, windows, span), key=lambda at: (abs(at - span.start), at))
    good = (one for at in starts if not _refused(one := _moved(request, at)))
    return [_slot(found) for found in islice(good, limit)]


def _request(
    actor: User,
    target: Target,
    span: Interval,
    minutes: int,
    now: datetime,
    without: Booking | None = None,
) -> BookingRequest:
    """A request of the wished length at the range's start, with all claims of the range."""
    tools = target.tools()
    request = gather(
        actor=actor, tools=tools, starts_at=span.start, ends_at=span.end, now=now, without=without
    )
    return replace(request, ends_at=span.start + timedelta(minutes=minutes))


def standing(actor: User, *others: str) -> tuple[str, ...]:
    """Rules that do not depend on when; those about the person only for one who books."""
    return ("who", "tool", *others) if may(actor, "book") else ("tool", *others)


def _moved(request: BookingRequest, start: datetime) -> BookingRequest:
    return replace(request, starts_at=start, ends_at=start + request.span.length)


def _refused(request: BookingRequest) -> list[Broken]:
    return refusing(check_all(request, about=("time",)))


def _free(request: BookingRequest, span: Interval) -> list[Interval]:
    """Time in which every tool is open, none is claimed and no rule closes one."""
    free = [span]
    for tool in request.tools:
        free = intersect(free, open_windows(tool, span.start, span.end))
        taken = [*request.busy.get(tool.pk, ()), *closed_times(request, tool)]
        free = subtract(free, merge(taken))
    return free


def _candidates(request: BookingRequest, span: Interval) -> Iterator[BookingRequest]:
    """Slot after slot through every free stretch; after the first, on full half hours if it can."""
    grid = grid_of(request)
    tidy = TIDY_MINUTES if TIDY_MINUTES % grid == 0 else grid
    earliest, latest = bounds(request)
    bounded = intersect(_free(request, span), [Interval(earliest, latest)])
    for window in bounded:
        at = _up_to_grid(window.start, grid)
        while at + request.span.length <= window.end:
            yield _moved(request, at)
            at = _up_to_grid(at + request.span.length, tidy)


def _near_starts(
    request: BookingRequest, windows: Iterable[Interval], span: Interval
) -> Iterator[datetime]:
    """In each free stretch the start closest to the wished one, and the slots beside it."""
    grid = grid_of(request)
    earliest, latest = bounds(request)
    for window in intersect(list(windows), [Interval(earliest, latest)]):
        first = _up_to_grid(window.start, grid)
        last = down_to_grid(window.end - span.length, grid)
        if first <= last:
            closest = min(max(down_to_grid(span.start, grid), first), last)
            beside = (closest, closest - span.length, closest + span.length)
            yield from (at for at in beside if first <= at <= last)


def grid_of(request: BookingRequest) -> int:
    """The coarsest grid of the tools, in minutes; a finer one that divides it is kept too."""
    rule = by_code("grid")
    found = [request.rulebook.parameters(rule, tool) for tool in request.tools]
    return max((int(parameters["minutes"]) for parameters in found if parameters), default=1) or 1


def _up_to_grid(moment: datetime, grid: int) -> datetime:
    down = down_to_grid(moment, grid)
    return down if down == moment else down + timedelta(minutes=grid)


def bounds(request: BookingRequest) -> tuple[datetime, datetime]:
    """[earliest start, latest end] by grace, lead time and horizon of all the tools."""
    earliest = request.now - timedelta(days=1)
    latest = request.now + timedelta(days=3_650)
    for tool in request.tools:
        grace = request.rulebook.parameters(by_code("not_past"), tool)
        lead = request.rulebook.parameters(by_code("lead_time"), tool)
        horizon = request.rulebook.parameters(by_code("horizon"), tool)
        if grace:
            earliest = max(earliest, request.now - timedelta(minutes=grace["grace_minutes"]))
        if lead and lead["minutes"]:
            earliest = max(earliest, request.now + timedelta(minutes=lead["minutes"]))
        if horizon:
            latest = min(latest, request.now + timedelta(days=horizon["days"]))
    return earliest, latest


def _slot(request: BookingRequest) -> Slot:
    return Slot(
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        tools=request.tools,
        quote=price(
            company=request.company,
            tools=request.tools,
            starts_at=request.starts_at,
            ends_at=request.ends_at,
        ).as_json(),
        warnings=check_all(request, about=("time",)),
    )


def _reasons(request: BookingRequest, span: Interval) -> list[Broken]:
    """Every rule that some start of an empty range breaks, each told once."""
    step = max(span.length / PROBES, timedelta(minutes=grid_of(request)))
    told: dict[str, Broken] = {}
    at = _up_to_grid(span.start, grid_of(request))
    while at < span.end:
        for broken in _refused(_moved(request, at)):
            told.setdefault(broken.code, broken)
        at = _up_to_grid(at + step, grid_of(request))
    # Starts without a broken rule exist, so the slot only does not end within the range.
    return list(told.values()) or [Broken(LongEnoughRange())]
