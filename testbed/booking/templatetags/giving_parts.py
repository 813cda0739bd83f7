"""What the pages offer for giving a booking back, sharing and repeating it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from testbed.booking import offers as found

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import Booking
    from testbed.people.models import User

register = template.Library()


@register.simple_tag
def offers(booking: Booking, user: User) -> found.Offers:
    """What `user` may do with the booking now."""
    return found.offers(user, booking, timezone.now())


@register.simple_tag
def silences(booking: Booking) -> dict[str, found.Silence | None]:
    """What follows when nobody comes (`no_show`), or confirms it again (`reconfirm`)."""
    return {
        "no_show": found.if_nobody_comes(booking),
        "reconfirm": found.if_not_confirmed_again(booking, timezone.now()),
    }


@register.simple_tag
def free_until(booking: Booking) -> datetime | None:
    """Until when cancelling is free; None when it always is."""
    return found.free_until(booking)
