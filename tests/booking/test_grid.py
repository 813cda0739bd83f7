"""The timetable's grid: pieces stay in place, apart, and inside; the style sheet fits it."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import booking
from testbed.booking import grid
from testbed.booking.grid import Frame, Piece
from testbed.booking.timeline import Block, Prime, Row
from testbed.tools.models import Tool
from tests.booking.conftest import kst

MONDAY = date(2027, 3, 1)
DAY, WEEK = (Frame(MONDAY, grid.ZOOMS[name]) for name in ("day", "week"))
MONTH = grid.frame_of(grid.ZOOMS["month"], MONDAY, MONDAY)


def columns(pieces: list[Piece]) -> list[int]:
    return [n for piece in pieces for n in range(piece.start, piece.start + piece.span)]


def test_the_committed_style_sheet_is_the_generated_one() -> None:
    committed = Path(booking.__path__[0]) / "static/booking/columns.css"
    assert committed.read_text() == grid.stylesheet()


@pytest.mark.parametrize("frame", [DAY, WEEK, MONTH], ids=grid.ZOOMS)
def test_every_zoom_fits_the_style_sheet(frame: Frame) -> None:
    assert frame.zoom.columns <= grid.MOST_COLUMNS
    for marks in filter(None, (grid.day_marks(frame), grid.hour_marks(frame))):
        assert marks[0].start == 1
        assert marks[-1].start + marks[-1].span - 1 == frame.zoom.columns
    assert f".d{frame.zoom.days}{{" in grid.stylesheet()


@pytest.mark.parametrize(
    ("name", "day", "first", "days", "before", "after"),
    [
        ("day", None, (2027, 3, 3), 1, (2027, 3, 2), (2027, 3, 4)),
        ("week", None, (2027, 3, 1), 7, (2027, 2, 22), (2027, 3, 8)),
        ("week", date(2027, 3, 4), (2027, 3, 4), 7, (2027, 2, 25), (2027, 3, 11)),
        ("month", date(2027, 2, 14), (2027, 2, 1), 28, (2027, 1, 1), (2027, 3, 1)),
        ("month", date(2028, 2, 29), (2028, 2, 1), 29, (2028, 1, 1), (2028, 3, 1)),
    ],
)
def test_a_frame_begins_where_it_says(
    name: str, day: date | None, first: tuple[int, ...], days: int,
    before: tuple[int, ...], after: tuple[int, ...],
) -> None:  # fmt: skip
    frame = grid.frame_of(grid.ZOOMS[name], day, date(2027, 3, 3))
    assert (frame.first, frame.zoom.days) == (date(*first), days)
    assert (frame.before, frame.after) == (date(*before), date(*after))


def test_blocks_reach_out_to_whole_columns() -> None:
    blocks = [
        Block("own", kst(1, 9, 10), kst(1, 10, 50)),
        Block("busy", kst(1, 10, 50), kst(1, 10, 55)),
        Block("maintenance", kst(7, 23), kst(9)),
    ]
    pieces = grid.place(blocks, WEEK)
    assert [(piece.start, piece.span) for piece in pieces] == [(19, 4), (23, 1), (335, 2)]
    assert (pieces[0].a, pieces[0].z) == (550, 650)
    assert pieces[-1].z == WEEK.zoom.minutes


def test_what_began_before_the_first_day_begins_at_its_edge() -> None:
    pieces = grid.place([Block("busy", kst(1, 20), kst(2, 1))], Frame(date(2027, 3, 2), DAY.zoom))
    assert [(piece.start, piece.span, piece.a) for piece in pieces] == [(1, 4, 0)]


def test_the_present_has_a_column_only_inside() -> None:
    frame = Frame(date(2027, 3, 2), DAY.zoom)
    assert grid.now_column(kst(2, 1), frame) == 5
    assert grid.now_column(kst(3), frame) is None
    assert grid.now_column(kst(1, 23), frame) is None


def tool(opens: int, closes: int, *, weekends: bool = True) -> Tool:
    return Tool(opens_at=time(opens), closes_at=time(closes), works_weekends=weekends)


def test_free_time_lies_between_the_blocks_of_open_hours() -> None:
    taken = grid.place([Block("busy", kst(1, 12), kst(1, 13, 30))], DAY)
    hours = grid.open_minutes(tool(9, 18), DAY, kst(1, 10, 1))
    free = list(grid.free_pieces(taken, hours, DAY))
    assert [(piece.a, piece.z) for piece in free] == [(615, 720), (810, 1080)]


def test_free_time_is_cut_at_midnight() -> None:
    free = list(grid.free_pieces([], grid.open_minutes(tool(0, 0), WEEK, kst(1)), WEEK))
    assert [(piece.a, piece.z) for piece in free] == [(n * 1440, n * 1440 + 1440) for n in range(7)]


def test_a_tool_that_is_closed_has_no_free_time_and_is_shut() -> None:
    weekend = Frame(date(2027, 3, 6), DAY.zoom)
    resting = tool(9, 18, weekends=False)
    assert grid.open_minutes(resting, weekend, kst(1)) == []
    assert [(piece.start, piece.span) for piece in grid.shut(resting, weekend)] == [(1, 96)]
    assert grid.shut(tool(0, 0), weekend) == []


def test_prime_hours_are_marked_on_working_days_alone() -> None:
    row = Row(tool(0, 0), [], (), Prime(9, 18))
    marked = grid.prime(row, WEEK)
    assert [piece.a for piece in marked] == [n * 1440 + 540 for n in range(5)]
    assert grid.prime(Row(tool(0, 0), []), WEEK) == []


@given(st.lists(st.integers(0, 9 * 24 * 60), max_size=40), st.sampled_from([DAY, WEEK, MONTH]))
def test_no_column_is_shared_and_no_free_minute_is_taken(marks: list[int], frame: Frame) -> None:
    edges = sorted(set(marks))
    begin = kst(1) - timedelta(days=1)
    blocks = [
        Block("busy", begin + timedelta(minutes=one), begin + timedelta(minutes=two))
        for one, two in zip(edges[::2], edges[1::2], strict=False)
    ]
    shown = [
        b for b in blocks if b.ends_at > kst(1) and frame.minute(b.starts_at) < frame.zoom.minutes
    ]
    taken = grid.place(shown, frame)
    free = list(grid.free_pieces(taken, [(0, frame.zoom.minutes)], frame))
    used = columns([*taken, *free])
    assert len(used) == len(set(used))
    assert all(1 <= column <= frame.zoom.columns for column in used)
    for piece in free:
        assert piece.a // 1440 == (piece.z - 1) // 1440
        for one in shown:
            assert frame.minute(one.ends_at) <= piece.a or piece.z <= frame.minute(one.starts_at)
