"""The timeline as a grid of equal columns: where each block begins and how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor
from typing import TYPE_CHECKING

from django.urls import reverse

from testbed.booking.hours import KST
from testbed.booking.timeline import KINDS, Block, Row, midnight
from testbed.booking.words import hours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.tools.models import Tool

# columns.css has a class for every start and every span up to this many.
MOST_COLUMNS = 336


@dataclass(frozen=True)
class Zoom:
    """A scale: how many days, how many columns an hour has, which hours are written."""

    name: str
    days: int
    columns_per_hour: int
    hours_between_marks: int

    @property
    def columns(self) -> int:
        return self.days * 24 * self.columns_per_hour

    @property
    def column(self) -> timedelta:
        return timedelta(hours=1) / self.columns_per_hour


ZOOMS = {
    "day": Zoom("day", days=1, columns_per_hour=4, hours_between_marks=1),
    "week": Zoom("week", days=7, columns_per_hour=2, hours_between_marks=4),
}


@dataclass(frozen=True)
class Cell:
    """A block in its place: first column (1 is the leftmost) and number of columns."""

    block: Block
    start: int
    span: int

    @property
    def word(self) -> str:
        """What the block says first: whose and what, as far as the viewer may know."""
        note = self.block.note
        if self.block.kind == "own":
            return note
        label = str(KINDS[self.block.kind])
        return f"{label} · {note}" if note else label

    @property
    def place(self) -> str:
        """Its classes of columns.css."""
        return f"s{self.start} n{self.span}"

    @property
    def url(self) -> str:
        """The booking's page, or empty for what the viewer may not open."""
        return reverse("booking", args=[self.block.booking]) if self.block.booking else ""

    @property
    def hours(self) -> str:
        return hours(self.block.starts_at, self.block.ends_at)

    @property
    def day(self) -> date:
        return self.block.starts_at.astimezone(KST).date()


@dataclass(frozen=True)
class Track:
    tool: Tool
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Mark:
    """A label of the head: a day or an hour."""

    label: datetime
    start: int
    span: int


def tracks(rows: Sequence[Row], first: date, zoom: Zoom) -> list[Track]:
    """Every row's blocks placed in the grid of `zoom` that begins on `first`."""
    return [Track(row.tool, place(row.blocks, midnight(first), zoom)) for row in rows]


def place(blocks: Sequence[Block], start: datetime, zoom: Zoom) -> list[Cell]:
    """Blocks (sorted, not overlapping) as cells that never overlap either.

    A block reaches outward to whole columns, but never over its neighbour; one that is shorter
    than what is left of a column shares no column with the next and keeps one of its own.
    """
    cells: list[Cell] = []
    free_from = 0
    for block in blocks:
        first = max(floor((block.starts_at - start) / zoom.column), free_from, 0)
        last = min(max(ceil((block.ends_at - start) / zoom.column), first + 1), zoom.columns)
        if first < last:
            cells.append(Cell(block, first + 1, last - first))
            free_from = last
    return cells


def day_marks(first: date, zoom: Zoom) -> list[Mark]:
    per_day = zoom.columns // zoom.days
    return [
        Mark(midnight(first + timedelta(days=day)), day * per_day + 1, per_day)
        for day in range(zoom.days)
    ]


def hour_marks(first: date, zoom: Zoom) -> list[Mark]:
    span = zoom.hours_between_marks * zoom.columns_per_hour
    start = midnight(first)
    step = timedelta(hours=zoom.hours_between_marks)
    return [
        Mark(start + number * step, number * span + 1, span)
        for number in range(zoom.columns // span)
    ]


def now_column(now: datetime, first: date, zoom: Zoom) -> int | None:
    """The column of the present moment, or None outside the grid."""
    column = floor((now - midnight(first)) / zoom.column) + 1
    return column if 1 <= column <= zoom.columns else None


def stylesheet() -> str:
    """columns.css: a class for each start and span, because pages carry no inline style."""
    starts = (f".s{n}{{grid-column-start:{n}}}" for n in range(1, MOST_COLUMNS + 1))
    spans = (f".n{n}{{grid-column-end:span {n}}}" for n in range(1, MOST_COLUMNS + 1))
    return "\n".join(["/* Made by testbed.booking.grid.stylesheet(). */", *starts, *spans, ""])
