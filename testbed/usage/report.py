"""The numbers of the administrator's page, gathered: KPIs, hours, rankings, what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from testbed.booking.models import Booking, BookingState
from testbed.tools.models import E10State, Tool
from testbed.usage import owed
from testbed.usage.e10 import StateSeconds, facility_time, tool_time
from testbed.usage.models import UsageLine
from testbed.usage.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import User
    from testbed.usage.querysets import UsageLineQuerySet


@dataclass(frozen=True)
class Facility:
    """Everything `/ops/` shows for one period."""

    period: Period
    tools: list[tuple[Tool, StateSeconds]]
    together: StateSeconds
    sums: owed.Account
    ranking: list[tuple[str, owed.Account]]
    by_tool: list[tuple[str, str, owed.Account]]
    waiting: int

    @property
    def worst(self) -> tuple[Tool, float] | None:
        """The tool with the most unscheduled down time and its seconds; None when none had any."""
        down = [(tool, time.of(E10State.UNSCHEDULED_DOWN)) for tool, time in self.tools]
        tool, seconds = max(down, key=lambda pair: pair[1], default=(None, 0.0))
        return (tool, seconds) if tool is not None and seconds > 0 else None

    @property
    def uptime_percent(self) -> float:
        """Operational uptime of all tools together, %."""
        return 100 * (self.together.operational_uptime or 0.0)

    @property
    def productive_percent(self) -> float:
        """Productive share of the total time, %."""
        return 100 * (self.together.utilisation or 0.0)

    @property
    def down_hours(self) -> float:
        """Unscheduled down time of all tools, h."""
        return self.together.of(E10State.UNSCHEDULED_DOWN) / 3600

    @property
    def finding(self) -> str:
        """What the bars show, in one sentence."""
        if not self.together.total:
            return _("No tool state was recorded in this period.")
        uptime = f"{self.together.operational_uptime or 0:.1%}"
        if self.worst is None:
            return _(
                "The tools could work %(uptime)s of their operations time and none was down "
                "without a plan."
            ) % {"uptime": uptime}
        tool, seconds = self.worst
        return _(
            "The tools could work %(uptime)s of their operations time; %(tool)s was down "
            "without a plan the longest, %(hours).1f h."
        ) % {"uptime": uptime, "tool": tool, "hours": seconds / 3600}


def facility(user: User, period: Period) -> Facility:
    """Read one period (a handful of queries whatever the number of tools)."""
    tools = tool_time(period)
    lines = UsageLine.objects.within(period)
    parts = owed.parts_of(owed.charged(user, period).select_related("booking"))
    return Facility(
        period=period,
        tools=tools,
        together=facility_time(tools),
        sums=owed.account(lines, parts),
        ranking=owed.by_company(lines, parts),
        by_tool=_by_tool_and_company(lines, parts),
        waiting=Booking.objects.filter(state=BookingState.PENDING).count(),
    )


def _by_tool_and_company(
    lines: UsageLineQuerySet, parts: Sequence[owed.Part]
) -> list[tuple[str, str, owed.Account]]:
    """(tool, company, what this company used of this tool), by the tool's name."""
    found = owed.accounts(lines, parts, owed.TOOL, owed.COMPANY)
    tools = owed.tool_names(code for code, _company in found)
    companies = owed.company_names(pk for _code, pk in found)
    rows = [(tools[code], companies[pk], one) for (code, pk), one in found.items()]
    return sorted(rows, key=lambda row: row[0])
