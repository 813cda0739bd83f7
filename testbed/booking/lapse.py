"""Requests that nobody answered before their start: they lapse, and their time is free again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Q
from django.utils import timezone

from testbed.booking import line, notify
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.people import journal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet


def unanswered(now: datetime) -> QuerySet[Booking]:
    """Pending requests whose start has passed.

    One that was asked for after its start (the rules may allow some minutes) waits until its end.
    """
    over = Q(starts_at__lte=now, created_at__lt=F("starts_at")) | Q(ends_at__lte=now)
    return Booking.objects.filter(over, state=BookingState.PENDING)


def lapse_unanswered(*, now: datetime | None = None) -> int:
    """Close every request that nobody answered in time; how many. Costs the company nothing."""
    now = now or timezone.now()
    late = list(unanswered(now).values_list("pk", flat=True))
    if not late:
        return 0
    tool_ids = set(
        Allocation.objects.live().filter(booking__in=late).values_list("tool_id", flat=True)
    )

    def work() -> int:
        line.lock(tool_ids)
        rows = unanswered(now).filter(pk__in=late).select_related("company").order_by("pk")
        still = list(rows.select_for_update(of=("self",)))
        for booking in still:
            _close(booking)
        return len(still)

    return in_transaction(work)


def _close(booking: Booking) -> None:
    Booking.objects.filter(pk=booking.pk).update(state=BookingState.EXPIRED)
    line.free([booking.pk])
    journal.record(actor=None, action="booking.lapsed", subject=booking, company=booking.company)
    notify.lapsed(booking)
