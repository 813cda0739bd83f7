"""Closures confirmed while others book: nothing is lost, nobody waits in a circle."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.booking.models import Allocation, Booking, BookingState, RuleSetting
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.outages.announce import announce
from testbed.outages.answer import choose
from testbed.outages.models import Fate, Outage, Rebooking
from testbed.outages.rebook import Chosen
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Cell, Tool
from tests.booking.conftest import tomorrow
from tests.outages.conftest import book, suggested, terms, uncovered
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
THREADS = 12


@pytest.fixture(autouse=True)
def no_approval(transactional_db: None) -> None:
    RuleSetting.objects.create(code="needs_approval", is_active=False)


def overlaps() -> list[Allocation]:
    """Live bookings in a live closure; the constraint forbids them, so there is never one."""
    return [
        claim
        for claim in Allocation.objects.live().exclude(booking=None)
        if Allocation.objects.live()
        .filter(
            tool=claim.tool_id,
            booking=None,
            starts_at__lt=claim.ends_at,
            ends_at__gt=claim.starts_at,
        )
        .exists()
    ]


def test_booking_while_a_closure_is_confirmed(
    race: Race, administrator: User, alice: User, charlie: User, cd_sem: Tool
) -> None:
    """Either the closure is refused and shows the bookings, or they find the tool closed."""
    asked = terms(cd_sem, start=8, hours=8)

    def work(number: int) -> Any:
        if number == 0:
            return announce(actor=administrator, terms=asked, fates={})
        return place(
            actor=(alice, charlie)[number % 2], target=Target(tool=cd_sem),
            starts_at=tomorrow(7 + number), ends_at=tomorrow(8 + number), answers=Answers(),
        )  # fmt: skip

    closure, *placed = race(work, 8)
    bookings = [one for one in placed if isinstance(one, Booking)]
    refused = [one.code for one in placed if isinstance(one, Refusal)]
    assert len(bookings) + len(refused) == 7
    if isinstance(closure, Outage):
        assert bookings == []
        assert set(refused) == {"closed"}
    else:
        assert closure.code == "bookings_affected"
        assert closure.extra["plan"]["affected"]
        assert not Outage.objects.exists()
        assert len(bookings) == 7
    assert overlaps() == []
    live = Booking.objects.filter(state=BookingState.CONFIRMED)
    assert (
        live.count()
        == len(bookings)
        == Allocation.objects.filter(live=True, booking__in=live).count()
    )


def test_many_administrators_close_the_same_tools(
    race: Race, administrator: User, alice: User, litho_cell: Cell, track: Tool, scanner: Tool
) -> None:
    """One moves the booking; the others see that there is nothing left to move."""
    booking = place(
        actor=alice, target=Target(cell=litho_cell), starts_at=tomorrow(10),
        ends_at=tomorrow(11), answers=Answers(),
    )  # fmt: skip
    asks = [terms(track, start=10), terms(scanner, track, start=10)]
    fates = [suggested(administrator, one) for one in asks]

    def work(number: int) -> Outage:
        return announce(actor=administrator, terms=asks[number % 2], fates=fates[number % 2])

    outcomes = race(work, THREADS)
    won = [one for one in outcomes if isinstance(one, Outage)]
    refused = [one.code for one in outcomes if isinstance(one, Refusal)]
    assert len(won) == 1
    assert refused == ["bookings_affected"] * (THREADS - 1)
    booking.refresh_from_db()
    assert booking.state == BookingState.CONFIRMED
    assert Rebooking.objects.count() == 1
    assert overlaps() == []
    assert uncovered() == []


def test_companies_choose_the_same_free_time(
    race: Race, administrator: User, alice: User, cd_sem: Tool
) -> None:
    bookings = [book(alice, cd_sem, 8 + number) for number in range(6)]
    fates = {one.pk: Chosen(Fate.OFFERED) for one in bookings}
    announce(actor=administrator, terms=terms(cd_sem, start=8, hours=6), fates=fates)
    rows = list(Rebooking.objects.with_names())

    def work(number: int) -> Rebooking:
        return choose(actor=alice, rebooking=rows[number], starts_at=tomorrow(20))

    outcomes = race(work, len(rows))
    assert len([one for one in outcomes if isinstance(one, Rebooking)]) == 1
    assert [one.code for one in outcomes if isinstance(one, Refusal)] == ["tool_taken"] * 5
    assert Booking.objects.filter(state=BookingState.DISPLACED).count() == 5
    assert Allocation.objects.filter(live=True, starts_at=tomorrow(20)).count() == 1
