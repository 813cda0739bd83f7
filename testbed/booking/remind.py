"""Reminders: a day before a booking starts, and once its re-confirmation window has opened.

The notice itself is the note that it was sent, looked for under the booking's lock: two sweeps
send one, and a booking that was moved is reminded of anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from testbed.booking import notify, reconfirm
from testbed.booking.models import Booking, BookingState
from testbed.notices.models import Notice

if TYPE_CHECKING:
    from testbed.booking.querysets import BookingQuerySet

BEFORE = timedelta(days=1)
Since = Callable[[Booking], datetime | None]
Tell = Callable[[Booking], None]


def remind(*, now: datetime | None = None) -> int:
    """Send every reminder that is due; how many."""
    present = now or timezone.now()
    told = [
        _remind(pk, "booking_reminder", _day_before, notify.starts_soon, present)
        for pk in starting(present).values_list("pk", flat=True)
    ]
    told += [
        _remind(pk, "booking_reconfirm", reconfirm.opens_at, notify.reconfirm, present)
        for pk in to_reconfirm(present).values_list("pk", flat=True)
    ]
    return sum(told)


def starting(now: datetime) -> BookingQuerySet:
    """Confirmed bookings of the next 24 hours; one made within them needs no reminder."""
    soon = Booking.objects.filter(
        state=BookingState.CONFIRMED, starts_at__gt=now, starts_at__lte=now + BEFORE
    )
    return soon.filter(created_at__lt=F("starts_at") - BEFORE).order_by("pk")


def to_reconfirm(now: datetime) -> BookingQuerySet:
    """Bookings that still have to be confirmed again, be their window open yet or not."""
    return Booking.objects.filter(
        state=BookingState.CONFIRMED,
        reconfirm_by__gt=now,
        reconfirmed_at=None,
        begun_at=None,
    ).order_by("pk")


def _day_before(booking: Booking) -> datetime:
    return booking.starts_at - BEFORE


@transaction.atomic
def _remind(pk: int, kind: str, since: Since, tell: Tell, now: datetime) -> bool:
    row = Booking.objects.filter(pk=pk, state=BookingState.CONFIRMED)
    booking = row.select_for_update(of=("self",), skip_locked=True).with_company().first()
    begun = since(booking) if booking is not None else None
    if booking is None or begun is None or begun > now:
        return False
    earlier = Notice.objects.filter(
        reader=booking.booked_by_id, kind=kind, path=notify.path_of(booking), created_at__gte=begun
    )
    if earlier.exists():
        return False
    tell(booking)
    return True
