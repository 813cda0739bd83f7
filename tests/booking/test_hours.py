"""Opening hours, weekends, and night shifts, in Korean time."""

from __future__ import annotations

from datetime import time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.hours import open_windows
from testbed.booking.intervals import Interval
from testbed.tools.models import Tool
from tests.booking.conftest import kst


def tool(opens: int, closes: int, *, weekends: bool) -> Tool:
    return Tool(opens_at=time(opens), closes_at=time(closes), works_weekends=weekends)


def test_day_shift_rests_on_the_weekend() -> None:
    windows = open_windows(tool(9, 18, weekends=False), kst(5), kst(9))
    assert windows == [Interval(kst(5, 9), kst(5, 18)), Interval(kst(8, 9), kst(8, 18))]


def test_around_the_clock_is_one_window() -> None:
    assert open_windows(tool(0, 0, weekends=True), kst(1, 3), kst(20)) == [
        Interval(kst(1, 3), kst(20))
    ]


def test_around_the_clock_on_weekdays_joins_monday_to_friday() -> None:
    windows = open_windows(tool(0, 0, weekends=False), kst(1), kst(15))
    assert windows == [Interval(kst(1), kst(6)), Interval(kst(8), kst(13))]


def test_a_night_shift_belongs_to_the_day_it_begins() -> None:
    windows = open_windows(tool(22, 6, weekends=False), kst(5, 12), kst(7, 12))
    assert windows == [Interval(kst(5, 22), kst(6, 6))]


def test_an_empty_range_has_no_window() -> None:
    assert open_windows(tool(0, 0, weekends=True), kst(2), kst(2)) == []


@given(
    opens=st.integers(0, 23),
    closes=st.integers(0, 23),
    weekends=st.booleans(),
    start=st.integers(0, 20 * 24),
    length=st.integers(1, 10 * 24),
)
def test_windows_lie_inside_the_range_and_add_up(
    opens: int, closes: int, weekends: bool, start: int, length: int
) -> None:
    span = Interval(kst(1) + timedelta(hours=start), kst(1) + timedelta(hours=start + length))
    shift = tool(opens, closes, weekends=weekends)
    windows = open_windows(shift, *span)
    assert all(span.covers(window) for window in windows)
    halves = [
        *open_windows(shift, span.start, span.start + span.length / 2),
        *open_windows(shift, span.start + span.length / 2, span.end),
    ]
    assert sum((one.length for one in windows), timedelta()) == sum(
        (one.length for one in halves), timedelta()
    )
