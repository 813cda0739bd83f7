"""The timeline as a grid of equal columns: where each block begins and how far it reaches.

Everything here counts in minutes from the grid's beginning; Korea has no summer time, so a day is
always 1440 of them.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format

from testbed.booking.hours import KST, open_windows
from testbed.booking.intervals import Interval, subtract
from testbed.booking.timeline import midnight
from testbed.booking.words import day_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from testbed.booking.timeline import Block, Row
    from testbed.tools.models import Tool

DAY = 24 * 60
# columns.css has a class for every start and every span up to this many.
MOST_COLUMNS = 372
# No start is offered on a finer mark than this, in minutes.
TIDY = 15


@dataclass(frozen=True)
class Zoom:
    """A scale: how many days, a column's minutes, which hours are written (0: none).

    legible, timed: a block of fewer minutes is too narrow for words, or for its time below them;
    they are read aloud all the same.
    """

    name: str
    days: int
    column: int
    hours_between_marks: int
    legible: int
    timed: int

    @property
    def columns(self) -> int:
        return self.days * DAY // self.column

    @property
    def minutes(self) -> int:
        return self.days * DAY


ZOOMS = {
    "day": Zoom("day", days=1, column=15, hours_between_marks=1, legible=40, timed=45),
    "week": Zoom("week", days=7, column=30, hours_between_marks=4, legible=150, timed=240),
    "month": Zoom("month", days=31, column=120, hours_between_marks=0, legible=840, timed=1440),
}


@dataclass(frozen=True)
class Frame:
    """What is shown: `first` is the first day, a month's first one in the month's zoom."""

    first: date
    zoom: Zoom

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.zoom.days - 1)

    @property
    def before(self) -> date:
        if self.zoom.name == "month":
            return (self.first - timedelta(days=1)).replace(day=1)
        return self.first - timedelta(days=self.zoom.days)

    @property
    def after(self) -> date:
        return self.first + timedelta(days=self.zoom.days)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.zoom.days)]

    def minute(self, moment: datetime) -> int:
        """Whole minutes from the beginning to `moment`, negative before it."""
        return int((moment - self.start).total_seconds()) // 60

    def moment(self, minute: int) -> datetime:
        return self.start + timedelta(minutes=minute)

    @cached_property
    def begins(self) -> _Begins:
        return _Begins(self)

    @cached_property
    def ends(self) -> _Ends:
        return _Ends(self)


class _Begins(dict[datetime, int]):
    """The minute in which a block begins, from the frame's beginning on; worked out once each."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.zero = int(frame.start.timestamp())

    def __missing__(self, moment: datetime) -> int:
        found = self[moment] = max((int(moment.timestamp()) - self.zero) // 60, 0)
        return found


class _Ends(dict[datetime, int]):
    """The same of its end, which within a minute reaches to that minute's end."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.zero, self.most = int(frame.start.timestamp()), frame.zoom.minutes

    def __missing__(self, moment: datetime) -> int:
        found = self[moment] = min(-((self.zero - ceil(moment.timestamp())) // 60), self.most)
        return found


def frame_of(zoom: Zoom, day: date | None, today: date) -> Frame:
    """The frame that begins on `day`; without one the present day, week (Monday on) or month."""
    if zoom.name == "month":
        first = (day or today).replace(day=1)
        return Frame(first, replace(zoom, days=monthrange(first.year, first.month)[1]))
    if day is None:
        day = today if zoom.days == 1 else today - timedelta(days=today.weekday())
    return Frame(day, zoom)


class Piece(NamedTuple):
    """A stretch of a row in its place; `block` None: free time.

    start: first column (1 is the leftmost), span: number of columns, a and z: minutes [a, z),
    exact where start and span are rounded, but never outside the grid.
    """

    start: int
    span: int
    a: int
    z: int
    block: Block | None = None

    @property
    def place(self) -> str:
        """Its classes of columns.css."""
        return f"s{self.start} n{self.span}"


def place(blocks: Sequence[Block], frame: Frame) -> list[Piece]:
    """Blocks (sorted, not overlapping) as pieces that share no column.

    A block reaches outward to whole columns, but never over its neighbour; one that is shorter
    than what is left of a column shares no column with the next and keeps one of its own.
    """
    pieces: list[Piece] = []
    begins, ends, free_from = frame.begins, frame.ends, 0
    width, columns = frame.zoom.column, frame.zoom.columns
    for block in blocks:
        a, z = begins[block.starts_at], ends[block.ends_at]
        first, last = a // width, -(-z // width)
        if first < free_from:
            first = free_from
        if last <= first:
            last = first + 1
        if last > columns:
            last = columns
        if first < last:
            pieces.append(Piece(first + 1, last - first, a, z, block))
            free_from = last
    return pieces


def free_pieces(
    taken: Sequence[Piece], open_minutes: Sequence[tuple[int, int]], frame: Frame
) -> list[Piece]:
    """The bookable time that no block has, cut at midnight, in the columns that are left."""
    free: list[Piece] = []
    width, z, edge = frame.zoom.column, 0, 1
    for piece in taken:
        if z < piece.a:
            _add_free(free, (z, piece.a), (edge, piece.start), open_minutes, width)
        z, edge = piece.z, piece.start + piece.span
    _add_free(free, (z, frame.zoom.minutes), (edge, frame.zoom.columns + 1), open_minutes, width)
    return free


def _add_free(
    free: list[Piece],
    gap: tuple[int, int],
    columns: tuple[int, int],
    open_minutes: Sequence[tuple[int, int]],
    width: int,
) -> None:
    """What of a gap is open: a piece a day, within [from, until) of the columns."""
    (begin, until), (edge, wall) = gap, columns
    for opens, closes in open_minutes:
        a = opens if opens > begin else begin
        z = closes if closes < until else until
        while a < z:
            day_end = a - a % DAY + DAY
            end = z if z < day_end else day_end
            first, last = max(-(-a // width) + 1, edge), min(end // width + 1, wall)
            if first < last:
                free.append(Piece(first, last - first, a, end))
            a = end


def open_minutes(tool: Tool, frame: Frame, now: datetime) -> list[tuple[int, int]]:
    """The tool's opening times in the frame from the next quarter of an hour on."""
    begin = max(-(-frame.minute(now) // TIDY) * TIDY, 0)
    windows = open_windows(tool, frame.start, frame.moment(frame.zoom.minutes))
    spans = [(frame.minute(one.start), frame.minute(one.end)) for one in windows]
    return [(max(a, begin), z) for a, z in spans if z > begin]


def shut(tool: Tool, frame: Frame) -> list[Piece]:
    """When the tool is not open, in inner columns."""
    whole = Interval(frame.start, frame.moment(frame.zoom.minutes))
    holes = subtract([whole], open_windows(tool, *whole))
    spans = ((frame.minute(one.start), frame.minute(one.end)) for one in holes)
    return [piece for a, z in spans for piece in _inner(a, z, frame)]


def prime(row: Row, frame: Frame) -> list[Piece]:
    """The prime hours of Monday to Friday, where the tool has them."""
    if row.prime is None:
        return []
    hours = row.prime
    return [
        piece
        for number, day in enumerate(frame.days)
        if day.weekday() < 5
        for piece in _inner(
            number * DAY + hours.from_hour * 60, number * DAY + hours.until_hour * 60, frame
        )
    ]


def _inner(a: int, z: int, frame: Frame) -> list[Piece]:
    first, last = -(-a // frame.zoom.column), z // frame.zoom.column
    return [Piece(first + 1, last - first, a, z)] if first < last else []


class Mark(NamedTuple):
    """A label of the head: a day or an hour, with its columns and the day it is in."""

    label: str
    start: int
    span: int
    day: date

    @property
    def place(self) -> str:
        return f"s{self.start} n{self.span}"


def day_marks(frame: Frame) -> list[Mark]:
    span = DAY // frame.zoom.column
    name = _short_day if frame.zoom.name == "month" else day_name
    return [Mark(name(day), n * span + 1, span, day) for n, day in enumerate(frame.days)]


def _short_day(day: date) -> str:
    return f"{day.day} {date_format(day, 'D')}"


def hour_marks(frame: Frame) -> list[Mark]:
    every = frame.zoom.hours_between_marks
    if not every:
        return []
    span = every * 60 // frame.zoom.column
    return [
        Mark(f"{hour:02d}", (number * 24 + hour) * 60 // frame.zoom.column + 1, span, day)
        for number, day in enumerate(frame.days)
        for hour in range(0, 24, every)
    ]


def now_column(now: datetime, frame: Frame) -> int | None:
    """The column of the present moment, or None outside the grid."""
    column = frame.minute(now) // frame.zoom.column + 1
    return column if 1 <= column <= frame.zoom.columns else None


def today_in_korea(now: datetime) -> date:
    return timezone.localtime(now, KST).date()


def stylesheet() -> str:
    """columns.css: a class for each start and span, because pages carry no inline style."""
    starts = (f".s{n}{{grid-column-start:{n}}}" for n in range(1, MOST_COLUMNS + 2))
    spans = (f".n{n}{{grid-column-end:span {n}}}" for n in range(1, MOST_COLUMNS + 1))
    days = (f".d{n}{{--days:{n}}}" for n in (1, 7, 28, 29, 30, 31))
    return "\n".join(
        ["/* Made by testbed.booking.grid.stylesheet(). */", *starts, *spans, *days, ""]
    )
