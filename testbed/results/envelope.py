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
    they are; otherwise there are at most `pixels` points.
    """
    kept = [piece for piece in (_cut(each, start, end) for each in pieces) if piece.samples.size]
    if not kept:
        empty = np.zeros(0, dtype=np.float32)
        return Envelope(np.zeros(0), empty, empty, True, 0)
    samples = kept[0].samples if len(kept) == 1 else np.concatenate([p.samples for p in kept])
    if samples.size <= 2 * pixels:
        every = np.arange(samples.size, dtype=np.int64)
        return Envelope(_times(kept, every), samples, samples, True, samples.size)
    low, high, first = min_max(samples, pixels)
    return Envelope(_times(kept, first), low, high, False, samples.size)


def min_max(samples: Samples, pixels: int) -> tuple[Samples, Samples, NDArray[np.int64]]:
    """(lowest, highest, first index) of shares of ceil(n / pixels) samples; the last is shorter.

    NaN is looked through unless a share has nothing else.
    """
    share = -(-samples.size // pixels)
    whole = samples.size // share
    block = samples[: whole * share].reshape(whole, share)
    low, high = block.min(axis=1), block.max(axis=1)
    if np.isnan(low).any():
        low, high = np.fmin.reduce(block, axis=1), np.fmax.reduce(block, axis=1)
    rest = samples[whole * share :]
    if rest.size:
        low = np.append(low, np.fmin.reduce(rest))
        high = np.append(high, np.fmax.reduce(rest))
    return low, high, share * np.arange(low.size, dtype=np.int64)


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


def _times(pieces: list[Piece], index: NDArray[np.int64]) -> Array:
    """Times (m,) of the samples at `index` (m,) of all pieces one after another."""
    starts = np.cumsum([0, *(piece.samples.size for piece in pieces)])[:-1]
    at = np.searchsorted(starts, index, side="right") - 1
    t0 = np.array([piece.t0_s for piece in pieces])
    dt = np.array([piece.dt_s for piece in pieces])
    return np.asarray(t0[at] + dt[at] * (index - starts[at]), dtype=np.float64)
