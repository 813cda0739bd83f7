"""Bookings that were placed together as one chain: what belongs to it, and where each may move."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from testbed.booking.intervals import Interval
from testbed.booking.models import LIVE_STATES, Booking, BookingState, Bundle, BundleKind
from testbed.booking.rules.base import Chain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

CHAINED = (BundleKind.ROUTE, BundleKind.MODULE)


def steps_in(bundle: Bundle) -> list[Booking]:
    """The bundle's bookings in order, whatever became of them (two queries)."""
    found = Booking.objects.filter(bundle=bundle).with_names()
    return list(found.order_by("position", "pk"))


def chain_of(booking: Booking) -> Chain | None:
    """The live steps beside this one, and the limits between them (one query, if in a chain)."""
    if booking.bundle_id is None or not booking.position:
        return None
    rows = list(
        Booking.objects.filter(bundle_id=booking.bundle_id, state__in=LIVE_STATES)
        .exclude(pk=booking.pk)
        .order_by("position")
        .values_list("position", "starts_at", "ends_at", "within_minutes")
    )
    before = [row for row in rows if row[0] < booking.position]
    after = [row for row in rows if row[0] > booking.position]
    # A limit is to the step right before; with that one cancelled there is nothing to wait after.
    is_next = bool(before) and before[-1][0] == booking.position - 1
    is_followed = bool(after) and after[0][0] == booking.position + 1
    return Chain(
        before=Interval(before[-1][1], before[-1][2]) if before else None,
        within_minutes=booking.within_minutes if is_next else None,
        after=Interval(after[0][1], after[0][2]) if after else None,
        next_within_minutes=after[0][3] if is_followed else None,
    )


def is_chained(booking: Booking) -> bool:
    """True for a step of a route or a service module, whose steps are held and booked together."""
    return booking.bundle is not None and booking.bundle.kind in CHAINED


def held_until(steps: Sequence[Booking], now: datetime) -> datetime | None:
    """When the hold of the chain ends; None when no step is held any more."""
    held = [one for one in steps if one.state_at(now) == BookingState.HELD]
    ends = [one.hold_expires_at for one in held if one.hold_expires_at]
    return min(ends, default=None)


def latest_start(before: Booking | None, step: Booking) -> datetime | None:
    """Until when the step may start after the one before, or None without a limit."""
    if before is None or step.within_minutes is None:
        return None
    return before.ends_at + timedelta(minutes=step.within_minutes)
