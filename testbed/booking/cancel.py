"""Giving a booking back, at the cost that was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify, penalties, signals
from testbed.booking.models import Booking, BookingState, PenaltyKind
from testbed.booking.penalties import NOTHING, Charge, Cost, cost_of_cancelling, tools_of
from testbed.booking.version import demand_unchanged
from testbed.people import journal
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.people.models import User
    from testbed.tools.models import Tool


def cancel(
    *,
    actor: User,
    booking: Booking,
    agreed: Charge = NOTHING,
    excused: bool = False,
    expected: str = "",
) -> Booking:
    """Free a held, pending or confirmed booking before it starts, at the cost that was agreed.

    The company's engineers, and the staff who approve (who never pay). excused: the facility is
    the reason, so it costs nothing; never from a person's request. Refusal "over" (409) when it
    is not live any more, "already_started" (409) once a confirmed one runs, "changed_meanwhile"
    (409) when it is not as `expected` (see `version`), "cost_changed" (409, with the cost) when
    that is not `agreed`.
    """
    demand_may(actor)
    return in_transaction(lambda: _cancel(actor, booking, agreed, excused, expected))


def preview(*, actor: User, booking: Booking) -> Cost:
    """What `cancel` would cost at this moment. Refusals as of `cancel`."""
    demand_may(actor)
    now = timezone.now()
    demand_cancellable(booking, now)
    return cost_of_cancelling(actor=actor, booking=booking, tools=tools_of(booking), now=now)


def demand_may(actor: User) -> None:
    """Raise Refusal("not_allowed", 403) for somebody who cancels nothing."""
    if not may(actor, "approve_booking"):
        demand(actor, "book")


def _cancel(actor: User, booking: Booking, agreed: Charge, excused: bool, expected: str) -> Booking:
    live, tools = line.lock_booking(actor, booking)
    now = timezone.now()
    demand_cancellable(live, now)
    demand_unchanged(live, [tool.pk for tool in tools], expected)
    cost = Cost() if excused else _cost(actor, live, tools, now)
    if cost.charge != agreed:
        raise cost_changed(cost.charge, cost.as_json())
    close(actor, live, cost, now)
    return live


def _cost(actor: User, booking: Booking, tools: list[Tool], now: datetime) -> Cost:
    return cost_of_cancelling(actor=actor, booking=booking, tools=tools, now=now)


def close(actor: User, booking: Booking, cost: Cost, now: datetime) -> None:
    """Cancel a booking whose row and tools are locked, and put its cost on record."""
    signals.giving_back.send(sender=Booking, booking_ids=[booking.pk])
    booking.state = BookingState.CANCELLED
    booking.decided_by, booking.decided_at = actor, now
    booking.save(update_fields=["state", "decided_by", "decided_at"])
    line.free([booking.pk])
    if not cost.is_free:
        penalties.write(booking, PenaltyKind.LATE_CANCEL, cost)
    journal.record(
        actor=actor,
        action="booking.cancelled",
        subject=booking,
        company=booking.company,
        **penalties.details(cost),
    )
    notify.cancelled(booking, by=actor)


def cost_changed(charge: Charge, cost: dict[str, Any]) -> Refusal:
    """The cost is not what the person agreed to; nothing has been cancelled."""
    return Refusal(
        "cost_changed",
        _("Cancelling now costs %(won)s won (VAT included) and %(minutes)s minutes of quota.")
        % {"won": f"{charge.total_won:,}", "minutes": charge.debt_minutes},
        next_step=_("Nothing was cancelled. Look at the cost, then confirm it."),
        extra={"cost": cost},
    )


def demand_cancellable(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking is live and, once confirmed, has not begun."""
    if not booking.is_live or booking.is_stale(now):
        raise Refusal(
            "over",
            _("This booking is already closed."),
            next_step=_("See its page for where it stands now."),
        )
    begun = booking.starts_at <= now or booking.begun_at is not None
    if booking.state == BookingState.CONFIRMED and begun:
        raise Refusal(
            "already_started",
            _("This booking has already begun."),
            next_step=_("Ask the technician on duty to end it."),
        )
