"""What becomes of a booking that stands where a closure comes: moved, offered, or cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from testbed.booking import line, reconfirm, signals
from testbed.booking.change import snapshot
from testbed.booking.explain import demand_rules
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState
from testbed.booking.override import aside
from testbed.booking.request import gather
from testbed.outages import news
from testbed.outages.models import Fate, Rebooking, RebookingState
from testbed.outages.plan import alternatives
from testbed.people import journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.outages.models import Outage
    from testbed.outages.plan import Affected
    from testbed.people.models import User
    from testbed.tools.models import Tool

# How long a company whose booking has no time may think about the offer.
THINK = timedelta(days=14)


@dataclass(frozen=True)
class Chosen:
    """What staff chose for one booking; starts_at: where it goes when it is moved."""

    fate: Fate
    starts_at: datetime | None = None


def give_way(bookings: Sequence[Booking]) -> None:
    """Take the bookings off the line, all of them before any finds its new place."""
    line.free([booking.pk for booking in bookings])


def settle(
    *,
    actor: User,
    outage: Outage,
    affected: Affected,
    chosen: Chosen,
    now: datetime,
) -> Rebooking:
    """Do with a booking that gave way what was chosen; its row and tools are locked.

    RulesBroken when the new place does not keep its company's rules; IntegrityError (23P01) when
    somebody has it.
    """
    booking, tools = affected.booking, affected.tools
    _close_earlier(booking, actor, now)
    row = Rebooking(
        outage=outage,
        booking=booking,
        fate=chosen.fate,
        former_state=booking.state,
        from_starts_at=booking.starts_at,
        from_ends_at=booking.ends_at,
        created_by=actor,
    )
    before = snapshot(booking)
    _DO[chosen.fate](actor, row, tools, chosen, now)
    if chosen.fate != Fate.CANCELLED:
        row.proposed = [_proposal(slot) for slot in alternatives(booking, (), now)]
    row.save()
    _note(actor, row, before)
    news.rebooked(row, tools)
    return row


def _close_earlier(booking: Booking, actor: User, now: datetime) -> None:
    """An earlier closure's offer is void: the booking is about to move again."""
    Rebooking.objects.filter(booking=booking, state=RebookingState.OPEN).update(
        state=RebookingState.LAPSED, decided_at=now, decided_by=actor
    )


def _proposal(slot: Any) -> dict[str, Any]:
    return {
        "starts_at": slot.starts_at.isoformat(),
        "ends_at": slot.ends_at.isoformat(),
        "tools": [tool.code for tool in slot.tools],
    }


def _move(
    actor: User, row: Rebooking, tools: Sequence[Tool], chosen: Chosen, now: datetime
) -> None:
    booking = row.booking
    start = chosen.starts_at or booking.starts_at
    span = Interval(start, start + (booking.ends_at - booking.starts_at))
    booking.moved_by_facility_at = now
    place(actor, booking, tools, span, now)
    row.to_starts_at, row.to_ends_at = span
    row.state, row.answer_by = RebookingState.OPEN, span.start


def _offer(
    actor: User, row: Rebooking, tools: Sequence[Tool], chosen: Chosen, now: datetime
) -> None:
    booking = row.booking
    # Who rides along has no time either.
    signals.giving_back.send(sender=Booking, booking_ids=[booking.pk])
    booking.state = BookingState.DISPLACED
    booking.moved_by_facility_at = now
    booking.reconfirm_by, booking.reconfirmed_at = None, None
    booking.save(update_fields=["state", "moved_by_facility_at", "reconfirm_by", "reconfirmed_at"])
    signals.displaced.send(sender=Booking, booking=booking)
    row.state, row.answer_by = RebookingState.OPEN, now + THINK


def _cancel(
    actor: User, row: Rebooking, tools: Sequence[Tool], chosen: Chosen, now: datetime
) -> None:
    end(row.booking, actor, now)
    row.state, row.decided_at, row.decided_by = RebookingState.SETTLED, now, actor


_DO = {Fate.MOVED: _move, Fate.OFFERED: _offer, Fate.CANCELLED: _cancel}
_ACTIONS = {
    Fate.MOVED: "booking.moved",
    Fate.OFFERED: "booking.displaced",
    Fate.CANCELLED: "booking.cancelled",
}


def place(
    actor: User, booking: Booking, tools: Sequence[Tool], span: Interval, now: datetime
) -> None:
    """Put a booking that has no live claims on its tools at `span`; number, answers, price stay.

    Every rule but those about its answers, which have not changed, is checked as if its booker
    asked; an exception that staff made for it still holds. RulesBroken otherwise.
    """
    request = gather(
        actor=booking.booked_by,
        tools=tools,
        starts_at=span.start,
        ends_at=span.end,
        now=now,
        company=booking.company,
        without=booking,
        is_hold=False,
    )
    demand_rules(request, aside(booking, None))
    signals.moving.send(sender=Booking, booking=booking, actor=actor)
    line.remove(booking)
    booking.starts_at, booking.ends_at = span
    reconfirm.set_deadline(booking, request.rulebook, tools, now)
    booking.save()
    line.write(booking, tools)
    signals.moved.send(sender=Booking, booking=booking)


def end(booking: Booking, actor: User | None, now: datetime) -> None:
    """Cancel a locked booking because of the facility: it costs nothing, whatever the hour."""
    signals.giving_back.send(sender=Booking, booking_ids=[booking.pk])
    booking.state = BookingState.CANCELLED
    booking.decided_by, booking.decided_at = actor, now
    booking.save(update_fields=["state", "decided_by", "decided_at"])
    line.free([booking.pk])


def _note(actor: User, row: Rebooking, before: dict[str, Any]) -> None:
    moved = {"before": before, "after": snapshot(row.booking)} if row.fate == Fate.MOVED else {}
    journal.record(
        actor=actor,
        action=_ACTIONS[Fate(row.fate)],
        subject=row.booking,
        company=row.booking.company,
        outage=row.outage_id,
        **moved,
    )
