"""Where a step may start on some tools, as a flag for each unit of a range.

Only rules that say beforehand which times they close are asked here; whatever else a rule may
object to, it is asked about every combination before that is offered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from testbed.booking.hours import open_windows
from testbed.booking.intervals import Interval
from testbed.booking.route_claims import minute_of
from testbed.booking.rules import RULES, by_code, closed_times
from testbed.booking.rules.limits import HoursLimit
from testbed.booking.rules.when import down_to_grid
from testbed.booking.slots import bounds, grid_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from testbed.booking.route_claims import Lines, Ruler
    from testbed.booking.route_steps import Step
    from testbed.booking.rules import BookingRequest
    from testbed.tools.models import Tool

DAY_MINUTES = 24 * 60
Flags = NDArray[np.bool_]
LIMITS = tuple(rule for rule in RULES if isinstance(rule, HoursLimit) and rule.about == "time")


def unit_of(request: BookingRequest, tools: Sequence[Tool], steps: Sequence[Step]) -> int:
    """The longest unit, in minutes, of which all grids, lengths and days are multiples."""
    lengths = (step.minutes for step in steps)
    return gcd(DAY_MINUTES, *(_grid(request, tool) for tool in tools), *lengths)


def _grid(request: BookingRequest, tool: Tool) -> int:
    parameters = request.rulebook.parameters(by_code("grid"), tool)
    return int(parameters["minutes"]) or 1 if parameters else 1


class Starts:
    """Where steps may start within a range; what tools have in common is worked out once."""

    def __init__(self, span: Interval, ruler: Ruler, lines: Lines) -> None:
        self.span, self.ruler, self.lines = span, ruler, lines
        self._shut: dict[Any, Flags] = {}
        self._tidy: dict[Any, Flags] = {}
        self._bounded: dict[Any, Flags] = {}

    def of(self, request: BookingRequest) -> Flags:
        """Units at which the request may start: open, unclaimed, on the grid, in the horizon."""
        ruler = self.ruler
        length = int(request.span.length.total_seconds() // 60) // ruler.unit
        taken = np.zeros(ruler.size, dtype=bool)
        for tool in request.tools:
            taken |= ruler.covered(*self.lines.of(tool.pk))
            taken |= self.shut(tool)
            closed = closed_times(request, tool)
            if closed:
                taken |= ruler.covered_by(closed)
        starts = _runs(~taken, length)
        starts &= self.on_grids(request)
        starts &= self.in_bounds(request, length)
        for window in _full_windows(request, self.span):
            starts[_inside(ruler, window, length)] = False
        return starts

    def shut(self, tool: Tool) -> Flags:
        """Which units do not lie wholly within the tool's opening hours."""
        hours = (tool.opens_at, tool.closes_at, tool.works_weekends)
        if hours not in self._shut:
            windows = open_windows(tool, self.span.start - timedelta(days=1), self.span.end)
            edges = [Interval(*pair) for pair in _gaps(self.ruler, windows)]
            self._shut[hours] = self.ruler.covered_by(edges)
        return self._shut[hours]

    def on_grids(self, request: BookingRequest) -> Flags:
        grids = frozenset(_grid(request, tool) for tool in request.tools)
        length = int(request.span.length.total_seconds() // 60)
        if (grids, length) not in self._tidy:
            self._tidy[grids, length] = _on_grids(grids, length, self.ruler)
        return self._tidy[grids, length]

    def in_bounds(self, request: BookingRequest, length: int) -> Flags:
        """A start in the middle of a grid cell counts from the cell's beginning."""
        earliest, latest = bounds(request)
        earliest = max(earliest, down_to_grid(self.span.start, grid_of(request)))
        asked = (earliest, latest, length)
        if asked not in self._bounded:
            ruler = self.ruler
            at = np.arange(ruler.size, dtype=np.int64) * ruler.unit + ruler.zero
            first = -(-earliest.timestamp() // 60)
            ends = at + length * ruler.unit
            self._bounded[asked] = (at >= first) & (ends <= minute_of(latest))
        return self._bounded[asked]


def _gaps(ruler: Ruler, windows: Sequence[Interval]) -> Iterator[Interval]:
    at = ruler.moment(0)
    for window in windows:
        if at < window.start:
            yield Interval(at, window.start)
        at = max(at, window.end)
    end = ruler.moment(ruler.size)
    if at < end:
        yield Interval(at, end)


def _runs(free: Flags, length: int) -> Flags:
    """Starts of `length` free units in a row."""
    starts = np.zeros(len(free), dtype=bool)
    if length <= len(free):
        taken = np.concatenate([[0], np.cumsum(~free)])
        starts[: len(free) - length + 1] = taken[length:] == taken[: len(taken) - length]
    return starts


def _on_grids(grids: Iterable[int], length: int, ruler: Ruler) -> Flags:
    """Starts from which both ends of `length` minutes lie on every grid."""
    start = ruler.minutes_of_day()
    end = (start + length) % DAY_MINUTES
    good = np.ones(ruler.size, dtype=bool)
    for grid in grids:
        good &= (start % grid == 0) & (end % grid == 0)
    return good


def _full_windows(request: BookingRequest, span: Interval) -> Iterator[Interval]:
    """Windows of limits on hours in which a booking of this length is too much."""
    limits = [rule for rule in LIMITS if request.rulebook.is_on_one(rule, request.tools)]
    whole = replace(request, starts_at=span.start, ends_at=span.end) if limits else request
    for rule in limits:
        for tool in request.tools:
            parameters = request.rulebook.parameters(rule, tool)
            for window in rule.windows(whole, parameters) if parameters else ():
                end = window.start + request.span.length
                inside = replace(request, starts_at=window.start, ends_at=end)
                if end <= window.end and rule.check_tool(inside, tool, parameters or {}):
                    yield window


def _inside(ruler: Ruler, window: Interval, length: int) -> slice:
    """Starts whose whole length lies in the window."""
    first = -((ruler.zero - minute_of(window.start)) // ruler.unit)
    last = (minute_of(window.end) - ruler.zero) // ruler.unit - length
    return slice(max(0, first), max(0, last + 1))
