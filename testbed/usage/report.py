"""The numbers of the administrator's page, gathered: KPIs, hours, rankings, what to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from testbed.booking.models import Booking, BookingState
from testbed.tools.models import E10State, Tool
from testbed.usage.e10 import StateSeconds, facility_time, tool_time
from testbed.usage.models import UsageLine
from testbed.usage.period import Period


@dataclass(frozen=True)
class Facility:
    """Everything `/ops/` shows for one period."""

    period: Period
    tools: list[tuple[Tool, StateSeconds]]
    together: StateSeconds
    lines: dict[str, Any]
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


def facility(period: Period) -> Facility:
    """Read one period (a handful of queries whatever the number of tools)."""
    tools = tool_time(period)
    return Facility(
        period=period,
        tools=tools,
        together=facility_time(tools),
        lines=UsageLine.objects.within(period).sums(),
        waiting=Booking.objects.filter(state=BookingState.PENDING).count(),
    )


def ranking(period: Period) -> list[dict[str, Any]]:
    """Companies by won, with their runs, hours and wafers."""
    rows = UsageLine.objects.within(period).grouped(
        "company", "company__name_ko", "company__name_en"
    )
    return [row | {"name": name_of(row, "company")} for row in rows]


def by_tool_and_company(period: Period) -> list[dict[str, Any]]:
    """Hours and won of each company on each tool."""
    rows = UsageLine.objects.within(period).grouped(
        "tool", "tool__code", "tool__name_ko", "tool__name_en",
        "company", "company__name_ko", "company__name_en",
    )  # fmt: skip
    named = [
        row | {"tool_name": name_of(row, "tool"), "name": name_of(row, "company")} for row in rows
    ]
    return sorted(named, key=lambda row: (row["tool_name"], -row["won"]))


def name_of(row: dict[str, Any], of: str) -> str:
    """The Korean or English name in a grouped row, for the reader."""
    return str(row[f"{of}__name_{'ko' if get_language() == 'ko' else 'en'}"])
