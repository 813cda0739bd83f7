"""Rules about the tools, and what a booking here always entails."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from testbed.booking.models import AllocationKind
from testbed.booking.rules.base import Broken, ToolRule
from testbed.booking.rules.when import written
from testbed.tools.models import E10State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from testbed.booking.rules.base import BookingRequest, FacilityClaim
    from testbed.booking.rules.book import RuleBook
    from testbed.tools.models import Tool

DOWN = frozenset({E10State.SCHEDULED_DOWN, E10State.UNSCHEDULED_DOWN})


class ToolBookable(ToolRule):
    code = "tool_bookable"
    about = "tool"
    field = "tool"
    sentence = _("%(tool)s is not open for booking.")
    next_step = _("Choose another tool, or ask the facility when it opens.")
    explanation = _("Only a tool that the facility has accepted is booked.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        return None if tool.is_bookable else self.broken(tool, parameters)


class ToolUp(ToolRule):
    """Needs the tools fetched `with_state()`."""

    code = "tool_up"
    about = "time"
    field = "tool"
    staff_may_override = True
    defaults = {"refuse": False, "within_hours": 24}  # noqa: RUF012
    sentence = _("%(tool)s is down at the moment and may not be back in time.")
    next_step = _("Choose a start more than %(within_hours)s hours from now to be safe.")
    explanation = _(
        "A start within %(within_hours)s hours on a tool that is down is pointed out or refused."
    )

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        soon = request.starts_at < request.now + timedelta(hours=parameters["within_hours"])
        down = tool.emergency_stop_at is not None or getattr(tool, "state", None) in DOWN
        if not (soon and down):
            return None
        values = {**parameters, "tool": tool}
        # An emergency stop is cleared by somebody who has looked at the tool, not set aside.
        firm = tool.emergency_stop_at is not None
        return Broken(self, values, is_warning=not parameters["refuse"], is_firm=firm)


class Free(ToolRule):
    """Says no word about whose booking has the time."""

    code = "tool_taken"
    about = "time"
    field = "starts_at"
    status = 409
    sentence = _("%(tool)s is already taken in that time.")
    next_step = _("Choose one of the nearest free slots.")
    explanation = _("A tool serves one booking at a time.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        facility = {claim.span for claim in request.facility.get(tool.pk, ())}
        busy = (claim for claim in request.busy.get(tool.pk, ()) if claim not in facility)
        taken = any(claim.overlaps(request.span) for claim in busy)
        return self.broken(tool, parameters) if taken else None


class FacilityBusy(ToolRule):
    """What the facility itself does on the tool; its public reason is told when it gives one."""

    about = "time"
    field = "starts_at"
    status = 409
    next_step = _("Choose one of the nearest free slots.")
    kind: ClassVar[str]

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        for claim in request.facility.get(tool.pk, ()):
            if claim.kind == self.kind and claim.span.overlaps(request.span):
                until = written(claim.span.end)
                return self.broken(tool, parameters, until=until, reason=Because(claim))
        return None


class Because:
    """A claim's reason as the end of a sentence, rendered late in the reader's language."""

    def __init__(self, claim: FacilityClaim) -> None:
        self.claim = claim

    def __str__(self) -> str:
        return f" ({self.claim.reason})" if self.claim.reason else ""


class UnderMaintenance(FacilityBusy):
    code = "taken_maintenance"
    kind = AllocationKind.MAINTENANCE
    sentence = _("%(tool)s is in maintenance until %(until)s%(reason)s.")
    explanation = _("A tool in maintenance is not booked.")


class Closed(FacilityBusy):
    code = "closed"
    kind = AllocationKind.CLOSURE
    sentence = _("%(tool)s is closed until %(until)s%(reason)s.")
    explanation = _("A tool is not booked while the facility closes it.")


class FacilityOutage(FacilityBusy):
    """Nitrogen, DI water, exhaust: written on each tool that needs what is missing."""

    code = "facility_outage"
    kind = AllocationKind.OUTAGE
    sentence = _("%(tool)s lacks a shared supply of the building until %(until)s%(reason)s.")
    explanation = _(
        "A tool is not booked while a shared supply that it needs (nitrogen, DI water, exhaust) "
        "is out."
    )


class NeedsApproval(ToolRule):
    """Never broken: it decides whether a submitted booking waits for the facility."""

    code = "needs_approval"
    about = "notice"
    field = ""
    defaults = {"required": True}  # noqa: RUF012
    sentence = _("The facility approves this booking before it is confirmed.")
    next_step = _("You see its answer on the booking's page.")
    explanation = _("Whether the facility approves a booking before it is confirmed.")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        return None

    def applies_to(self, rulebook: RuleBook, tools: Iterable[Tool]) -> bool:
        """True when one of the tools asks for approval."""
        found = [rulebook.parameters(self, tool) for tool in tools]
        return any(parameters["required"] for parameters in found if parameters)


class HoldTime(ToolRule):
    """Never broken here: how often a hold may be extended (see `booking.hold.extend`)."""

    code = "hold_time"
    about = "notice"
    field = ""
    defaults = {"minutes": settings.HOLD_MINUTES, "extensions": 1}  # noqa: RUF012
    sentence = _("A held slot has already been extended as often as allowed (%(extensions)s).")
    next_step = _("Submit the booking now, or hold the slot again when it is free.")
    explanation = _("A slot is held for %(minutes)s minutes, extendable %(extensions)s time(s).")

    def check_tool(
        self, request: BookingRequest, tool: Tool, parameters: Mapping[str, Any]
    ) -> Broken | None:
        return None
