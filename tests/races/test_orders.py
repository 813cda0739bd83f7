"""The last two steps of an order go at the same moment: one of the two cancels the order."""

from __future__ import annotations

import pytest

from testbed.booking.models import Booking, BookingState, Bundle, BundleKind
from testbed.people.models import User
from testbed.process.models import Route
from testbed.services.models import Module, Order, OrderState
from tests.booking.conftest import tomorrow
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
STEPS = 6


def test_steps_that_go_at_once_take_the_order_along(race: Race, alice: User) -> None:
    route = Route.objects.create(code="r", name_ko="r", name_en="r")
    module = Module.objects.create(
        code="m", name_ko="m", name_en="m", description_ko="-", description_en="-",
        route=route, price_won=1_000, turnaround_days=1,
    )  # fmt: skip
    facts = {"company_id": alice.company_id, "booked_by_id": alice.pk}
    bundle = Bundle.objects.create(
        kind=BundleKind.MODULE, company_id=alice.company_id, booked_by=alice
    )
    steps = [
        Booking.objects.create(
            **facts, bundle=bundle, position=number, state=BookingState.PENDING,
            starts_at=tomorrow(number), ends_at=tomorrow(number + 1),
        )
        for number in range(1, STEPS + 1)
    ]  # fmt: skip
    order = Order.objects.create(
        module=module, company_id=alice.company_id, ordered_by=alice, bundle=bundle,
        wafer_count=1, quote={}, promised_at=tomorrow(20),
    )  # fmt: skip

    def go(number: int) -> int:
        return Booking.objects.filter(pk=steps[number].pk).update(state=BookingState.CANCELLED)

    assert race(go, STEPS) == [1] * STEPS
    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED
