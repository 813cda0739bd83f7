"""How prices and blocks are written on the booking pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from testbed.booking import status as states
from testbed.booking.hours import KST

if TYPE_CHECKING:
    from datetime import datetime

    from testbed.booking.models import Booking
    from testbed.booking.slots import Slot
    from testbed.booking.timeline import Block

register = template.Library()


@register.filter
def line_label(line: dict[str, Any]) -> str:
    """A quote line's name in the reader's language, as it was written when it was quoted."""
    key = "label_ko" if (get_language() or "").startswith("ko") else "label_en"
    return str(line.get(key, ""))


@register.filter
def line_quantity(line: dict[str, Any]) -> str:
    """The quantity with its unit: hours of tool time, pieces, per cent."""
    quantity = line.get("quantity", 0)
    if line.get("unit") == "s":
        return f"{quantity / 3600:g} h"
    if line.get("unit") == "pcs":
        return _("%(count)s pcs") % {"count": quantity}
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
def hours(start: datetime, end: datetime) -> str:
    """09:00–11:00 in Korean time; a midnight end is 24:00."""
    first, last = timezone.localtime(start, KST), timezone.localtime(end, KST)
    closing = f"{last:%H:%M}"
    if closing == "00:00" and last > first:
        closing = "24:00"
    return f"{first:%H:%M}–{closing}"


@register.filter
def slot_hours(slot: Slot) -> str:
    return hours(slot.starts_at, slot.ends_at)


@register.filter
def day_name(moment: datetime) -> str:
    """11/23 (Mon), in the reader's language."""
    return date_format(timezone.localtime(moment, KST), "m/d (D)")


@register.filter
def block_word(block: Block) -> str:
    """What a block says first: whose and what, as far as the viewer may know."""
    if block.booking is None:
        return " · ".join(filter(None, [block.label, block.note]))
    if block.kind == "own":
        return block.note
    return f"{block.label} · {block.note}"
