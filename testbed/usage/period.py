"""A stretch of calendar time that a report covers, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.refusals import Refusal

LONGEST = timedelta(days=366)
WEEK = timedelta(hours=168)


@dataclass(frozen=True)
class Period:
    """[start, end), never beyond now."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()

    @property
    def first_day(self) -> date:
        """The first day, KST."""
        return timezone.localtime(self.start).date()

    @property
    def last_day(self) -> date:
        """The last day, KST, inclusive."""
        return timezone.localtime(self.end - timedelta(microseconds=1)).date()

    @property
    def query(self) -> str:
        """The period as a query string: an address that can be shared."""
        return f"from={self.first_day.isoformat()}&to={self.last_day.isoformat()}"


def kst_text(moment: datetime) -> str:
    """2026-01-31 13:05:00 on the facility's clock."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


def last_week() -> Period:
    """The 168 hours up to now."""
    now = timezone.now()
    return Period(now - WEEK, now)


def this_month() -> Period:
    """From the first of this month (KST) up to now."""
    now = timezone.localtime()
    return Period(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0), now)


def asked(first: str | None, last: str | None, *, default: Period) -> Period:
    """The days from `first` to `last` (ISO dates, KST, both inclusive), cut at now.

    One missing takes the default's; raises Refusal("bad_period", 400) for anything else.
    """
    if not first and not last:
        return default
    start = _midnight(_day(first)) if first else default.start
    end = _midnight(_day(last) + timedelta(days=1)) if last else timezone.now()
    end = min(end, timezone.now())
    if end <= start:
        raise _bad(_("The period ends before it starts, or lies in the future."))
    if end - start > LONGEST:
        raise _bad(_("A report covers at most 366 days."))
    return Period(start, end)


def _day(text: str | None) -> date:
    try:
        day = date.fromisoformat((text or "").strip())
    except ValueError as error:
        raise _bad(_("Write days as 2026-01-31.")) from error
    if not 2000 <= day.year <= 2999:
        raise _bad(_("Write days as 2026-01-31."))
    return day


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _bad(message: object) -> Refusal:
    return Refusal("bad_period", message, status=400)
