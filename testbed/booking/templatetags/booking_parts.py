"""How prices and blocks are written on the booking pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from testbed.booking import status as states
from testbed.booking.hours import KST
from testbed.booking.words import day_name, hours

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import Booking
    from testbed.booking.slots import Slot

register = template.Library()


@register.filter
def line_label(line: dict[str, Any]) -> str:
    """A quote line's name in the reader's language, as it was written when it was quoted."""
    key = "label_ko" if (get_language() or "").startswith("ko") else "label_en"
    return str(line.get(key, ""))


@register.filter
def line_quantity(line: dict[str, Any]) -> str:
    """The quantity with its unit: services, pieces, wafers, per cent; tool time is a duration."""
    quantity = line.get("quantity", 0)
    if line.get("code") in ("module", "in_module"):
        return _("%(count)s service") % {"count": quantity}
    if line.get("unit") == "pcs":
        return _("%(count)s pcs") % {"count": quantity}
    if line.get("unit") == "wafers":
        return _("%(count)s wafers") % {"count": quantity}
    return f"{quantity} %"


@register.filter
def status(booking: Booking) -> states.Status:
    """The booking's state now: word, tone, icon, next step."""
    return states.status(booking, timezone.now())


@register.filter
def what(booking: Booking) -> str:
    """The cell, or the tools, that a booking is for; needs the allocations' tools fetched."""
    if booking.cell is not None:
        return str(booking.cell)
    return ", ".join(str(claim.tool) for claim in booking.allocations.all())


@register.filter
def slot_hours(slot: Slot) -> str:
    return hours(slot.starts_at, slot.ends_at)


@register.filter
def day(moment: datetime) -> str:
    """11/23 (Mon), in the reader's language."""
    return day_name(timezone.localtime(moment, KST).date())
