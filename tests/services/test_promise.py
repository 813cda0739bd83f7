"""Working days, and how an order stands against its promise."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.hours import KST
from testbed.booking.models import Booking, BookingState
from testbed.services.models import Module, Order, OrderState
from testbed.services.promise import Standing, add_working_days, promise, standing

FRIDAY = date(2027, 3, 5)
NOW = datetime(2027, 3, 8, 12, tzinfo=KST)


@pytest.mark.parametrize(
    ("day", "count", "resting", "expected"),
    [
        (FRIDAY, 0, (), FRIDAY),
        (FRIDAY, 1, (), date(2027, 3, 8)),
        (FRIDAY, 1, (date(2027, 3, 8),), date(2027, 3, 9)),
        (FRIDAY, 6, (), date(2027, 3, 15)),
        (date(2027, 3, 6), 1, (), date(2027, 3, 8)),
    ],
)
def test_working_days(day: date, count: int, resting: tuple[date, ...], expected: date) -> None:
    assert add_working_days(day, count, resting) == expected


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.integers(1, 20), st.integers(1, 20))
def test_working_days_add_up_and_are_never_rest_days(day: date, one: int, other: int) -> None:
    rest = {day + timedelta(days=3), day + timedelta(days=8)}
    first = add_working_days(day, one, rest)
    assert add_working_days(first, other, rest) == add_working_days(day, one + other, rest)
    assert first.weekday() < 5
    assert first not in rest


def test_a_promise_ends_at_closing_time() -> None:
    start = datetime(2027, 3, 5, 23, 30, tzinfo=KST)
    made = promise(Module(turnaround_days=1), start, ())
    assert made == datetime(2027, 3, 8, 18, tzinfo=KST)


def step(state: BookingState, hours: int) -> Booking:
    end = NOW + timedelta(hours=hours)
    return Booking(state=state, starts_at=end - timedelta(hours=1), ends_at=end)


GOOD, GONE = BookingState.CONFIRMED, BookingState.CANCELLED


@pytest.mark.parametrize(
    ("promised", "steps", "expected"),
    [
        (5, [step(GOOD, 2), step(GOOD, 4)], Standing.ON_TIME),
        (3, [step(GOOD, 2), step(GOOD, 4)], Standing.AT_RISK),
        (5, [step(GOOD, 2), step(GONE, 4)], Standing.AT_RISK),
        (-1, [step(GOOD, -2), step(GOOD, -1)], Standing.LATE),
        (5, [step(GONE, 2), step(GONE, 4)], Standing.CANCELLED),
        (5, [], Standing.CANCELLED),
    ],
)
def test_an_open_order_stands_by_its_steps(
    promised: int, steps: list[Booking], expected: Standing
) -> None:
    order = Order(state=OrderState.OPEN, promised_at=NOW + timedelta(hours=promised))
    assert standing(order, steps, NOW) == expected


@pytest.mark.parametrize(("late", "expected"), [(0, Standing.KEPT), (1, Standing.KEPT_LATE)])
def test_a_finished_order_was_kept_or_late(late: int, expected: Standing) -> None:
    order = Order(
        state=OrderState.FINISHED, promised_at=NOW, finished_at=NOW + timedelta(minutes=late)
    )
    assert standing(order, [step(GOOD, -1)], NOW + timedelta(days=9)) == expected
