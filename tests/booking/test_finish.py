"""Ending a running booking early: by the technician, once, and only while it runs."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from testbed.booking.finish import finish
from testbed.booking.models import Allocation, BookingState
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.world import make_booking


def test_the_rest_of_the_time_is_free_for_others(
    alice: User, charlie: User, technician: User, cd_sem: Tool
) -> None:
    booking = make_booking(alice, cd_sem, BookingState.CONFIRMED, -0.5)
    planned = booking.ends_at
    done = finish(actor=technician, booking=booking)
    assert done.ends_at < planned
    assert Allocation.objects.get(booking=booking).ends_at == done.ends_at
    make_booking(charlie, cd_sem, BookingState.CONFIRMED, 0.1)
    with pytest.raises(Refusal, match="not_running"):
        finish(actor=technician, booking=booking)


@pytest.mark.parametrize(
    ("state", "hours"),
    [(BookingState.CONFIRMED, 1), (BookingState.CONFIRMED, -2), (BookingState.HELD, -0.5)],
)
def test_only_a_running_booking_can_be_ended(
    alice: User, technician: User, cd_sem: Tool, state: BookingState, hours: float
) -> None:
    booking = make_booking(alice, cd_sem, state, hours)
    with pytest.raises(Refusal, match="not_running"):
        finish(actor=technician, booking=booking)


def test_the_company_does_not_end_it(alice: User, cd_sem: Tool) -> None:
    booking = make_booking(alice, cd_sem, BookingState.CONFIRMED, -0.5)
    with pytest.raises(Refusal, match="not_allowed"):
        finish(actor=alice, booking=booking)


def test_by_page_and_by_api(
    alice: User,
    technician: User,
    cd_sem: Tool,
    sign_in: Callable[[User], Client],
    api: Callable[[User], APIClient],
) -> None:
    booking = make_booking(alice, cd_sem, BookingState.CONFIRMED, -0.5)
    client = sign_in(technician)
    address = f"/bookings/{booking.pk}/finish/"
    assert address in client.get(f"/bookings/{booking.pk}/").content.decode()
    assert client.post(address).status_code == 302
    assert client.post(address).status_code == 409
    booking.refresh_from_db()
    assert booking.ends_at <= timezone.now() + timedelta(seconds=1)
    assert api(technician).post(f"/api/v1/bookings/{booking.pk}/finish/").status_code == 409
