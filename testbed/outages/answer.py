"""The company's answer to a booking that the facility moved: accept, choose another, give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.change import snapshot
from testbed.booking.expire import expire_holds
from testbed.booking.explain import claiming
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState
from testbed.booking.place import target_of
from testbed.booking.slots import nearest
from testbed.outages import news, rebook
from testbed.outages.models import Fate, Rebooking, RebookingState
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from testbed.booking.slots import Slot
    from testbed.people.models import User
    from testbed.tools.models import Tool

SHOWN = 6


def proposals(rebooking: Rebooking) -> list[Slot]:
    """The free slots nearest to the old time at this moment, by the rules; the old one included."""
    booking = rebooking.booking
    span = Interval(rebooking.from_starts_at, rebooking.from_ends_at)
    found = nearest(
        actor=booking.booked_by,
        target=target_of(booking),
        span=span,
        limit=SHOWN,
        without=booking,
    )
    is_placed = booking.state != BookingState.DISPLACED
    return [slot for slot in found if not (is_placed and slot.starts_at == booking.starts_at)]


def accept(*, actor: User, rebooking: Rebooking) -> Rebooking:
    """Take the time the facility moved it to; doing it twice changes nothing.

    The company's engineers. Refusals (409): "answered" when it was answered otherwise or its
    time is over, "no_time_yet" when the booking has no time that could be accepted.
    """
    demand(actor, "book")
    return in_transaction(lambda: _accept(actor, rebooking))


def choose(*, actor: User, rebooking: Rebooking, starts_at: datetime) -> Rebooking:
    """Put the booking at another free time of the same length, with the state it had.

    An approval it had stays: the facility moved it, not the company. Refusals as of `accept`,
    and broken rules with the nearest slots as of a hold.
    """
    demand(actor, "book")
    booking = rebooking.booking
    span = Interval(starts_at, starts_at + (booking.ends_at - booking.starts_at))
    return claiming(
        lambda: _choose(actor, rebooking, span),
        actor=booking.booked_by,
        target=target_of(booking),
        span=span,
        without=booking,
    )


def decline(*, actor: User, rebooking: Rebooking) -> Rebooking:
    """Give the booking back at no cost, whatever the hour. Refusal "answered" (409)."""
    demand(actor, "book")
    return in_transaction(lambda: _decline(actor, rebooking))


def _accept(actor: User, rebooking: Rebooking) -> Rebooking:
    row, _tools = _locked(actor, rebooking)
    if row.state == RebookingState.ACCEPTED:
        return row
    _demand_waiting(row)
    if row.fate != Fate.MOVED:
        raise Refusal(
            "no_time_yet",
            _("This booking has no new time that could be accepted."),
            next_step=_("Choose one of the free times."),
        )
    row.booking.moved_by_facility_at = None
    row.booking.save(update_fields=["moved_by_facility_at"])
    decide(row, RebookingState.ACCEPTED, actor)
    journal.record(
        actor=actor,
        action="booking.move_accepted",
        subject=row.booking,
        company=row.booking.company,
    )
    return row


def _choose(actor: User, rebooking: Rebooking, span: Interval) -> Rebooking:
    row, tools = _locked(actor, rebooking)
    _demand_waiting(row)
    booking, now = row.booking, timezone.now()
    expire_holds(tool_ids=[tool.pk for tool in tools], now=now)
    before = snapshot(booking)
    if booking.state == BookingState.DISPLACED:
        booking.state = row.former_state
    booking.moved_by_facility_at = None
    rebook.place(actor, booking, tools, span, now)
    decide(row, RebookingState.CHANGED, actor)
    note_change(actor, booking, before)
    news.chosen(row, tools)
    return row


def note_change(actor: User, booking: Booking, before: Mapping[str, Any]) -> None:
    """The history's entry of a new time; before: the booking's snapshot."""
    journal.record(
        actor=actor,
        action="booking.changed",
        subject=booking,
        company=booking.company,
        before=before,
        after=snapshot(booking),
    )


def _decline(actor: User, rebooking: Rebooking) -> Rebooking:
    row, tools = _locked(actor, rebooking)
    _demand_waiting(row)
    booking = row.booking
    booking.moved_by_facility_at = None
    booking.save(update_fields=["moved_by_facility_at"])
    rebook.end(booking, actor, timezone.now())
    decide(row, RebookingState.DECLINED, actor)
    journal.record(
        actor=actor, action="booking.cancelled", subject=booking, company=booking.company
    )
    news.chosen(row, tools)
    return row


def _locked(actor: User, rebooking: Rebooking) -> tuple[Rebooking, list[Tool]]:
    """The row as it is now with its booking, tools and booking locked before it."""
    booking, tools = line.lock_booking(actor, rebooking.booking)
    row = Rebooking.objects.select_for_update(of=("self",)).select_related("outage__utility")
    found: Rebooking = row.get(pk=rebooking.pk)
    found.booking = booking
    return found, tools


def locked_waiting(actor: User, rebooking: Rebooking) -> Rebooking:
    """The row as it is now, locked, while the company may still answer; Refusal otherwise."""
    row, _tools = _locked(actor, rebooking)
    _demand_waiting(row)
    return row


def decide(row: Rebooking, state: RebookingState, actor: User | None) -> None:
    row.state, row.decided_at, row.decided_by = state, timezone.now(), actor
    row.save(update_fields=["state", "decided_at", "decided_by"])


def _demand_waiting(row: Rebooking) -> None:
    """Raise Refusal("answered", 409) unless the company may still answer."""
    if not row.is_waiting() or row.is_late(timezone.now()) or row.booking.begun_at is not None:
        raise Refusal(
            "answered",
            _("There is nothing to answer any more."),
            next_step=_("See the booking's page for where it stands now."),
        )


def sweep(*, now: datetime | None = None) -> int:
    """Close every offer that nobody will answer any more; how many.

    Moved ones stay where they are; of those without a time the booking ends at no cost.
    """
    now = now or timezone.now()
    rows = Rebooking.objects.filter(state=RebookingState.OPEN).with_names()
    due = [row for row in rows if row.is_late(now) or not row.is_waiting()]
    return sum(in_transaction(lambda row=row: _lapse(row, now)) for row in due)  # type: ignore[misc]


def _lapse(rebooking: Rebooking, now: datetime) -> int:
    tools = line.lock(rebooking.booking.allocations.values_list("tool_id", flat=True))
    booking = Booking.objects.select_for_update(of=("self",)).with_company()
    row = Rebooking.objects.select_for_update(of=("self",)).get(pk=rebooking.pk)
    row.booking = booking.get(pk=rebooking.booking_id)
    if row.state != RebookingState.OPEN:
        return 0
    if not row.is_waiting():
        gone = row.booking.state == BookingState.CANCELLED
        decide(row, RebookingState.DECLINED if gone else RebookingState.CHANGED, None)
        return 1
    if row.booking.state == BookingState.DISPLACED:
        _end_unanswered(row, tools, now)
    Booking.objects.filter(pk=row.booking_id).update(moved_by_facility_at=None)
    decide(row, RebookingState.LAPSED, None)
    return 1


def _end_unanswered(row: Rebooking, tools: list[Tool], now: datetime) -> None:
    rebook.end(row.booking, None, now)
    journal.record(
        actor=None, action="booking.cancelled", subject=row.booking, company=row.booking.company
    )
    news.lapsed(row.booking, tools)
