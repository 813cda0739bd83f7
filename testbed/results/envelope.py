"""A long curve for a narrow screen: the minimum and maximum of each pixel, raw when zoomed in.

NumPy only. No sample is lost to sight: every spike reaches the minimum or maximum of its pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece:
    """Samples at an even spacing: `samples[k]` was taken at `t0_s + k * dt_s`."""

    t0_s: float
    dt_s: float
    samples: Samples


@dataclass(frozen=True, eq=False)
class Envelope:
    """Times (m,) in s with the lowest and highest value (m,) of each pixel.

    `is_raw`: the samples themselves, `low` equals `high`. `count`: samples in the range.
    """

    t: Array
    low: Samples
    high: Samples
    is_raw: bool
    count: int


def envelope(
    pieces: list[Piece], *, start: float | None, end: float | None, pixels: int
) -> Envelope:
    """The curve between `start` and `end` (s; None = its own ends) for `pixels` (>= 1) columns.

    Pieces follow one another in time. With at most two samples a pixel they are returned as
    they are; the number of points never exceeds twice the pixels.
    """
    cut = [_cut(piece, start, end) for piece in pieces]
    kept = [piece for piece in cut if piece.samples.size]
    if not kept:
        empty = np.zeros(0, dtype=np.float32)
        return Envelope(np.zeros(0), empty, empty, True, 0)
    samples = np.concatenate([piece.samples for piece in kept])
    times = np.concatenate([_times(piece) for piece in kept])
    if samples.size <= 2 * pixels:
        return Envelope(times, samples, samples, True, samples.size)
    low, high, first = min_max(samples, pixels)
    return Envelope(times[first], low, high, False, samples.size)


def min_max(samples: Samples, pixels: int) -> tuple[Samples, Samples, NDArray[np.int64]]:
    """(lowest, highest, first index), each (pixels,), of even shares of `samples` (n,)."""
    first = (np.arange(pixels, dtype=np.int64) * samples.size) // pixels
    return np.fmin.reduceat(samples, first), np.fmax.reduceat(samples, first), first


def _cut(piece: Piece, start: float | None, end: float | None) -> Piece:
    """The part of a piece within [start, end], found by arithmetic, not by looking."""
    size = piece.samples.size
    first = 0 if start is None else int(np.ceil(_index(piece, start) - 1e-9))
    last = size if end is None else int(np.floor(_index(piece, end) + 1e-9)) + 1
    first, last = min(max(first, 0), size), min(max(last, 0), size)
    return Piece(
        piece.t0_s + first * piece.dt_s, piece.dt_s, piece.samples[first : max(last, first)]
    )


def _index(piece: Piece, at: float) -> float:
    """Fractional sample number of a time, held within what an integer can take."""
    return float(np.clip((at - piece.t0_s) / piece.dt_s, -1e15, 1e15))


def _times(piece: Piece) -> Array:
    return np.asarray(piece.t0_s + piece.dt_s * np.arange(piece.samples.size), dtype=np.float64)
