"""Rules that close parts of a tool's time: holidays, gaps and the change between companies."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST, SATURDAY
from testbed.booking.intervals import Interval
from testbed.booking.rules.base import Broken, ClosedTimesRule
from testbed.booking.rules.limits import LONGEST, day_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testbed.booking.models import Holiday
    from testbed.booking.rules.base import BookingRequest
    from testbed.tools.models import Tool

DAY = timedelta(days=1)
# The longest stretch that a search for slots looks at from its start, and some more.
SEARCHED = timedelta(days=125)


def holiday_span(holiday: Holiday) -> Interval:
    """The whole day, in Korea."""
    start = datetime.combine(holiday.day, time(0), KST)
    return Interval(start, start + DAY)


class Holidays(ClosedTimesRule):
    code = "holidays"
    about = "time"
    field = "starts_at"
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"holidays"})
    sentence = _("%(tool)s rests on holidays: %(day)s is %(holiday)s.")
    next_step = _("Choose a day that is no holiday.")
    explanation = _("No booking on the holidays listed below.")

    def closed(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Iterator[Interval]:
        return (holiday_span(holiday) for holiday in request.holidays)

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        for holiday in request.holidays:
            if holiday_span(holiday).overlaps(request.span):
                day = holiday.day.isoformat()
                return self.broken(tool, parameters, holiday=holiday, day=day)
        return None


class OwnGap(ClosedTimesRule):
    """Keeps a company from filling a tool's day booking after booking."""

    code = "own_gap"
    about = "time"
    field = "starts_at"
    status = 409
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"own"})
    defaults = {"minutes": 60}  # noqa: RUF012
    sentence = _("Between two of your bookings of %(tool)s lie at least %(minutes)s minutes.")
    next_step = _("Leave %(minutes)s minutes to your neighbouring booking, or change that one.")
    explanation = _("Between two bookings of one company on a tool lie %(minutes)s minutes.")

    def closed(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Iterator[Interval]:
        gap = timedelta(minutes=parameters["minutes"])
        own = (one.span for one in request.own if one.tool_id == tool.pk)
        return (Interval(span.start - gap, span.end + gap) for span in own)


class Changeover(ClosedTimesRule):
    """Says nothing of whose the neighbouring booking is."""

    code = "changeover"
    about = "time"
    field = "starts_at"
    status = 409
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"neighbours"})
    defaults = {"set_up_minutes": 15, "clean_down_minutes": 15}  # noqa: RUF012
    sentence = _(
        "%(tool)s needs %(clean_down_minutes)s min to be cleaned down and %(set_up_minutes)s min "
        "to be set up between two companies."
    )
    next_step = _("Start later or end earlier, or choose one of the nearest free slots.")
    explanation = _(
        "Between two companies' bookings lie %(clean_down_minutes)s min to clean down and "
        "%(set_up_minutes)s min to set up."
    )

    def closed(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Iterator[Interval]:
        gap = timedelta(minutes=parameters["set_up_minutes"] + parameters["clean_down_minutes"])
        others = request.others.get(tool.pk, ())
        return (Interval(span.start - gap, span.end + gap) for span in others)


class DayRotation(ClosedTimesRule):
    """Each company has its days (요일제): by the last digit of its business number, or a hash.

    With five turns, as with cars: Monday is for numbers that end in 1 or 6, Tuesday 2 or 7, and
    so on. Turns begin anew each Monday; a weekend is everybody's unless it is rotated too.
    """

    code = "day_rotation"
    about = "time"
    field = "starts_at"
    status = 409
    staff_may_override = True
    on_by_default = False
    defaults = {"turns": 5, "by_hash": False, "weekends_too": False}  # noqa: RUF012
    sentence = _("Days are shared out on %(tool)s: %(day)s is not your company's.")
    next_step = _("Your company's next day is %(own_day)s.")
    explanation = _("Each company books a tool on its own days only, in %(turns)s turns.")

    def closed(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Iterator[Interval]:
        start = day_of(request.starts_at)
        return self._others(request, parameters, max(request.ends_at, start + SEARCHED))

    def _others(
        self, request: BookingRequest, parameters: Mapping[str, Any], end: datetime
    ) -> Iterator[Interval]:
        """The days of others that begin before `end`."""
        begins, number = day_of(request.starts_at), number_of(request)
        end = min(end, begins + LONGEST)
        while number and begins < end:
            if not is_own_day(begins, number, parameters):
                yield Interval(begins, begins + DAY)
            begins += DAY

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        part = next(self._others(request, parameters, request.ends_at), None)
        if part is None:
            return None
        own_day = written_day(_next_own(part.start, number_of(request), parameters))
        return self.broken(tool, parameters, day=written_day(part.start), own_day=own_day)


def number_of(request: BookingRequest) -> str:
    """The company's business number; empty for somebody without a company."""
    return request.company.business_number if request.company else ""


def is_own_day(day: datetime, business_number: str, parameters: Mapping[str, Any]) -> bool:
    """True when the company may book on the day (a midnight in Korea)."""
    if day.weekday() >= SATURDAY and not parameters["weekends_too"]:
        return True
    return day.weekday() % turns_in(parameters) == turn_of(business_number, parameters)


def turn_of(business_number: str, parameters: Mapping[str, Any]) -> int:
    """The company's turn, 0 for Monday's."""
    turns = turns_in(parameters)
    if parameters["by_hash"]:
        return int(sha256(business_number.encode()).hexdigest(), 16) % turns
    return (int(business_number[-1:] or 0) - 1) % turns


def turns_in(parameters: Mapping[str, Any]) -> int:
    """How many turns there are: more than days would leave somebody without any."""
    days, turns = 7 if parameters["weekends_too"] else SATURDAY, int(parameters["turns"])
    return min(max(1, turns), days)


def _next_own(day: datetime, number: str, parameters: Mapping[str, Any]) -> datetime:
    later = (day + ahead * DAY for ahead in range(1, 8))
    return next(one for one in later if is_own_day(one, number, parameters))


def written_day(day: datetime) -> str:
    return day.astimezone(KST).date().isoformat()
