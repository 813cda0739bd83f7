"""When a tool is open for booking, in Korean time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from testbed.booking.intervals import Interval, intersect, merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.tools.models import Tool

KST = ZoneInfo("Asia/Seoul")
SATURDAY = 5


def open_windows(tool: Tool, start: datetime, end: datetime) -> list[Interval]:
    """Opening times of `tool` within [start, end), adjoining days joined.

    closes_at before opens_at means the next morning; equal means around the clock. A night
    shift belongs to the day on which it begins.
    """
    if end <= start:
        return []
    return intersect(merge(_shifts(tool, start, end)), [Interval(start, end)])


def _shifts(tool: Tool, start: datetime, end: datetime) -> Iterator[Interval]:
    day = start.astimezone(KST).date() - timedelta(days=1)
    last = end.astimezone(KST).date()
    while day <= last:
        if tool.works_weekends or day.weekday() < SATURDAY:
            yield _shift(tool, day)
        day += timedelta(days=1)


def _shift(tool: Tool, day: date) -> Interval:
    overnight = tool.closes_at <= tool.opens_at
    closing_day = day + timedelta(days=1) if overnight else day
    return Interval(
        datetime.combine(day, tool.opens_at, KST),
        datetime.combine(closing_day, tool.closes_at, KST),
    )
