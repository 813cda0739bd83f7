"""All tools' claims over a range, read in one query as whole minutes; and the range as a ruler."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import F, Func, IntegerField
from numpy.typing import NDArray

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.people.models import Company
    from testbed.tools.models import Tool

Minutes = NDArray[np.int64]
MARGIN = timedelta(days=1)
NOBODY = 0


def minute_of(moment: datetime) -> int:
    """Whole minutes since 1970, rounded down."""
    return int(moment.timestamp() // 60)


def moment_of(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, KST)


class _Minute(Func):
    """A moment as whole minutes since 1970."""

    output_field = IntegerField()


class _Floor(_Minute):
    template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"


class _Ceiling(_Minute):
    template = "CEIL(EXTRACT(EPOCH FROM %(expressions)s) / 60)::int"


@dataclass(frozen=True)
class Ruler:
    """A range cut into `size` equal units of `unit` minutes, from a midnight in Korea on."""

    zero: int
    unit: int
    size: int

    @classmethod
    def over(cls, span: Interval, unit: int) -> Ruler:
        midnight = datetime.combine(span.start.astimezone(KST).date(), time(0), KST)
        zero = minute_of(midnight)
        return cls(zero, unit, max(0, (minute_of(span.end) - zero) // unit))

    def moment(self, index: int) -> datetime:
        return moment_of(self.zero + index * self.unit)

    def minutes_of_day(self) -> Minutes:
        """For each unit, how far in its day it begins."""
        return np.arange(self.size, dtype=np.int64) * self.unit % (24 * 60)

    def covered(self, starts: Minutes, ends: Minutes) -> NDArray[np.bool_]:
        """Which units some [start, end) touches; minutes since 1970."""
        if self.size == 0:
            return np.zeros(0, dtype=bool)
        first = np.clip((starts - self.zero) // self.unit, 0, self.size)
        last = np.clip(-((self.zero - ends) // self.unit), 0, self.size)
        steps = np.bincount(first, minlength=self.size + 1).astype(np.int64)
        steps -= np.bincount(np.maximum(first, last), minlength=self.size + 1)
        return np.cumsum(steps)[: self.size] > 0

    def covered_by(self, spans: Sequence[Interval]) -> NDArray[np.bool_]:
        starts = np.array([minute_of(span.start) for span in spans], dtype=np.int64)
        ends = np.array([-(-span.end.timestamp() // 60) for span in spans], dtype=np.int64)
        return self.covered(starts, ends)


@dataclass(frozen=True)
class _Line:
    """One tool's claims, sorted: minutes since 1970, and whether another company's."""

    starts: Minutes
    ends: Minutes
    is_others: NDArray[np.bool_]


class Lines:
    """Every tool's claims around a range."""

    def __init__(self, lines: dict[int, _Line]) -> None:
        self._lines = lines

    @classmethod
    def read(
        cls, tools: Sequence[Tool], span: Interval, now: datetime, *, company: Company | None
    ) -> Lines:
        """One query. Seconds are rounded outward, which no start on a full minute can notice."""
        own = company.pk if company else NOBODY
        found: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
        if span.start < span.end:
            rows = (
                Allocation.objects.claiming(now)
                .between(span.start - MARGIN, span.end + MARGIN)
                .filter(tool_id__in=[tool.pk for tool in tools])
                .order_by()
                .values_list(
                    "tool_id",
                    "booking__company_id",
                    _Floor(F("starts_at")),
                    _Ceiling(F("ends_at")),
                )
            )
            for tool, whose, start, end in rows:
                found[tool].append((start, end, whose is not None and whose != own))
        return cls({tool: _line(claims) for tool, claims in found.items()})

    def of(self, tool: int) -> tuple[Minutes, Minutes]:
        """Starts and ends of the tool's claims, sorted."""
        line = self._lines.get(tool, EMPTY)
        return line.starts, line.ends

    def near(self, tool: int, around: Interval) -> list[Interval]:
        """The claims that touch `around`."""
        line = self._lines.get(tool, EMPTY)
        return _spans(line, _touching(line, around))

    def others_near(self, tool: int, around: Interval) -> list[Interval]:
        """Those of them that are other companies' bookings."""
        line = self._lines.get(tool, EMPTY)
        part = _touching(line, around)
        return _spans(line, part[line.is_others[part]])

    def others(self, tool: int) -> list[Interval]:
        """All other companies' bookings of the tool."""
        line = self._lines.get(tool, EMPTY)
        return _spans(line, np.flatnonzero(line.is_others))


def _line(claims: list[tuple[int, int, bool]]) -> _Line:
    table = np.array(sorted(claims), dtype=np.int64)
    return _Line(table[:, 0], table[:, 1], table[:, 2].astype(bool))


def _touching(line: _Line, around: Interval) -> NDArray[np.intp]:
    """Claims do not overlap, so sorted by start they are sorted by end too."""
    first = np.searchsorted(line.ends, minute_of(around.start), side="right")
    last = np.searchsorted(line.starts, minute_of(around.end), side="left")
    return np.arange(first, max(first, last))


def _spans(line: _Line, part: NDArray[np.intp]) -> list[Interval]:
    pairs = zip(line.starts[part].tolist(), line.ends[part].tolist(), strict=True)
    return [Interval(moment_of(start), moment_of(end)) for start, end in pairs]


_NONE = np.zeros(0, dtype=np.int64)
EMPTY = _Line(_NONE, _NONE, _NONE.astype(bool))
