"""Laws that hold after any sequence of bookings and closures."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.booking.models import LIVE_STATES, Allocation, Booking, BookingState
from testbed.outages.announce import announce
from testbed.outages.models import Fate, OutageOccurrence, Rebooking, Repeat
from testbed.outages.plan import look
from testbed.outages.rebook import Chosen
from testbed.outages.withdraw import withdraw
from testbed.refusals import Refusal
from tests.booking.conftest import setting, tomorrow
from tests.conftest import make_tool
from tests.outages.conftest import book, terms, uncovered

if TYPE_CHECKING:
    from testbed.outages.models import Outage
    from testbed.people.models import User
    from testbed.tools.models import Tool

pytestmark = pytest.mark.django_db
# (0: book | 1: close | 2: withdraw, which tool, from which hour, how long, which fate)
STEPS = st.lists(
    st.tuples(
        st.sampled_from((0, 0, 0, 1, 1, 2)), st.integers(0, 1), st.integers(6, 18),
        st.integers(1, 5), st.integers(0, 2),
    ),
    min_size=3, max_size=9,
)  # fmt: skip


@pytest.fixture(autouse=True)
def clear() -> None:
    row = setting("needs_approval")
    row.is_active = False
    row.save()


def close(actor: User, tool: Tool, start: int, hours: int, wish: int) -> Outage:
    """Announce with fates as the plan allows them; afterwards each booking has exactly one."""
    asked = terms(tool, start=start, hours=hours, repeat=Repeat.WEEKLY, until=last_day())
    plan = look(actor=actor, terms=asked)
    fates = {}
    for one in plan.affected:
        fate = one.fates[wish % len(one.fates)]
        moved = fate == Fate.MOVED
        fates[one.booking.pk] = Chosen(fate, one.alternatives[0].starts_at if moved else None)
    outage = announce(actor=actor, terms=asked, fates=fates)
    rows = Rebooking.objects.filter(outage=outage).values_list("booking_id", "fate")
    assert sorted(rows) == sorted((pk, str(chosen.fate)) for pk, chosen in fates.items())
    return outage


def last_day() -> date:
    return (tomorrow(0) + timedelta(days=7)).date()


def check_laws() -> None:
    """Every live closure is covered; live bookings stand where they say; others stand nowhere."""
    assert uncovered() == []
    for booking in Booking.objects.all():
        claims = list(booking.allocations.filter(live=True).values_list("starts_at", "ends_at"))
        lives = booking.state in LIVE_STATES
        assert claims == ([(booking.starts_at, booking.ends_at)] if lives else [])
        waits = Rebooking.objects.waiting().filter(booking=booking).count()
        assert waits == (booking.moved_by_facility_at is not None and booking.state != "cancelled")
        assert (booking.state == BookingState.DISPLACED) <= bool(waits)
    for occurrence in OutageOccurrence.objects.live():
        for claim in Allocation.objects.live().exclude(booking=None):
            if occurrence.outage.tools.filter(pk=claim.tool_id).exists():
                assert not (
                    claim.starts_at < occurrence.ends_at and occurrence.starts_at < claim.ends_at
                )


def walk(steps: list[tuple[int, int, int, int, int]], administrator: User, alice: User) -> None:
    """Do the steps, and ask after each whether the laws still hold."""
    tools = [make_tool("one"), make_tool("two")]
    standing: list[Outage] = []
    for what, which, start, hours, wish in steps:
        if what == 0:
            # A time that is taken or closed is refused, which is right.
            with suppress(Refusal):
                book(alice, tools[which], start, min(hours, 3))
        elif what == 1:
            standing.append(close(administrator, tools[which], start, hours, wish))
        elif standing:
            withdraw(actor=administrator, outage=standing.pop(0))
        check_laws()


@given(steps=STEPS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_booking_has_one_fate_and_none_lies_in_a_closure(
    steps: list[tuple[int, int, int, int, int]], administrator: User, alice: User
) -> None:
    with transaction.atomic():
        walk(steps, administrator, alice)
        transaction.set_rollback(True)
