"""Times as the timetable writes them: short, Korean time, 24 h."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import date_format

from testbed.booking.hours import KST

if TYPE_CHECKING:
    from datetime import date, datetime


def hours(start: datetime, end: datetime) -> str:
    """09:00–11:00 in Korean time; an end at midnight is 24:00."""
    first, last = start.astimezone(KST), end.astimezone(KST)
    closing = f"{last:%H:%M}"
    return f"{first:%H:%M}–{'24:00' if closing == '00:00' and last > first else closing}"


def day_name(day: date) -> str:
    """11/23 (Mon), in the reader's language."""
    return date_format(day, "m/d (D)")
