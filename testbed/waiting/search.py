"""Free time that a wish or a watch is waiting for."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.slots import find_slots
from testbed.waiting.models import EVERY_DAY
from testbed.waiting.terms import LEAD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from testbed.booking.slots import Slot
    from testbed.waiting.models import Wish

DAY = timedelta(days=1)


def first_slot(wish: Wish, now: datetime, *, without: Collection[datetime] = ()) -> Slot | None:
    """The earliest free slot that the wish fits and all rules allow its owner.

    without: starts that were offered to it before, so that one declined does not come again.
    """
    for window in windows(wish, now):
        found = find_slots(
            actor=wish.user,
            target=wish.target,
            minutes=wish.minutes,
            start=window.start,
            end=window.end,
            limit=2 + len(without),
            now=now,
        )
        for slot in found.slots:
            # A search from the middle of a grid cell begins with the cell.
            if slot.starts_at >= window.start and slot.starts_at not in without:
                return slot
    return None


def windows(wish: Wish, now: datetime) -> Iterator[Interval]:
    """The stretches of time in which the wish's slot has to lie whole, earliest first."""
    start, end = max(wish.earliest, now + LEAD), wish.latest
    for stretch in _stretches(wish, start, end):
        begin, close = max(stretch.start, start), min(stretch.end, end)
        if close - begin >= timedelta(minutes=wish.minutes):
            yield Interval(begin, close)


def _stretches(wish: Wish, start: datetime, end: datetime) -> Iterator[Interval]:
    """Allowed days: each by itself with hours, neighbours joined without."""
    if wish.from_hour is None and wish.weekdays == EVERY_DAY:
        yield Interval(start, end)
        return
    opened: datetime | None = None
    day = datetime.combine(start.astimezone(KST).date(), time(0), KST)
    while day < end:
        allowed = bool(wish.weekdays >> day.weekday() & 1)
        if allowed and wish.from_hour is not None and wish.until_hour is not None:
            hours = timedelta(hours=1)
            yield Interval(day + wish.from_hour * hours, day + wish.until_hour * hours)
        elif allowed:
            opened = opened or day
        elif opened:
            yield Interval(opened, day)
            opened = None
        day += DAY
    if opened:
        yield Interval(opened, end)
