"""The same time every week: each its own booking, conflicts told, the rest kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from testbed.booking.cancel import cancel
from testbed.booking.cancel_rest import cancel_rest, preview_rest
from testbed.booking.hold import hold
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import (
    Allocation,
    AllocationKind,
    Booking,
    BookingState,
    Bundle,
    BundleKind,
    Holiday,
    Penalty,
)
from testbed.booking.penalties import Charge
from testbed.booking.place import Answers, place
from testbed.booking.repeat import Weekly, preview, repeat, series_of, weekly
from testbed.booking.target import Target
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import kst, setting

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
START = kst(2, 10)
WEEK = timedelta(weeks=1)


@pytest.fixture(autouse=True)
def first_of_march() -> Iterator[None]:
    with time_machine.travel(kst(1, 9), tick=False):
        yield


def placed(actor: User, target: Target, start: datetime = START, **answers: Any) -> Booking:
    return place(
        actor=actor, target=target, starts_at=start, ends_at=start + timedelta(hours=2),
        answers=Answers(**answers),
    )  # fmt: skip


class TestTheRhythm:
    @given(
        st.integers(1, 4),
        st.integers(1, 26),
        st.integers(0, 1_000).map(
            lambda days: kst(1, 22) - timedelta(days=100) + timedelta(days=days)
        ),
    )
    def test_always_the_same_hour_of_the_same_weekday(
        self, every: int, times: int, start: datetime
    ) -> None:
        spans = Weekly(every, times).spans(Interval(start, start + timedelta(hours=3)))
        assert len(spans) == times
        for number, span in enumerate(spans, start=1):
            local = span.start.astimezone(KST)
            assert (local.weekday(), local.time()) == (start.weekday(), start.time())
            assert local.date() - start.date() == timedelta(weeks=every * number)
            assert span.length == timedelta(hours=3)

    @pytest.mark.parametrize(
        ("until", "times"),
        [
            (date(2027, 3, 9), 1),
            (date(2027, 3, 15), 1),
            (date(2027, 3, 16), 2),
            (date(2027, 8, 31), 26),
        ],
    )
    def test_until_a_day(self, alice: User, sem_target: Target, until: date, times: int) -> None:
        booking = placed(alice, sem_target)
        asked = weekly(booking=booking, every=1, times=None, until=until)
        assert asked == Weekly(1, times)

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"every": 0, "times": 1, "until": None}, "every"),
            ({"every": 5, "times": 1, "until": None}, "every"),
            ({"every": 1, "times": 0, "until": None}, "times"),
            ({"every": 1, "times": 27, "until": None}, "times"),
            ({"every": 1, "times": None, "until": None}, "times"),
            ({"every": 1, "times": 1, "until": date(2027, 3, 9)}, "times"),
            ({"every": 1, "times": None, "until": date(2027, 3, 8)}, "until"),
            ({"every": 1, "times": None, "until": date(2027, 9, 7)}, "until"),
            ({"every": 1, "times": None, "until": date(1, 1, 1)}, "until"),
        ],
    )
    def test_what_is_none(
        self, alice: User, sem_target: Target, asked: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(Refusal, match="repeat_not_valid") as refused:
            weekly(booking=placed(alice, sem_target), **asked)
        assert list(refused.value.fields) == [field]


class TestPlacing:
    def test_each_is_a_booking_of_its_own(self, alice: User, sem_target: Target) -> None:
        first = placed(alice, sem_target, purpose="dose to size", test_wafers=2)
        done = repeat(actor=alice, booking=first, rhythm=Weekly(2, 3))
        bookings = [one.booking for one in done]
        assert [one.starts_at for one in bookings if one] == [
            START + 2 * WEEK, START + 4 * WEEK, START + 6 * WEEK,
        ]  # fmt: skip
        first.refresh_from_db()
        series = series_of(first)
        assert [one.position for one in series] == [0, 2, 4, 6]
        assert {one.bundle.kind for one in series if one.bundle} == {BundleKind.WEEKLY}
        assert {one.state for one in series} == {BookingState.PENDING}
        assert {one.purpose for one in series} == {"dose to size"}
        assert {one.quote["total_won"] for one in series} == {first.quote["total_won"]}
        assert len({one.pk for one in series}) == 4
        entry = JournalEntry.objects.get(action="booking.repeated")
        assert entry.details == {"every": 2, "placed": 3, "asked": 3}

    def test_conflicts_are_told_and_the_rest_is_kept(
        self, alice: User, charlie: User, sem_target: Target
    ) -> None:
        first = placed(alice, sem_target)
        placed(charlie, sem_target, START + WEEK)
        told = preview(actor=alice, booking=first, rhythm=Weekly(1, 2))
        done = repeat(actor=alice, booking=first, rhythm=Weekly(1, 2))
        assert [one.is_free for one in told] == [False, True]
        for conflict in (told[0], done[0]):
            assert [one["code"] for one in conflict.broken] == ["tool_taken"]
            assert conflict.nearest is not None
        assert (done[0].booking, done[1].booking is not None) == (None, True)
        assert "Nuri" not in str(told) + str(done)

    def test_holidays_are_a_matter_of_the_rules(
        self, alice: User, sem_target: Target, cd_sem: Tool
    ) -> None:
        Holiday.objects.create(day=date(2027, 3, 9), name_ko="휴일", name_en="Holiday")
        setting("holidays")
        done = repeat(actor=alice, booking=placed(alice, sem_target), rhythm=Weekly(1, 2))
        assert [one.booking is not None for one in done] == [False, True]
        assert [one["code"] for one in done[0].broken] == ["holidays"]

    def test_the_preview_counts_the_earlier_ones(self, alice: User, sem_target: Target) -> None:
        setting("user_hours_ahead", hours=5)
        setting("future_bookings", maximum=10)
        first = placed(alice, sem_target)
        told = preview(actor=alice, booking=first, rhythm=Weekly(1, 3))
        done = repeat(actor=alice, booking=first, rhythm=Weekly(1, 3))
        assert [one.is_free for one in told] == [True, False, False]
        assert [one.booking is not None for one in done] == [True, False, False]

    def test_beyond_the_horizon_it_waits(self, alice: User, sem_target: Target) -> None:
        first = placed(alice, sem_target)
        told = preview(actor=alice, booking=first, rhythm=Weekly(4, 3))
        assert [one.is_free for one in told] == [True, True, False]
        assert [one["code"] for one in told[2].broken] == ["horizon"]
        assert told[2].nearest is None

    def test_twice_books_once(self, alice: User, sem_target: Target) -> None:
        first = placed(alice, sem_target)
        once = repeat(actor=alice, booking=first, rhythm=Weekly(1, 3))
        again = repeat(actor=alice, booking=first, rhythm=Weekly(1, 3))
        assert [one.booking for one in once] == [one.booking for one in again]
        assert Booking.objects.count() == 4
        assert Bundle.objects.count() == 1
        told = preview(actor=alice, booking=Booking.objects.get(pk=first.pk), rhythm=Weekly(1, 3))
        assert [one.booking for one in told] == [one.booking for one in once]

    def test_nothing_free_begins_no_series(
        self, alice: User, cd_sem: Tool, sem_target: Target
    ) -> None:
        first = placed(alice, sem_target)
        Allocation.objects.create(
            tool=cd_sem, kind=AllocationKind.MAINTENANCE,
            starts_at=START + WEEK, ends_at=START + WEEK + timedelta(hours=1),
        )  # fmt: skip
        (told,) = repeat(actor=alice, booking=first, rhythm=Weekly(1, 1))
        assert told.booking is None
        assert not Bundle.objects.exists()

    def test_only_bookings_that_stand_for_themselves(
        self, alice: User, bob: User, charlie: User, sem_target: Target
    ) -> None:
        held = hold(actor=alice, target=sem_target, starts_at=kst(3, 6), ends_at=kst(3, 8))
        with pytest.raises(Refusal, match="not_repeatable"):
            repeat(actor=alice, booking=held, rhythm=Weekly(1, 1))
        first = placed(alice, sem_target)
        with pytest.raises(Refusal, match="not_allowed"):
            repeat(actor=bob, booking=first, rhythm=Weekly(1, 1))
        with pytest.raises(Refusal, match="not_found"):
            repeat(actor=charlie, booking=first, rhythm=Weekly(1, 1))
        first.bundle = Bundle.objects.create(
            kind=BundleKind.ROUTE, company=first.company, booked_by=alice
        )
        first.save()
        with pytest.raises(Refusal, match="part_of_a_bundle"):
            repeat(actor=alice, booking=first, rhythm=Weekly(1, 1))


class TestTheRest:
    @pytest.fixture
    def series(self, alice: User, sem_target: Target) -> list[Booking]:
        setting("needs_approval", required=False)
        first = placed(alice, sem_target)
        repeat(actor=alice, booking=first, rhythm=Weekly(1, 3))
        first.refresh_from_db()
        return series_of(first)

    def test_one_goes_and_the_others_stay(self, alice: User, series: list[Booking]) -> None:
        cancel(actor=alice, booking=series[1])
        assert [one.is_live for one in series_of(series[0])] == [True, False, True, True]

    def test_this_and_the_later_ones(self, alice: User, series: list[Booking]) -> None:
        gone = cancel_rest(actor=alice, booking=series[2])
        assert gone == series[2:]
        assert [one.is_live for one in series_of(series[0])] == [True, True, False, False]
        assert not Allocation.objects.live().filter(booking__in=gone).exists()
        with pytest.raises(Refusal, match="over"):
            cancel_rest(actor=alice, booking=series[2])

    def test_at_the_cost_of_all_that_was_agreed(self, alice: User, series: list[Booking]) -> None:
        setting("late_cancel", hours_before=24 * 9, fee_percent=50, debt_percent=0)
        rest = preview_rest(actor=alice, booking=series[0])
        assert [cost.total_won for _one, cost in rest.parts] == [308_000, 308_000, 0, 0]
        with pytest.raises(Refusal, match="cost_changed"):
            cancel_rest(actor=alice, booking=series[0], agreed=Charge(308_000))
        assert [one.is_live for one in series_of(series[0])] == [True] * 4
        cancel_rest(actor=alice, booking=series[0], agreed=rest.charge)
        assert Penalty.objects.count() == 2
        assert rest.charge == Charge(616_000, 0)

    def test_only_of_a_series_and_by_those_who_cancel(
        self, alice: User, bob: User, series: list[Booking], sem_target: Target
    ) -> None:
        alone = placed(alice, sem_target, kst(4, 10))
        with pytest.raises(Refusal, match="no_series"):
            cancel_rest(actor=alice, booking=alone)
        with pytest.raises(Refusal, match="not_allowed"):
            preview_rest(actor=bob, booking=series[0])
