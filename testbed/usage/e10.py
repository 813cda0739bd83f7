"""Tool time after SEMI E10: seconds per state, and the totals the standard builds from them.

The state says what a tool does, not who does it. Manufacturing = productive + standby, uptime =
manufacturing + engineering, operations = uptime + both kinds of down, total = operations +
non-scheduled. Time nobody recorded is in none of them; it is shown as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from testbed.tools.models import E10State, StateSpan, Tool
from testbed.usage.period import Period


@dataclass(frozen=True)
class Stretch:
    """A state from `start` to `end`; `end` None = it still lasts."""

    state: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True)
class StateSeconds:
    """Seconds in each state; ratios are None when there is nothing to divide by."""

    by_state: dict[str, float] = field(default_factory=dict)

    def of(self, *states: E10State) -> float:
        """Seconds in these states together."""
        return sum(self.by_state.get(state, 0.0) for state in states)

    @property
    def manufacturing(self) -> float:
        """Productive and standby."""
        return self.of(E10State.PRODUCTIVE, E10State.STANDBY)

    @property
    def uptime(self) -> float:
        """Manufacturing and engineering."""
        return self.manufacturing + self.of(E10State.ENGINEERING)

    @property
    def downtime(self) -> float:
        """Scheduled and unscheduled down."""
        return self.of(E10State.SCHEDULED_DOWN, E10State.UNSCHEDULED_DOWN)

    @property
    def operations(self) -> float:
        """Uptime and downtime."""
        return self.uptime + self.downtime

    @property
    def total(self) -> float:
        """Operations and non-scheduled time: everything that was recorded."""
        return self.operations + self.of(E10State.NON_SCHEDULED)

    @property
    def operational_uptime(self) -> float | None:
        """Uptime over operations time."""
        return self.uptime / self.operations if self.operations else None

    @property
    def utilisation(self) -> float | None:
        """Productive over total time."""
        return self.of(E10State.PRODUCTIVE) / self.total if self.total else None

    def __add__(self, other: StateSeconds) -> StateSeconds:
        states = {**self.by_state, **other.by_state}
        return StateSeconds(
            {s: self.by_state.get(s, 0.0) + other.by_state.get(s, 0.0) for s in states}
        )


def seconds_per_state(stretches: Iterable[Stretch], period: Period) -> StateSeconds:
    """Seconds of each state within the period; an open stretch lasts until the period's end."""
    found: dict[str, float] = {}
    for stretch in stretches:
        start = max(stretch.start, period.start)
        end = min(stretch.end or period.end, period.end)
        if end > start:
            found[stretch.state] = found.get(stretch.state, 0.0) + (end - start).total_seconds()
    return StateSeconds(found)


def tool_time(period: Period) -> list[tuple[Tool, StateSeconds]]:
    """Each tool's seconds per state in the period, in the catalogue's order (two queries)."""
    stretches: dict[int, list[Stretch]] = {}
    spans = StateSpan.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=period.start), started_at__lt=period.end
    )
    for tool_id, state, start, end in spans.values_list(
        "tool_id", "state", "started_at", "ended_at"
    ):
        stretches.setdefault(tool_id, []).append(Stretch(state, start, end))
    return [
        (tool, seconds_per_state(stretches.get(tool.pk, []), period)) for tool in Tool.objects.all()
    ]


def facility_time(rows: Iterable[tuple[Tool, StateSeconds]]) -> StateSeconds:
    """All tools together."""
    total = StateSeconds()
    for _tool, seconds in rows:
        total = total + seconds
    return total
