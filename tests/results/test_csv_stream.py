"""A cell never runs as a formula; the file comes in pieces."""

from __future__ import annotations

import csv
import io

import pytest

from testbed.results.csv_stream import cell, lines


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1+1", "\n=1"])
def test_text_that_would_run_is_disarmed(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["L26-041", "a=b", "가온소재", "", -1.5, 7])
def test_everything_else_stays(value: object) -> None:
    assert cell(value) == value


def test_nothing_is_empty() -> None:
    assert cell(None) == ""


def test_the_file_is_streamed_and_read_back_the_same() -> None:
    rows = [(i, f'wafer "{i}", slot', -0.5 * i) for i in range(1_203)]
    pieces = list(lines(("n", "text", "x"), rows))
    assert len(pieces) == 3
    read = list(csv.reader(io.StringIO("".join(pieces).lstrip("\ufeff"))))
    assert read[0] == ["n", "text", "x"]
    assert read[1203] == ["1202", 'wafer "1202", slot', "-601.0"]
