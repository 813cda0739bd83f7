"""Holds end by themselves: written down under the lock of their tools.

`now()` cannot stand in an index, so a stale hold keeps its time until somebody closes it: every
claim does so first for the tools it wants, and a periodic sweep does it for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from testbed.booking import line
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.compiled import Among, Statement, moment
from testbed.people import journal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


def expire_holds(*, tool_ids: Iterable[int], now: datetime) -> int:
    """Close the stale holds on these tools, whose rows the caller has locked; how many.

    Rows are locked by pk, so that two sweeps over different tools of one cell never wait in a
    circle; whoever comes second finds the hold already closed.
    """
    return close_all(STALE(now=now, tools=list(tool_ids)))


def close_all(stale: Sequence[Booking]) -> int:
    """Close the holds that `STALE` has found and locked; how many."""
    for booking in stale:
        close(booking)
    return len(stale)


STALE: Statement[Booking] = Statement(
    lambda: (
        Booking.objects.stale(moment("now"))
        .filter(
            pk__in=Allocation.objects.live().filter(Among("tool_id", "tools")).values("booking_id")
        )
        .select_for_update(of=("self",))
        .with_company()
        .order_by("pk")
    )
)


def close(booking: Booking) -> None:
    """Expire one hold whose row and tools are locked."""
    Booking.objects.filter(pk=booking.pk).update(state=BookingState.EXPIRED)
    line.free([booking.pk])
    journal.record(actor=None, action="booking.expired", subject=booking, company=booking.company)


def sweep(*, now: datetime | None = None) -> int:
    """Close every stale hold of the facility; how many."""
    now = now or timezone.now()
    tool_ids = set(
        Allocation.objects.live()
        .filter(booking__state=BookingState.HELD, booking__hold_expires_at__lte=now)
        .values_list("tool_id", flat=True)
    )

    def work() -> int:
        line.lock(tool_ids)
        return expire_holds(tool_ids=tool_ids, now=now)

    return in_transaction(work) if tool_ids else 0
