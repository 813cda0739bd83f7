"""The waiting list's law and its figures.

Time that comes free is offered to the longest-waiting wish that it fits, of a company without an
open offer; companies that were offered a time within the last hours come after those that were
not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import Holiday
from testbed.notices.said import said

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import date

    from django_stubs_ext import StrOrPromise

Turn = tuple[bool, datetime, int]
OPENS, CLOSES = 9, 18
SATURDAY = 5
# Nobody can prepare for a time that begins this soon.
LEAD = timedelta(minutes=30)
# A year of holidays in a row would be a mistake in the table, not a reason to look for ever.
LONGEST_PAUSE = timedelta(days=60)


def law() -> StrOrPromise:
    """The rule in one sentence, with its figures, in the reader's language."""
    return said(
        _(
            "Time that comes free is offered to the longest-waiting wish that it fits, of a "
            "company without an open offer; companies that were offered a time in the last "
            "%(hours)s hours come after those that were not. An offer stands for %(minutes)s "
            "minutes of working time (Monday to Friday, 09:00–18:00), at the longest until the "
            "offered time begins."
        ),
        hours=settings.OFFER_FAIR_HOURS,
        minutes=settings.OFFER_MINUTES,
    )


def turn(*, was_offered_at: datetime | None, waits_since: datetime, pk: int, now: datetime) -> Turn:
    """Where a wish stands in the queue: smaller comes first.

    was_offered_at: when its company was last offered a time, None for never.
    """
    fair = timedelta(hours=settings.OFFER_FAIR_HOURS)
    recently = was_offered_at is not None and was_offered_at > now - fair
    return (recently, waits_since, pk)


def stands_until(offered_at: datetime, starts_at: datetime) -> datetime:
    """When an offer made at `offered_at` ends; it never outlives the time it offers."""
    last = offered_at + LONGEST_PAUSE
    days = Holiday.objects.filter(day__range=(offered_at.astimezone(KST), last.astimezone(KST)))
    holidays = set(days.values_list("day", flat=True))
    minutes = timedelta(minutes=settings.OFFER_MINUTES)
    return min(after_working(offered_at, minutes, holidays), starts_at)


def after_working(start: datetime, length: timedelta, holidays: Container[date]) -> datetime:
    """The moment at which `length` of working time has passed since `start`."""
    at, left = start.astimezone(KST), length
    while at < start + LONGEST_PAUSE:
        opens = at.replace(hour=OPENS, minute=0, second=0, microsecond=0)
        closes = opens.replace(hour=CLOSES)
        if at.weekday() < SATURDAY and at.date() not in holidays and at < closes:
            begin = max(at, opens)
            if begin + left <= closes:
                return begin + left
            left -= closes - begin
        at = opens.replace(hour=0) + timedelta(days=1)
    return at
