"""Sixteen lots, five seats: each seat is taken once, the split adds up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from testbed.booking.models import Booking, BookingState
from testbed.material.register import register
from testbed.people.models import User
from testbed.pools import seats
from testbed.pools.models import Pool, Seat
from testbed.process.models import Route
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.races.conftest import Race
from tests.world import make_booking

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
SEATS = 5


@pytest.fixture
def pool(alice: User, cd_sem: Tool) -> Pool:
    route = Route.objects.create(code="cd-only", name_ko="CD 측정", name_en="CD only")
    lot = register(actor=alice, product="resist", code="HOST-LOT", wafer_count=3)
    host = make_booking(
        alice, cd_sem, BookingState.CONFIRMED, 48, lot=lot, route=route, wafer_count=3
    )
    closes_at = timezone.now() + timedelta(hours=24)
    return seats.open_seats(actor=alice, booking=host, seats=SEATS, closes_at=closes_at)


def test_five_seats_for_sixteen_lots(race: Race, pool: Pool, charlie: User) -> None:
    lots = [register(actor=charlie, product="part", wafer_count=1) for _number in range(16)]

    def work(number: int) -> Any:
        return seats.join(actor=charlie, pool=pool, lot=lots[number])

    outcomes = race(work)
    won = [one for one in outcomes if isinstance(one, Booking)]
    lost = [one for one in outcomes if isinstance(one, Refusal)]
    assert (len(won), len(lost)) == (SEATS, 16 - SEATS), outcomes
    assert {one.code for one in lost} == {"not_enough_seats"}
    assert sorted(Seat.objects.values_list("slot", flat=True)) == [4, 5, 6, 7, 8]
    shares = [booking.quote for booking in Booking.objects.exclude(state="cancelled")]
    total = sum(
        line["amount_won"] for quote in shares for line in quote["lines"] if line["code"] == "share"
    )
    assert total == pool.host.allocations.get(live=True).tool.rate_won_per_hour
