"""What can be started next under today's bookings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from testbed.booking.models import Booking, BookingState
from testbed.people.models import User
from testbed.process.models import Operation
from testbed.runs.interlocks import Interlock, Situation, interlocks, unmet
from testbed.runs.way import way_of
from testbed.tools.models import Tool

SOON = timedelta(hours=12)


@dataclass(frozen=True)
class Ready:
    """A booking, its next operation, the slots that wait for it, and what is in the way."""

    booking: Booking
    operation: Operation
    tool: Tool | None
    slots: list[int]
    unmet: list[Interlock]
    is_now: bool


def ready(actor: User, now: datetime) -> list[Ready]:
    """One entry for each confirmed booking of now and the next hours that has work left."""
    bookings = (
        Booking.objects.visible_to(actor)
        .filter(state=BookingState.CONFIRMED, ends_at__gt=now, starts_at__lt=now + SOON)
        .filter(lot__isnull=False, route__isnull=False)
        .select_related("lot__carrier", "route", "company")
        .order_by("starts_at", "pk")
    )
    found = [_entry(actor, booking, now) for booking in bookings]
    return [entry for entry in found if entry is not None]


def _entry(actor: User, booking: Booking, now: datetime) -> Ready | None:
    operation = next_operation(booking)
    if operation is None:
        return None
    slots = waiting_slots(booking, operation)
    at = Situation(actor, booking, operation, slots, now)
    return Ready(
        booking,
        operation,
        at.tool,
        slots,
        unmet(interlocks(at)),
        booking.starts_at <= now < booking.ends_at,
    )


def bookable_operations(booking: Booking) -> list[Operation]:
    """The operations of the booking's route that its tools can do, in order."""
    kinds = booking.allocations.values("tool__kind")
    rows = Operation.objects.filter(route=booking.route_id, tool_kind__in=kinds)
    return list(rows.select_related("recipe").order_by("position"))


def next_operation(booking: Booking) -> Operation | None:
    """The first operation on the booking's tools that some wafer has not been through."""
    if booking.lot is None:
        return None
    way = way_of(booking.lot, booking.route_id)
    for operation in bookable_operations(booking):
        if way.waiting(operation, booking.wafer_count):
            return operation
    return None


def waiting_slots(booking: Booking, operation: Operation) -> list[int]:
    """Slots that the operation's sampling plan asks for and that it has not touched yet."""
    if booking.lot is None:
        return []
    waiting = way_of(booking.lot, operation.route_id).waiting(operation, booking.wafer_count)
    return [wafer.slot for wafer in waiting]
