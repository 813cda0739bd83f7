"""The times of a repeated closure, in Korean time (which has no summer time)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.outages.models import Repeat

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

WEEK = timedelta(days=7)
MONTHS = 12
# The fifth of a month means its last: every month has one.
LAST_OF_MONTH = 5


def expand(
    span: Interval,
    *,
    repeat: str = Repeat.ONCE,
    every: int = 1,
    weekdays: Collection[int] = (),
    until: date | None = None,
    exceptions: Collection[date] = (),
) -> list[Interval]:
    """All times from the first, `span`, to those that start on the day `until` at the latest.

    weekly: on `weekdays` (0 = Monday; the first's own without any) of every `every`-th week;
    monthly: on the same weekday of every `every`-th month, counted from its beginning (the
    second Tuesday), a fifth one being the last. exceptions: days on which none starts.
    """
    first = span.start.astimezone(KST)
    if repeat == Repeat.ONCE or until is None:
        return [span]
    days = _weekly(first.date(), every, weekdays, until)
    if repeat == Repeat.MONTHLY:
        days = _monthly(first.date(), every, until)
    starts = (
        datetime.combine(day, first.time(), KST)
        for day in days
        if first.date() <= day <= until and day not in exceptions
    )
    return [Interval(start, start + span.length) for start in starts]


def _weekly(first: date, every: int, weekdays: Collection[int], until: date) -> Iterator[date]:
    monday = first - timedelta(days=first.weekday())
    wanted = sorted(set(weekdays)) or [first.weekday()]
    while monday <= until:
        yield from (monday + timedelta(days=weekday) for weekday in wanted)
        monday += every * WEEK


def _monthly(first: date, every: int, until: date) -> Iterator[date]:
    nth = (first.day - 1) // 7 + 1
    month = first.replace(day=1)
    while month <= until:
        yield _nth(month, first.weekday(), nth)
        count = month.year * MONTHS + month.month - 1 + every
        month = date(count // MONTHS, count % MONTHS + 1, 1)


def _nth(month: date, weekday: int, nth: int) -> date:
    """The nth such weekday of the month that begins on `month`; the last for the fifth."""
    day = month + timedelta(days=(weekday - month.weekday()) % 7)
    following = [day + week * WEEK for week in range(LAST_OF_MONTH)]
    own = [one for one in following if one.month == month.month]
    return own[-1] if nth == LAST_OF_MONTH else own[nth - 1]
