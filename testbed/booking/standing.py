"""What a company has booked, for its page; and what ends when it or its member is barred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, Sum
from django.db.models.fields import BigIntegerField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone

from testbed.booking import line
from testbed.booking.expire import close
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.people.figures import Figures
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.people.models import Company, User


def figures(company_ids: Iterable[int]) -> dict[int, Figures]:
    """Each company's live bookings that are not over (one query)."""
    now = timezone.now()
    held = Q(state=BookingState.HELD)
    live = Booking.objects.live().filter(company__in=list(company_ids), ends_at__gt=now)
    rows = (
        live.exclude(held & Q(hold_expires_at__lte=now))
        .order_by()
        .values("company")
        .annotate(
            live=Count("pk"),
            holds=Count("pk", filter=held),
            ahead=Count("pk", filter=~held & Q(starts_at__gt=now)),
            won=Sum(Cast(KT("quote__total_won"), BigIntegerField())),
        )
    )
    return {
        row["company"]: Figures(row["live"], row["holds"], row["ahead"], row["won"] or 0)
        for row in rows
    }


def end_companys_holds(*, company: Company, **_signal: Any) -> int:
    """Close every hold of a company that is being suspended; how many."""
    return _end_holds(Q(company=company))


def end_members_holds(*, member: User, **_signal: Any) -> int:
    """Close every hold of a person whose account is being closed; how many."""
    return _end_holds(Q(booked_by=member))


def _end_holds(whose: Q) -> int:
    """Tools first, then bookings, as everywhere; one held meanwhile runs out by itself."""
    holds = Booking.objects.filter(whose, state=BookingState.HELD)
    pks = list(holds.values_list("pk", flat=True))
    tool_ids = set(Allocation.objects.filter(booking__in=pks).values_list("tool_id", flat=True))

    def work() -> int:
        line.lock(tool_ids)
        rows = holds.filter(pk__in=pks).select_for_update(of=("self",)).with_company()
        still = list(rows.order_by("pk"))
        for booking in still:
            close(booking)
        return len(still)

    return in_transaction(work) if pks else 0
