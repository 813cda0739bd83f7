"""Results: the process-window fit beside a plain least squares, the envelope beside NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from bench.figure import Figure
from testbed.results.bossung import LADDER, Matrix, design
from testbed.results.envelope import Piece, envelope
from testbed.results.field_grid import full_fields
from testbed.results.process_window import analyse

TARGET_NM, WAFERS = 40.0, 25
SAMPLES, PIXELS = 2_000_000, 1_000


def figures() -> Iterator[Figure]:
    """`results.fit_ms`: a 25-wafer matrix; `results.envelope_ms`: two million samples."""
    yield fit_figure()
    yield envelope_figure()


def fit_figure(rounds: int = 15) -> Figure:
    """Robust fit with all intervals, over one ordinary least squares of the same terms."""
    matrix = synthetic()
    e, f = np.log(matrix.dose / 30.0), matrix.focus / 100.0
    x = design(LADDER[0], e, f)
    value = best_ms(lambda: analyse(matrix, TARGET_NM), rounds)
    limit = best_ms(lambda: np.linalg.lstsq(x, matrix.cd, rcond=None), rounds)
    return Figure("results.fit_ms", value, "ms", limit, rounds)


def envelope_figure(rounds: int = 15) -> Figure:
    """Our envelope, over the plain minimum and maximum of the same samples reshaped by pixel."""
    samples = np.random.default_rng(1).normal(size=SAMPLES).astype(np.float32)
    pieces = [Piece(0.0, 1e-3, samples)]
    square = samples.reshape(PIXELS, -1)
    value = best_ms(lambda: envelope(pieces, start=None, end=None, pixels=PIXELS), rounds)
    limit = best_ms(lambda: (square.min(axis=1), square.max(axis=1)), rounds)
    return Figure("results.envelope_ms", value, "ms", limit, rounds)


def best_ms(work: Callable[[], object], rounds: int) -> float:
    """The shortest of `rounds` runs in ms: the one the machine disturbed least."""
    times = []
    for _round in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1e3 * min(times)


def synthetic() -> Matrix:
    """A 7 x 11 matrix on 57 fields of 25 wafers, seeded."""
    rng = np.random.default_rng(7)
    places = np.array([(field.x_mm, field.y_mm) for field in full_fields()])
    x, y = np.tile(places[:, 0], WAFERS), np.tile(places[:, 1], WAFERS)
    dose, focus = 30 + 2 * np.round(y / 33), 25 * np.round(x / 26)
    u = np.log(dose / 30)
    cd = TARGET_NM - 50 * u + 15 * u**2 - 1.1e-3 * (1 + u / 0.3) * (focus - 10) ** 2
    return Matrix(
        dose=dose,
        focus=focus,
        cd=cd + 0.3 * rng.normal(size=cd.size),
        wafer=np.repeat(np.arange(WAFERS), len(places)),
        x_mm=x,
        y_mm=y,
    )
