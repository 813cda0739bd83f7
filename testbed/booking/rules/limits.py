"""How much of a tool's time one person or one company takes.

Hours are counted on each tool by itself, so that a tool's own limit says exactly what it means.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST, SATURDAY
from testbed.booking.intervals import Interval
from testbed.booking.rules.base import Broken, ToolRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testbed.booking.rules.base import BookingRequest, OwnClaim
    from testbed.tools.models import Tool

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# A length that no tool allows is another rule's business; walking a century of days is not.
LONGEST = timedelta(days=400)


class HoursLimit(ToolRule):
    """At most so many hours in each of some windows, the wished time included.

    of_person: only the booker's own claims count, not the whole company's.
    """

    about = "time"
    field = "starts_at"
    status = 409
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"own"})
    of_person: ClassVar[bool] = False

    @abstractmethod
    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        """The windows that the wished time may touch, earliest first."""

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        if not timedelta(0) < request.span.length <= LONGEST:
            return None
        claims = [one for one in request.own if self._counts(request, tool, one)]
        most = parameters["hours"] * HOUR
        for window in self.windows(request, parameters):
            asked = overlap(request.span, window)
            taken = sum((overlap(one.span, window) for one in claims), timedelta(0))
            if asked and asked + taken > most:
                return self.broken(tool, parameters, taken=in_hours(taken))
        return None

    def _counts(self, request: BookingRequest, tool: Tool, claim: OwnClaim) -> bool:
        mine = not self.of_person or claim.user_id == request.actor.pk
        return mine and claim.tool_id == tool.pk


def overlap(first: Interval, second: Interval) -> timedelta:
    return max(timedelta(0), min(first.end, second.end) - max(first.start, second.start))


def in_hours(length: timedelta) -> str:
    """2 or 2.5, as people write hours."""
    return f"{length / HOUR:.1f}".removesuffix(".0")


def day_of(moment: datetime) -> datetime:
    """The midnight in Korea at or before `moment`."""
    return datetime.combine(moment.astimezone(KST).date(), time(0), KST)


def week_of(moment: datetime) -> datetime:
    """The Monday midnight in Korea at or before `moment`."""
    day = day_of(moment)
    return day - day.weekday() * DAY


def steps(start: datetime, end: datetime, step: timedelta) -> Iterator[Interval]:
    while start < end:
        yield Interval(start, start + step)
        start += step


class _Daily(HoursLimit):
    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        return steps(day_of(request.starts_at), request.ends_at, DAY)


class _Weekly(HoursLimit):
    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        return steps(week_of(request.starts_at), request.ends_at, WEEK)


class _Ahead(HoursLimit):
    """Outstanding: from now on, whenever that is."""

    about = "who"
    field = "actor"

    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        ends = [request.ends_at, *(one.span.end for one in request.own)]
        yield Interval(min(request.now, request.starts_at), max(ends))


class PrimeTime(HoursLimit):
    """Monday to Friday, between two full hours in Korea."""

    code = "prime_time"
    defaults = {"hours": 4, "from_hour": 9, "until_hour": 18}  # noqa: RUF012
    sentence = _(
        "Between %(from_hour)s:00 and %(until_hour)s:00 your company takes at most %(hours)s h "
        "of %(tool)s a day; it already has %(taken)s h."
    )
    next_step = _("Choose an evening, a weekend or another day.")
    explanation = _(
        "Monday to Friday between %(from_hour)s:00 and %(until_hour)s:00 a company takes at most "
        "%(hours)s h of a tool a day."
    )

    def windows(self, request: BookingRequest, parameters: Mapping[str, Any]) -> Iterator[Interval]:
        first, last = parameters["from_hour"] * HOUR, parameters["until_hour"] * HOUR
        for day in steps(day_of(request.starts_at), request.ends_at, DAY):
            if day.start.weekday() < SATURDAY:
                yield Interval(day.start + first, day.start + last)


class UserHoursDay(_Daily):
    code = "user_hours_day"
    of_person = True
    defaults = {"hours": 8}  # noqa: RUF012
    sentence = _("You take at most %(hours)s h of %(tool)s a day; you already have %(taken)s h.")
    next_step = _("Choose another day or a shorter time.")
    explanation = _("One person takes at most %(hours)s h of a tool a day.")


class CompanyHoursDay(_Daily):
    code = "company_hours_day"
    defaults = {"hours": 12}  # noqa: RUF012
    sentence = _(
        "Your company takes at most %(hours)s h of %(tool)s a day; it already has %(taken)s h."
    )
    next_step = _("Choose another day or a shorter time.")
    explanation = _("A company takes at most %(hours)s h of a tool a day.")


class UserHoursWeek(_Weekly):
    code = "user_hours_week"
    of_person = True
    defaults = {"hours": 24}  # noqa: RUF012
    sentence = _(
        "You take at most %(hours)s h of %(tool)s a week, from Monday; you already "
        "have %(taken)s h."
    )
    next_step = _("Choose another week or a shorter time.")
    explanation = _("One person takes at most %(hours)s h of a tool a week, from Monday.")


class CompanyHoursWeek(_Weekly):
    code = "company_hours_week"
    defaults = {"hours": 40}  # noqa: RUF012
    sentence = _(
        "Your company takes at most %(hours)s h of %(tool)s a week, from Monday; it already has "
        "%(taken)s h."
    )
    next_step = _("Choose another week or a shorter time.")
    explanation = _("A company takes at most %(hours)s h of a tool a week, from Monday.")


class UserHoursAhead(_Ahead):
    code = "user_hours_ahead"
    of_person = True
    defaults = {"hours": 40}  # noqa: RUF012
    sentence = _(
        "You hold at most %(hours)s h of %(tool)s ahead of you; you already have %(taken)s h."
    )
    next_step = _("Wait until a booking is over, or cancel one that you do not need.")
    explanation = _("One person has at most %(hours)s h of a tool booked ahead.")


class CompanyHoursAhead(_Ahead):
    code = "company_hours_ahead"
    defaults = {"hours": 80}  # noqa: RUF012
    sentence = _(
        "Your company holds at most %(hours)s h of %(tool)s ahead of it; it already has "
        "%(taken)s h."
    )
    next_step = _("Wait until a booking is over, or cancel one that you do not need.")
    explanation = _("A company has at most %(hours)s h of a tool booked ahead.")
