"""Rules about the time that is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST, open_windows
from testbed.booking.rules.base import Broken, Rule, ToolRule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from testbed.booking.rules.base import BookingRequest
    from testbed.tools.models import Tool


def written(moment: datetime) -> str:
    """A moment as people read it here: Korean time, 24 h."""
    return timezone.localtime(moment, KST).strftime("%Y-%m-%d %H:%M")


class StartBeforeEnd(Rule):
    code = "ends_after_start"
    about = "length"
    field = "ends_at"
    sentence = _("The booking must end after it starts.")
    next_step = _("Choose an end later than the start.")
    explanation = _("A booking ends after it starts.")

    def check(self, request: BookingRequest) -> Broken | None:
        return None if request.starts_at < request.ends_at else Broken(self)


class LongEnoughRange(Rule):
    """Told by the search alone: a range shorter than the wished length has no slot."""

    code = "range_too_short"
    about = "notice"
    field = "to"
    sentence = _("The range is shorter than the time you ask for.")
    next_step = _("Search a longer range.")
    explanation = _("A search needs a range at least as long as the booking.")

    def check(self, request: BookingRequest) -> Broken | None:
        return None


class NotPast(ToolRule):
    """The grace lets the running grid cell still be booked by somebody who stands at the tool."""

    code = "not_past"
    about = "time"
    field = "starts_at"
    defaults = {"grace_minutes": 0}  # noqa: RUF012
    sentence = _("The start, %(start)s, has already passed.")
    next_step = _("Choose a start after %(earliest)s.")
    explanation = _("A booking starts in the future (%(grace_minutes)s min of grace).")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        earliest = request.now - timedelta(minutes=parameters["grace_minutes"])
        if request.starts_at >= earliest:
            return None
        start = written(request.starts_at)
        return self.broken(tool, parameters, start=start, earliest=written(earliest))


class OnGrid(ToolRule):
    code = "grid"
    about = "time"
    field = "starts_at"
    defaults = {"minutes": 15}  # noqa: RUF012
    sentence = _("Start and end must fall on a full %(minutes)s minutes.")
    next_step = _("Move the times to the nearest %(minutes)s-minute mark.")
    explanation = _("Start and end fall on a %(minutes)s-minute grid counted from midnight.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        grid = parameters["minutes"] or 1
        if all(on_grid(moment, grid) for moment in request.span):
            return None
        return self.broken(tool, parameters)


def on_grid(moment: datetime, minutes: int) -> bool:
    """True when `moment` is a multiple of `minutes` after midnight in Korea."""
    return moment == down_to_grid(moment, minutes)


def down_to_grid(moment: datetime, minutes: int) -> datetime:
    """The last grid mark at or before `moment`."""
    midnight = moment.astimezone(KST).replace(hour=0, minute=0, second=0, microsecond=0)
    return moment - (moment - midnight) % timedelta(minutes=minutes)


class LeadTime(ToolRule):
    code = "lead_time"
    about = "time"
    field = "starts_at"
    staff_may_override = True
    defaults = {"minutes": 120}  # noqa: RUF012
    sentence = _("%(tool)s must be booked at least %(minutes)s minutes ahead.")
    next_step = _("Choose a start after %(earliest)s.")
    explanation = _("Book at least %(minutes)s minutes ahead.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        earliest = request.now + timedelta(minutes=parameters["minutes"])
        if not parameters["minutes"] or request.starts_at >= earliest:
            return None
        return self.broken(tool, parameters, earliest=written(earliest))


class Horizon(ToolRule):
    code = "horizon"
    about = "time"
    field = "starts_at"
    staff_may_override = True
    defaults = {"days": 60}  # noqa: RUF012
    sentence = _("%(tool)s opens for booking %(days)s days ahead.")
    next_step = _("Choose an end before %(latest)s.")
    explanation = _("Book at most %(days)s days ahead.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        latest = request.now + timedelta(days=parameters["days"])
        if request.ends_at <= latest:
            return None
        return self.broken(tool, parameters, latest=written(latest))


class MinimumLength(ToolRule):
    code = "minimum_length"
    about = "length"
    field = "ends_at"
    staff_may_override = True
    defaults = {"minutes": 30}  # noqa: RUF012
    sentence = _("%(tool)s is booked for at least %(minutes)s minutes.")
    next_step = _("Choose a longer time.")
    explanation = _("A booking takes at least %(minutes)s minutes.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        length = request.span.length
        if length <= timedelta(0) or length >= timedelta(minutes=parameters["minutes"]):
            return None
        return self.broken(tool, parameters)


class MaximumLength(ToolRule):
    code = "maximum_length"
    about = "length"
    field = "ends_at"
    staff_may_override = True
    defaults = {"minutes": 720}  # noqa: RUF012
    sentence = _("%(tool)s is booked for at most %(minutes)s minutes at once.")
    next_step = _("Choose a shorter time, or make several bookings.")
    explanation = _("A booking takes at most %(minutes)s minutes.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        if request.span.length <= timedelta(minutes=parameters["minutes"]):
            return None
        return self.broken(tool, parameters)


class OperatingHours(ToolRule):
    """Weekends included: a tool that rests on weekends has no opening hours then."""

    code = "operating_hours"
    about = "time"
    field = "starts_at"
    staff_may_override = True
    sentence = _("%(tool)s is open %(hours)s.")
    next_step = _("Choose a time inside the opening hours.")
    explanation = _("A booking lies within the tool's opening hours; weekends only where it works.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        span = request.span
        # A length that no tool allows is another rule's business; walking a century of days is not.
        if span.length <= timedelta(0) or span.length > timedelta(days=400):
            return None
        if any(window.covers(span) for window in open_windows(tool, span.start, span.end)):
            return None
        return self.broken(tool, parameters, hours=OpeningHours(tool))


class OpeningHours:
    """A tool's hours in words, rendered late in the reader's language."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __str__(self) -> str:
        days = _("every day") if self.tool.works_weekends else _("Monday to Friday")
        if self.tool.is_around_the_clock:
            return str(_("%(days)s around the clock")) % {"days": days}
        return str(_("%(days)s %(opens)s–%(closes)s KST")) % {
            "days": days,
            "opens": f"{self.tool.opens_at:%H:%M}",
            "closes": f"{self.tool.closes_at:%H:%M}",
        }
