"""Where a step may start on some tools, as a flag for each unit of a range.

Only rules that say beforehand which times they close are asked here; whatever else a rule may
object to, it is asked about every combination before that is offered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import gcd
from typing import TYPE_CHECKING

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
    from collections.abc import Iterator, Sequence

    from testbed.booking.route_claims import Lines, Ruler
    from testbed.booking.route_steps import Step
    from testbed.booking.rules import BookingRequest
    from testbed.tools.models import Tool

DAY_MINUTES = 24 * 60
Flags = NDArray[np.bool_]


def unit_of(request: BookingRequest, tools: Sequence[Tool], steps: Sequence[Step]) -> int:
    """The longest unit, in minutes, of which all grids, lengths and days are multiples."""
    lengths = (step.minutes for step in steps)
    return gcd(DAY_MINUTES, *(_grid(request, tool) for tool in tools), *lengths)


def _grid(request: BookingRequest, tool: Tool) -> int:
    parameters = request.rulebook.parameters(by_code("grid"), tool)
    return int(parameters["minutes"]) or 1 if parameters else 1


def possible_starts(request: BookingRequest, span: Interval, ruler: Ruler, lines: Lines) -> Flags:
    """Units at which the request may start: open, unclaimed, on the grid, in the horizon."""
    length = int(request.span.length.total_seconds() // 60) // ruler.unit
    taken = np.zeros(ruler.size, dtype=bool)
    for tool in request.tools:
        taken |= ruler.covered(*lines.of(tool.pk))
        taken |= ruler.covered_by(closed_times(request, tool))
        taken |= ~_whole(ruler, open_windows(tool, span.start - timedelta(days=1), span.end))
    starts = _runs(~taken, length)
    starts &= _on_grids(request, ruler)
    starts &= _in_bounds(request, span, ruler, length)
    for window in _full_windows(request, span):
        starts[_inside(ruler, window, length)] = False
    return starts


def _whole(ruler: Ruler, windows: Sequence[Interval]) -> Flags:
    """Which units lie wholly within some window."""
    edges = [Interval(*pair) for pair in _gaps(ruler, windows)]
    return ~ruler.covered_by(edges)


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


def _on_grids(request: BookingRequest, ruler: Ruler) -> Flags:
    start = ruler.minutes_of_day()
    end = (start + int(request.span.length.total_seconds() // 60)) % DAY_MINUTES
    good = np.ones(ruler.size, dtype=bool)
    for grid in {_grid(request, tool) for tool in request.tools}:
        good &= (start % grid == 0) & (end % grid == 0)
    return good


def _in_bounds(request: BookingRequest, span: Interval, ruler: Ruler, length: int) -> Flags:
    """A start in the middle of a grid cell counts from the cell's beginning."""
    earliest, latest = bounds(request)
    earliest = max(earliest, down_to_grid(span.start, grid_of(request)))
    at = np.arange(ruler.size, dtype=np.int64) * ruler.unit + ruler.zero
    first = -(-earliest.timestamp() // 60)
    flags: Flags = (at >= first) & (at + length * ruler.unit <= minute_of(latest))
    return flags


def _full_windows(request: BookingRequest, span: Interval) -> Iterator[Interval]:
    """Windows of limits on hours in which a booking of this length is too much."""
    whole = replace(request, starts_at=span.start, ends_at=span.end)
    limits = [rule for rule in RULES if isinstance(rule, HoursLimit) and rule.about == "time"]
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
