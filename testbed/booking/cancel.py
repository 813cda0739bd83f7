"""Giving a booking back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.models import Booking, BookingState
from testbed.people import journal
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.people.models import User


def cancel(*, actor: User, booking: Booking) -> Booking:
    """Free a held, pending or confirmed booking before it starts; costs nothing.

    The company's engineers, and the staff who approve. Refusal "over" (409) when it is not live
    any more, "already_started" (409) once a confirmed one runs.
    """
    if not may(actor, "approve_booking"):
        demand(actor, "book")
    return in_transaction(lambda: _cancel(actor, booking))


def _cancel(actor: User, booking: Booking) -> Booking:
    live, _tools = line.lock_booking(actor, booking)
    demand_cancellable(live, timezone.now())
    live.state = BookingState.CANCELLED
    live.decided_by = actor
    live.decided_at = timezone.now()
    live.save(update_fields=["state", "decided_by", "decided_at"])
    line.free([live.pk])
    journal.record(actor=actor, action="booking.cancelled", subject=live, company=live.company)
    return live


def demand_cancellable(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking is live and, once confirmed, has not begun."""
    if not booking.is_live or booking.is_stale(now):
        raise Refusal(
            "over",
            _("This booking is already closed."),
            next_step=_("See its page for where it stands now."),
        )
    if booking.state == BookingState.CONFIRMED and booking.starts_at <= now:
        raise Refusal(
            "already_started",
            _("This booking has already begun."),
            next_step=_("Ask the technician on duty to end it."),
        )
