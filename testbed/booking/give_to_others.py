"""Ending a confirmed booking that its people gave up by silence: its time goes to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking import line, penalties, signals
from testbed.booking.models import Allocation, Booking
from testbed.people import journal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from testbed.booking.models import BookingState, PenaltyKind
    from testbed.booking.querysets import BookingQuerySet


def give_to_others(
    pk: int,
    *,
    due: Callable[[datetime], BookingQuerySet],
    state: BookingState,
    kind: PenaltyKind,
    action: str,
    tell: Callable[[Booking], None],
    now: datetime,
) -> bool:
    """Bring one booking to `state`, free what is left of its time, write what it costs.

    `due` is asked again under the lock, because its people may have acted meanwhile; False when
    they did. tell: lets its people know, in the same transaction.
    """

    def work() -> bool:
        claims = Allocation.objects.live().filter(booking=pk)
        tools = line.lock(claims.values_list("tool_id", flat=True))
        rows = due(now).filter(pk=pk).with_company()
        booking = rows.select_for_update(of=("self",)).first()
        if booking is None:
            return False
        cost = penalties.cost_of_giving_up(booking, tools, kind)
        signals.giving_back.send(sender=Booking, booking_ids=[booking.pk])
        booking.state = state
        booking.save(update_fields=["state"])
        line.free([booking.pk])
        penalties.write(booking, kind, cost)
        journal.record(
            actor=None, action=action, subject=booking, company=booking.company,
            **penalties.details(cost),
        )  # fmt: skip
        tell(booking)
        return True

    return in_transaction(work)
