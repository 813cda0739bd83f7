"""Rules about what is to be done in the time: wafers, use mode, qualification, contamination."""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import UseMode
from testbed.booking.rules.base import Broken, ToolRule
from testbed.booking.rules.training import final_day
from testbed.tools.models import ContaminationClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.booking.rules.base import BookingRequest, Qualified
    from testbed.tools.models import Tool


class Throughput(ToolRule):
    """The company's and the facility's wafers together."""

    code = "throughput"
    about = "answers"
    field = "wafer_count"
    staff_may_override = True
    on_by_default = False
    defaults = {"wafers_per_hour": 60}  # noqa: RUF012
    sentence = _("%(tool)s needs %(minutes)s min for %(wafers)s wafers; the booking is shorter.")
    next_step = _("Bring at most %(most)s wafers, or book at least %(minutes)s min.")
    explanation = _("The wafers fit into the time at %(wafers_per_hour)s wafers an hour.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        rate, wafers = parameters["wafers_per_hour"], request.wafer_count
        most = int(rate * max(request.span.length, timedelta(0)) / timedelta(hours=1))
        if not rate or wafers is None or wafers <= most:
            return None
        minutes = ceil(wafers * 60 / rate)
        return self.broken(tool, parameters, wafers=wafers, most=most, minutes=minutes)


class UseModeAllowed(ToolRule):
    code = "use_mode"
    about = "answers"
    field = "use_mode"
    staff_may_override = True
    defaults = {"requested": True, "self_operated": True}  # noqa: RUF012
    sentence = _("%(tool)s is not offered in this use mode.")
    next_step = _("Choose the other use mode, or another tool.")
    explanation = _("Only the use modes that the facility offers on a tool are booked.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        allowed = request.use_mode is None or parameters.get(request.use_mode, True)
        return None if allowed else self.broken(tool, parameters)

    def explain(self, parameters: Mapping[str, Any]) -> str:
        offered = [str(mode.label) for mode in UseMode if parameters.get(mode.value)]
        return f"{super().explain(parameters)} ({', '.join(offered) or '–'})"


class QualificationRule(ToolRule):
    """Asked of the booker, and only for self-operated use."""

    about = "answers"
    field = "use_mode"
    status = 403
    staff_may_override = True
    on_by_default = False
    needs = frozenset({"qualifications"})

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        if request.use_mode != UseMode.SELF_OPERATED:
            return None
        return self.check_held(request, tool, parameters, request.qualifications.get(tool.pk))

    @abstractmethod
    def check_held(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        held: Qualified | None,
    ) -> Broken | None:
        """None when the qualification keeps the rule."""


class QualificationMissing(QualificationRule):
    code = "qualification_missing"
    sentence = _("You are not qualified to operate %(tool)s yourself.")
    next_step = _("Ask the facility for training, or book it as a requested test.")
    explanation = _("Self-operated use needs a qualification for the tool.")

    def check_held(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        held: Qualified | None,
    ) -> Broken | None:
        return self.broken(tool, parameters) if held is None else None


class QualificationExpired(QualificationRule):
    """A missing one is another rule's business."""

    code = "qualification_expired"
    sentence = _(
        "Your qualification for %(tool)s ends on %(valid_until)s, before the booking does."
    )
    next_step = _("Renew it with the facility, or book an earlier time or a requested test.")
    explanation = _("A qualification must last until the end of a self-operated booking.")

    def check_held(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        held: Qualified | None,
    ) -> Broken | None:
        last = held.valid_until if held else None
        if last is None or final_day(request) <= last:
            return None
        return self.broken(tool, parameters, valid_until=last.isoformat())


class QualificationUnused(QualificationRule):
    """A qualification that was just given counts as used."""

    code = "qualification_unused"
    defaults = {"days": 180}  # noqa: RUF012
    sentence = _("You have not operated %(tool)s since %(last_used)s, more than %(days)s days.")
    next_step = _("Ask the facility for a short refresher, or book it as a requested test.")
    explanation = _("A qualification rests when the tool was not operated for %(days)s days.")

    def check_held(
        self,
        request: BookingRequest,
        tool: Tool,
        parameters: Mapping[str, Any],
        held: Qualified | None,
    ) -> Broken | None:
        limit = timedelta(days=parameters["days"])
        if held is None or request.starts_at - held.last_used_at <= limit:
            return None
        day = held.last_used_at.astimezone(KST).date().isoformat()
        return self.broken(tool, parameters, last_used=day)


class Contamination(ToolRule):
    """Wafer by wafer: enough of the lot's wafers must be clean enough for the tool.

    A wafer is as dirty as the dirtiest tool it has met (see `testbed.tools.ContaminationClass`).
    """

    code = "contamination"
    about = "answers"
    field = "lot"
    staff_may_override = True
    sentence = _(
        "%(dirty)s of the lot's wafers have met a dirtier tool (%(dirtiest)s) than %(tool)s may "
        "see (%(allowed)s)."
    )
    next_step = _(
        "They need a certified clean down to “%(allowed)s” first; or take at most %(clean)s of "
        "this lot's wafers, or a tool that takes “%(dirtiest)s”."
    )
    explanation = _(
        "A wafer only moves to an equally clean or dirtier tool; only a certified clean resets it."
    )

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        dirty = [
            dirt
            for dirt in request.wafer_classes
            if dirt > tool.contamination_class and not _is_cleaned(request, tool, dirt)
        ]
        clean = len(request.wafer_classes) - len(dirty)
        if not dirty or clean >= max(request.lot_wafers, 1):
            return None
        return self.broken(
            tool,
            parameters,
            dirty=len(dirty),
            clean=clean,
            dirtiest=ContaminationClass(max(dirty)).label,
            allowed=ContaminationClass(tool.contamination_class).label,
        )


def _is_cleaned(request: BookingRequest, tool: Tool, dirt: int) -> bool:
    """True when the tool is the very one that cleans such wafers."""
    own = (clean for clean in request.cleanings if clean.tool_kind == tool.kind)
    return any(clean.applies(dirt) for clean in own)
