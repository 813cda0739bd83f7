"""Rules about who works on a tool alone: courses, and company outside the staffed hours."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST, SATURDAY
from testbed.booking.models import UseMode
from testbed.booking.rules.base import Broken, ToolRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.booking.rules.base import BookingRequest, CourseAsked
    from testbed.tools.models import Tool


class TrainingRule(ToolRule):
    """Asked of the booker: for self-operated use, or for any where the parameter says so."""

    about = "answers"
    field = "use_mode"
    status = 403
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"courses"})
    defaults = {"requested_too": False}  # noqa: RUF012

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        alone = request.use_mode == UseMode.SELF_OPERATED
        if request.use_mode is None or not (alone or parameters["requested_too"]):
            return None
        asked = (one for one in request.courses if tool.pk in one.tool_ids)
        found = (self.check_course(request, tool, parameters, one) for one in asked)
        return next((broken for broken in found if broken is not None), None)

    @abstractmethod
    def check_course(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        asked: CourseAsked,
    ) -> Broken | None:
        """None when the booker's course keeps the rule."""


class TrainingMissing(TrainingRule):
    code = "training_missing"
    sentence = _("%(tool)s asks for the course “%(course)s”, which you have not taken.")
    next_step = _("Ask the facility for its next date, or book a requested test.")
    explanation = _("Who works on a tool has passed the courses that it or its area asks for.")

    def check_course(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        asked: CourseAsked,
    ) -> Broken | None:
        return None if asked.is_passed else self.broken(tool, parameters, course=asked.course)


class TrainingExpired(TrainingRule):
    """One never taken is another rule's business."""

    code = "training_expired"
    sentence = _(
        "Your course “%(course)s” for %(tool)s is valid until %(valid_until)s, not until the "
        "booking ends."
    )
    next_step = _("Take the refresher, or book an earlier time or a requested test.")
    explanation = _("A course that a tool or its area asks for is valid until the booking ends.")

    def check_course(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        asked: CourseAsked,
    ) -> Broken | None:
        last = asked.valid_until
        if not asked.is_passed or last is None or final_day(request) <= last:
            return None
        return self.broken(tool, parameters, course=asked.course, valid_until=last.isoformat())


class BuddyMissing(ToolRule):
    """Staffed hours: Monday to Friday, or every day, between two full hours in Korea."""

    code = "buddy_missing"
    about = "answers"
    field = "buddy"
    status = 422
    staff_may_override = True
    on_by_default = False
    defaults = {"from_hour": 9, "until_hour": 18, "weekends_too": False}  # noqa: RUF012
    sentence = _(
        "Nobody of the facility is there outside %(from_hour)s:00–%(until_hour)s:00, and you "
        "would be alone on %(tool)s."
    )
    next_step = _("Name a qualified colleague who is there too, or choose a staffed time.")
    explanation = _(
        "Outside the staffed hours (%(from_hour)s:00–%(until_hour)s:00) self-operated use needs "
        "a named colleague."
    )

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        if request.use_mode != UseMode.SELF_OPERATED or request.buddy is not None:
            return None
        return None if is_staffed(request, parameters) else self.broken(tool, parameters)


class BuddyNotQualified(ToolRule):
    code = "buddy_not_qualified"
    about = "answers"
    field = "buddy"
    status = 403
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"buddy"})
    sentence = _("%(buddy)s is not qualified on %(tool)s until the booking ends.")
    next_step = _("Name a colleague who is, or ask the facility for training.")
    explanation = _("The colleague named for the hours without staff is qualified on the tool.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        if request.buddy is None or request.use_mode != UseMode.SELF_OPERATED:
            return None
        if tool.pk in request.buddy_qualified:
            return None
        return self.broken(tool, parameters, buddy=request.buddy)


def is_staffed(request: BookingRequest, parameters: Mapping[str, Any]) -> bool:
    """True when the whole time lies within one day's staffed hours."""
    day = request.starts_at.astimezone(KST).date()
    if day.weekday() >= SATURDAY and not parameters["weekends_too"]:
        return False
    midnight = datetime.combine(day, time(0), KST)
    first, last = (timedelta(hours=parameters[key]) for key in ("from_hour", "until_hour"))
    return midnight + first <= request.starts_at and request.ends_at <= midnight + last


def final_day(request: BookingRequest) -> Any:
    """The day in Korea on which the booking ends."""
    return (request.ends_at - timedelta.resolution).astimezone(KST).date()
