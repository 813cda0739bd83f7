"""All tools' claims over a range, read in one query as whole minutes; and the range as a ruler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import F, Field, Func
from numpy.typing import NDArray

from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation
from testbed.compiled import Among, Statement, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    """A moment as whole minutes since 1970; a double is exact enough, and far faster to count."""

    # The driver gives a whole number already; a field for such would convert each once more.
    output_field = Field()


class _Floor(_Minute):
    template = "FLOOR(DATE_PART('epoch', %(expressions)s) / 60)::int"


class _Ceiling(_Minute):
    template = "CEIL(DATE_PART('epoch', %(expressions)s) / 60)::int"


# How many claims there are hangs on the range.
_CLAIMS: Statement[Any] = Statement(
    lambda: (
        Allocation.objects.claiming(moment("now"))
        .between(moment("start"), moment("end"))
        .filter(Among("tool_id", "tools"))
        .order_by()
        .values_list(
            "tool_id", _Floor(F("starts_at")), _Ceiling(F("ends_at")), "booking__company_id"
        )
    ),
    is_planned_anew=True,
)


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
        first = np.minimum(np.maximum((starts - self.zero) // self.unit, 0), self.size)
        last = np.minimum(np.maximum(-((self.zero - ends) // self.unit), 0), self.size)
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
        if span.start >= span.end or not tools:
            return cls({})
        rows = _CLAIMS(
            now=now, start=span.start - MARGIN, end=span.end + MARGIN,
            tools=[tool.pk for tool in tools],
        )  # fmt: skip
        own = company.pk if company else NOBODY
        claims = [(tool, start, end, whose or NOBODY) for tool, start, end, whose in rows]
        table = np.array(claims, dtype=np.int64).reshape(-1, 4)
        table = table[np.lexsort((table[:, 2], table[:, 1], table[:, 0]))]
        found, firsts = np.unique(table[:, 0], return_index=True)
        parts = np.split(table, firsts[1:])
        return cls(
            {
                tool: _Line(part[:, 1], part[:, 2], (part[:, 3] != NOBODY) & (part[:, 3] != own))
                for tool, part in zip(found.tolist(), parts, strict=False)
            }
        )

    def of(self, tool: int) -> tuple[Minutes, Minutes]:
        """Starts and ends of the tool's claims, sorted."""
        line = self._lines.get(tool, EMPTY)
        return line.starts, line.ends

    def near(self, tool: int, around: Interval) -> list[Interval]:
        """The claims that touch `around`."""
        line = self._lines.get(tool, EMPTY)
        part = _touching(line, around)
        return _spans(line.starts[part], line.ends[part])

    def others_near(self, tool: int, around: Interval) -> list[Interval]:
        """Those of them that are other companies' bookings."""
        line = self._lines.get(tool, EMPTY)
        part = _touching(line, around)
        whose = line.is_others[part]
        return _spans(line.starts[part][whose], line.ends[part][whose])

    def others(self, tool: int) -> list[Interval]:
        """All other companies' bookings of the tool."""
        line = self._lines.get(tool, EMPTY)
        return _spans(line.starts[line.is_others], line.ends[line.is_others])


class Near(Mapping[int, list[Interval]]):
    """Stretches of each of some tools, looked up when a rule asks for them: few rules do."""

    def __init__(self, tools: Sequence[Tool], find: Callable[[int], list[Interval]]) -> None:
        self._tools, self._find = [tool.pk for tool in tools], find
        self._found: dict[int, list[Interval]] = {}

    def __getitem__(self, tool: int) -> list[Interval]:
        if tool not in self._tools:
            raise KeyError(tool)
        if tool not in self._found:
            self._found[tool] = self._find(tool)
        return self._found[tool]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def _touching(line: _Line, around: Interval) -> slice:
    """Claims do not overlap, so sorted by start they are sorted by end too."""
    first = int(np.searchsorted(line.ends, minute_of(around.start), side="right"))
    last = int(np.searchsorted(line.starts, minute_of(around.end), side="left"))
    return slice(first, max(first, last))


def _spans(starts: Minutes, ends: Minutes) -> list[Interval]:
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return [Interval(moment_of(start), moment_of(end)) for start, end in pairs]


_NONE = np.zeros(0, dtype=np.int64)
EMPTY = _Line(_NONE, _NONE, _NONE.astype(bool))
