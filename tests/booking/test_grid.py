"""The timetable's grid: blocks stay in place, apart, and inside; the style sheet fits it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import booking
from testbed.booking import grid
from testbed.booking.timeline import Block
from tests.booking.conftest import kst


def test_the_committed_style_sheet_is_the_generated_one() -> None:
    committed = Path(booking.__path__[0]) / "static/booking/columns.css"
    assert committed.read_text() == grid.stylesheet()


@pytest.mark.parametrize("zoom", grid.ZOOMS.values(), ids=grid.ZOOMS)
def test_every_zoom_fits_the_style_sheet(zoom: grid.Zoom) -> None:
    assert zoom.columns <= grid.MOST_COLUMNS
    assert [mark.start for mark in grid.day_marks(kst(1).date(), zoom)][-1] <= zoom.columns
    last = grid.hour_marks(kst(1).date(), zoom)[-1]
    assert last.start + last.span - 1 == zoom.columns


def test_blocks_reach_out_to_whole_columns() -> None:
    week = grid.ZOOMS["week"]
    blocks = [
        Block("own", kst(1, 9, 10), kst(1, 10, 50)),
        Block("busy", kst(1, 10, 50), kst(1, 10, 55)),
        Block("maintenance", kst(7, 23), kst(9)),
    ]
    cells = grid.place(blocks, kst(1), week)
    assert [(cell.start, cell.span) for cell in cells] == [(19, 4), (23, 1), (335, 2)]


def test_what_began_before_the_first_day_begins_at_its_edge() -> None:
    cells = grid.place([Block("busy", kst(1, 20), kst(2, 1))], kst(2), grid.ZOOMS["day"])
    assert [(cell.start, cell.span) for cell in cells] == [(1, 4)]


def test_the_present_has_a_column_only_inside() -> None:
    day = grid.ZOOMS["day"]
    assert grid.now_column(kst(2, 1), kst(2).date(), day) == 5
    assert grid.now_column(kst(3), kst(2).date(), day) is None
    assert grid.now_column(kst(1, 23), kst(2).date(), day) is None


@given(st.lists(st.integers(0, 9 * 24 * 60), max_size=40), st.sampled_from(list(grid.ZOOMS)))
def test_cells_never_overlap(marks: list[int], name: str) -> None:
    zoom = grid.ZOOMS[name]
    edges = sorted(set(marks))
    begin = kst(1) - timedelta(days=1)
    blocks = [
        Block("busy", begin + timedelta(minutes=one), begin + timedelta(minutes=two))
        for one, two in zip(edges[::2], edges[1::2], strict=False)
    ]
    visible = [b for b in blocks if b.ends_at > kst(1)]
    cells = grid.place(visible, kst(1), zoom)
    taken = [column for cell in cells for column in range(cell.start, cell.start + cell.span)]
    assert len(taken) == len(set(taken))
    assert all(1 <= column <= zoom.columns for column in taken)
