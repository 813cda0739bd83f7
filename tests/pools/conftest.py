"""A booked carrier of company A with three wafers, whose slots company B may take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.booking.models import Booking, BookingState
from testbed.material.models import Lot
from testbed.material.register import register
from testbed.people.models import User
from testbed.pools import seats
from testbed.pools.models import Pool
from testbed.process.models import Operation, Recipe, Route
from testbed.tools.models import Tool
from tests.world import make_booking

Joiner = Callable[..., Lot]


@pytest.fixture
def route(alice: User, cd_sem: Tool) -> Route:
    made = Route.objects.create(code="cd-only", name_ko="CD 측정", name_en="CD only")
    recipe = Recipe.objects.create(code="cd", title="CD", tool_kind=cd_sem.kind)
    Operation.objects.create(
        route=made, position=1, name_ko="측정", name_en="Measure", tool_kind=cd_sem.kind,
        recipe=recipe, is_measurement=True,
    )  # fmt: skip
    return made


@pytest.fixture
def host(alice: User, cd_sem: Tool, route: Route) -> Booking:
    """Alice's: one hour of the CD-SEM the day after tomorrow, three wafers."""
    lot = register(actor=alice, product="secret resist", code="HOST-LOT", wafer_count=3)
    return make_booking(
        alice, cd_sem, BookingState.CONFIRMED, 48, lot=lot, route=route, wafer_count=3,
        purpose="secret purpose",
    )  # fmt: skip


@pytest.fixture
def pool(alice: User, host: Booking) -> Pool:
    closes_at = timezone.now() + timedelta(hours=24)
    return seats.open_seats(actor=alice, booking=host, seats=5, closes_at=closes_at, note="ArF")


@pytest.fixture
def lot_of_charlie(charlie: User) -> Joiner:
    def make(wafers: int = 2, code: str = "") -> Lot:
        return register(actor=charlie, product="guest part", code=code, wafer_count=wafers)

    return make
