"""What other pages show of closures: bookings that the facility moved, still without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from testbed.outages.models import Rebooking
from testbed.people.permissions import may

if TYPE_CHECKING:
    from testbed.booking.models import Booking
    from testbed.people.models import User

register = template.Library()


@register.inclusion_tag("outages/waiting.html", takes_context=True)
def moved_bookings(context: template.Context, booking: Booking | None = None) -> dict[str, Any]:
    """`{% moved_bookings %}`: the reader's company's; with a booking, only that one (one query)."""
    user: User = context["user"]
    if booking is not None and booking.moved_by_facility_at is None:
        return {"waiting": ()}
    waiting = Rebooking.objects.visible_to(user).waiting().with_names()
    if booking is not None:
        waiting = waiting.filter(booking=booking)
    return {"waiting": waiting, "may_answer": may(user, "book")}
