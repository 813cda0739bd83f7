"""The times of a repeated closure, across the year's end."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.outages.models import Repeat
from testbed.outages.recurrence import expand

FIRSTS = st.dates(date(2026, 10, 1), date(2027, 2, 28))
WEEKDAYS = st.lists(st.integers(0, 6), max_size=7, unique=True)


def span(day: date, hour: int = 22, hours: int = 4) -> Interval:
    start = datetime(day.year, day.month, day.day, hour, tzinfo=KST)
    return Interval(start, start + timedelta(hours=hours))


def days_of(times: list[Interval]) -> list[date]:
    return [one.start.astimezone(KST).date() for one in times]


def test_once() -> None:
    assert expand(span(date(2026, 12, 31))) == [span(date(2026, 12, 31))]


def test_every_other_week_across_the_year() -> None:
    found = expand(
        span(date(2026, 12, 22)), repeat=Repeat.WEEKLY, every=2, weekdays=[1, 4],
        until=date(2027, 1, 22),
    )  # fmt: skip
    assert days_of(found) == [
        date(2026, 12, 22), date(2026, 12, 25), date(2027, 1, 5), date(2027, 1, 8),
        date(2027, 1, 19), date(2027, 1, 22),
    ]  # fmt: skip


def test_the_second_tuesday_of_every_month() -> None:
    found = expand(span(date(2026, 11, 10)), repeat=Repeat.MONTHLY, until=date(2027, 3, 31))
    assert days_of(found) == [
        date(2026, 11, 10), date(2026, 12, 8), date(2027, 1, 12), date(2027, 2, 9),
        date(2027, 3, 9),
    ]  # fmt: skip


def test_a_fifth_weekday_is_the_last() -> None:
    found = expand(span(date(2026, 11, 30)), repeat=Repeat.MONTHLY, until=date(2027, 2, 28))
    assert days_of(found) == [
        date(2026, 11, 30), date(2026, 12, 28), date(2027, 1, 25), date(2027, 2, 22),
    ]  # fmt: skip


@given(
    first=FIRSTS, every=st.integers(1, 5), weekdays=WEEKDAYS, length=st.integers(0, 200),
    left_out=st.sets(FIRSTS, max_size=5),
)  # fmt: skip
def test_weekly_is_what_its_sentence_says(
    first: date, every: int, weekdays: list[int], length: int, left_out: set[date]
) -> None:
    """Day by day: on the wanted weekdays of every n-th week, from first to last, without gaps."""
    until = first + timedelta(days=length)
    monday = first - timedelta(days=first.weekday())
    wanted = weekdays or [first.weekday()]
    expected = [
        day
        for day in (first + timedelta(days=count) for count in range(length + 1))
        if day.weekday() in wanted and (day - monday).days // 7 % every == 0 and day not in left_out
    ]
    found = expand(
        span(first), repeat=Repeat.WEEKLY, every=every, weekdays=weekdays, until=until,
        exceptions=left_out,
    )  # fmt: skip
    assert days_of(found) == expected
    assert all(one == span(day) for one, day in zip(found, expected, strict=True))


@given(first=FIRSTS, every=st.integers(1, 12), months=st.integers(0, 40))
def test_monthly_is_what_its_sentence_says(first: date, every: int, months: int) -> None:
    """One in every n-th month, always on the same weekday and in the same week of the month."""
    until = first + timedelta(days=31 * months)
    days = days_of(expand(span(first), repeat=Repeat.MONTHLY, every=every, until=until))
    assert days[0] == first
    numbers = [day.year * 12 + day.month for day in days]
    assert numbers == list(range(numbers[0], numbers[-1] + 1, every))
    assert {day.weekday() for day in days} == {first.weekday()}
    nth = (first.day - 1) // 7
    if nth < 4:
        assert {(day.day - 1) // 7 for day in days} == {nth}
    else:
        assert all((day + timedelta(days=7)).month != day.month for day in days)
