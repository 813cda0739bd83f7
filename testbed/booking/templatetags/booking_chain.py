"""The chain that a booking is a step of, for the booking's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template

from testbed.booking.bundles import is_chained, steps_in
from testbed.booking.chain_chart import picture

if TYPE_CHECKING:
    from testbed.booking.models import Booking

register = template.Library()


@register.inclusion_tag("booking/chain_part.html")
def chain_part(booking: Booking) -> dict[str, Any]:
    """Nothing for a booking of its own; two queries for one in a chain."""
    if not is_chained(booking) or booking.bundle is None:
        return {}
    steps = steps_in(booking.bundle)
    return {
        "bundle": booking.bundle,
        "booking": booking,
        "steps": steps,
        "picture": picture([step for step in steps if step.is_live]),
    }
