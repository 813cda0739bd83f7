"""The envelope: no spike is lost, however narrow the screen."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import settings as few
from hypothesis import strategies as st

from testbed.results.envelope import Piece, envelope


def piece(values: list[float], t0: float = 0.0, dt: float = 0.5) -> Piece:
    return Piece(t0, dt, np.array(values, dtype=np.float32))


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=400),
    pixels=st.integers(1, 60),
    cut=st.integers(0, 400),
)
def test_extremes_survive_and_points_are_few(values: list[float], pixels: int, cut: int) -> None:
    cut = min(cut, len(values))
    parts = [piece(values[:cut]), piece(values[cut:], t0=0.5 * cut)]
    found = envelope(parts, start=None, end=None, pixels=pixels)
    assert found.low.min() == np.float32(min(values))
    assert found.high.max() == np.float32(max(values))
    assert len(found.t) <= 2 * pixels
    assert found.count == len(values)
    assert (np.diff(found.t) > 0).all()


@few(max_examples=25)
@given(st.lists(st.floats(-100, 100, width=32), min_size=200, max_size=300), st.integers(1, 40))
def test_every_bucket_is_the_plain_minimum_and_maximum(values: list[float], pixels: int) -> None:
    found = envelope([piece(values)], start=None, end=None, pixels=pixels)
    share = -(-len(values) // pixels)
    edges = [*range(0, len(values), share), len(values)]
    assert len(found.t) == len(edges) - 1 <= pixels
    for i, (a, b) in enumerate(itertools.pairwise(edges)):
        assert found.low[i] == np.float32(min(values[a:b]))
        assert found.high[i] == np.float32(max(values[a:b]))


def test_a_range_takes_both_ends_and_nothing_outside() -> None:
    found = envelope([piece(list(range(20)))], start=2.0, end=4.0, pixels=50)
    assert found.is_raw
    assert found.t.tolist() == [2.0, 2.5, 3.0, 3.5, 4.0]


def test_holes_are_seen_through() -> None:
    values = [float("nan")] * 10 + [1.0] + [float("nan")] * 9
    found = envelope([piece(values)], start=None, end=None, pixels=2)
    assert np.isnan(found.low[0])
    assert found.high[1] == 1.0


def test_nothing_gives_nothing() -> None:
    assert envelope([], start=None, end=None, pixels=10).count == 0
    assert envelope([piece([1, 2])], start=9, end=10, pixels=10).t.size == 0
