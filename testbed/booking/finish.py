"""Ending a running booking early, so that the rest of its time is free for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.people.models import User


def is_running(booking: Booking, now: datetime) -> bool:
    """True from a confirmed booking's start until its end."""
    return booking.state == BookingState.CONFIRMED and booking.starts_at < now < booking.ends_at


def finish(*, actor: User, booking: Booking) -> Booking:
    """Cut a confirmed booking that is running now to the present moment.

    For the technician at the tool. The hours paid are those of the runs, not of the booking.
    Refusal "not_running" (409) before it begins or once it is over.
    """
    demand(actor, "operate")
    return in_transaction(lambda: _finish(actor, booking))


def _finish(actor: User, booking: Booking) -> Booking:
    live, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    if not is_running(live, now):
        raise Refusal(
            "not_running",
            _("This booking is not running now, so it cannot be ended early."),
            next_step=_("See its page for where it stands now."),
        )
    planned = live.ends_at
    live.ends_at = now
    live.save(update_fields=["ends_at"])
    Allocation.objects.filter(booking=live, live=True).update(ends_at=now)
    line.tell_on_commit([(tool.pk, Interval(now, planned)) for tool in tools], freed=True)
    journal.record(
        actor=actor,
        action="booking.finished",
        subject=live,
        company=live.company,
        planned_end=planned.isoformat(),
    )
    return live
