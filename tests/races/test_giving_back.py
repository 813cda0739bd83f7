"""Giving back while somebody acts: one of the two happens, whole, and nothing is charged twice."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.booking.cancel import cancel
from testbed.booking.models import Booking, BookingState, Penalty
from testbed.booking.no_show import arrive, release_no_shows
from testbed.booking.penalties import Charge, waive
from testbed.booking.place import Answers, place
from testbed.booking.repeat import Occurrence, Weekly, repeat
from testbed.booking.target import Target
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow
from tests.races.conftest import Race
from tests.world import make_booking

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 8


def unforeseen(outcomes: list[Any]) -> list[Any]:
    return [one for one in outcomes if isinstance(one, Exception) and not isinstance(one, Refusal)]


def test_coming_while_the_sweep_releases(
    race: Race, alice: User, technician: User, cd_sem: Tool
) -> None:
    setting("no_show", minutes=30)
    booking = make_booking(alice, cd_sem, BookingState.CONFIRMED, -0.75)

    def work(number: int) -> Any:
        if number % 2:
            return release_no_shows()
        return arrive(actor=technician, booking=booking)

    outcomes = race(work, THREADS)
    assert unforeseen(outcomes) == []
    booking.refresh_from_db()
    came = booking.begun_at is not None
    assert booking.state == (BookingState.CONFIRMED if came else BookingState.NO_SHOW)
    assert booking.allocations.filter(live=True).count() == int(came)
    assert Penalty.objects.count() == int(not came)
    assert sum(one for one in outcomes if isinstance(one, int)) == int(not came)


def test_a_late_cancellation_is_charged_once_and_waived_once(
    race: Race, alice: User, administrator: User, cd_sem: Tool
) -> None:
    setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=0)
    setting("needs_approval", required=False)
    booking = place(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(),
    )  # fmt: skip
    agreed = Charge(308_000)
    outcomes = race(lambda _n: cancel(actor=alice, booking=booking, agreed=agreed), THREADS)
    assert unforeseen(outcomes) == []
    assert sum(isinstance(one, Booking) for one in outcomes) == 1
    penalty = Penalty.objects.get()
    waived = race(lambda _n: waive(actor=administrator, penalty=penalty, reason="why"), THREADS)
    assert unforeseen(waived) == []
    assert sum(isinstance(one, Penalty) for one in waived) == 1
    assert Penalty.objects.count() == 2


def test_repeating_twice_at_once_books_each_week_once(
    race: Race, alice: User, cd_sem: Tool
) -> None:
    first = place(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(),
    )  # fmt: skip
    outcomes = race(
        lambda _n: repeat(
            actor=alice, booking=Booking.objects.get(pk=first.pk), rhythm=Weekly(1, 3)
        ),
        4,
    )
    assert unforeseen(outcomes) == []
    assert Booking.objects.count() == 4
    first.refresh_from_db()
    assert {one.bundle_id for one in Booking.objects.all()} == {first.bundle_id}
    told: list[list[Occurrence]] = [one for one in outcomes if isinstance(one, list)]
    assert len(told) == 4
    assert all(week.booking is not None for weeks in told for week in weeks)
