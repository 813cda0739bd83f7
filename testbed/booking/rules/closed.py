"""Rules that close parts of a tool's time: holidays, gaps and the change between companies."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.rules.base import Broken, ClosedTimesRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from testbed.booking.models import Holiday
    from testbed.booking.rules.base import BookingRequest
    from testbed.tools.models import Tool

DAY = timedelta(days=1)


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
