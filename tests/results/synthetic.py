"""Focus-exposure matrices made from a known surface, for checking what the analysis finds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from testbed.results.bossung import Array, Matrix
from testbed.results.field_grid import full_fields

TARGET = 40.0


@dataclass(frozen=True)
class Truth:
    """CD = target - slope u + bend u^2 - (1 + u / isofocal) curvature f^2 with u = ln(E / size)."""

    best_focus: float = 12.0
    size: float = 30.0
    slope: float = 50.0
    bend: float = 15.0
    curvature: float = 1.1e-3
    isofocal: float = 0.28

    def cd(self, dose: Array, focus: Array) -> Array:
        u, f = np.log(dose / self.size), focus - self.best_focus
        return np.asarray(
            TARGET
            - self.slope * u
            + self.bend * u**2
            - self.curvature * (1 + u / self.isofocal) * f**2
        )


@dataclass(frozen=True)
class Disturbance:
    """One sigma of everything that is not the surface; `outliers` = share of bad sites."""

    site: float = 0.25
    place: float = 0.15
    tilt: float = 0.1
    bow: float = 0.15
    dose_percent: float = 0.2
    focus: float = 2.0
    outliers: float = 0.0


QUIET = Disturbance(0, 0, 0, 0, 0, 0)


def matrix(
    seed: int,
    *,
    truth: Truth | None = None,
    disturbance: Disturbance | None = None,
    wafers: int = 3,
    dose_start: float = 24.0,
    dose_step: float = 2.0,
    focus_start: float = -125.0,
    focus_step: float = 25.0,
) -> Matrix:
    """A 7 x 11 matrix on the 57 full fields, `wafers` times."""
    truth, noise = truth or Truth(), disturbance or Disturbance()
    rng = np.random.default_rng(seed)
    x, y = (np.array(v) for v in zip(*((f.x_mm, f.y_mm) for f in full_fields()), strict=True))
    dose = dose_start + dose_step * (np.round(y / 33) + 3)
    focus = focus_start + focus_step * (np.round(x / 26) + 5)
    a, b, c = rng.normal(size=3)
    fixed = (noise.tilt * (a * x + b * y)) / 150 + noise.place * rng.normal(size=x.size)
    fixed += noise.bow * c * ((x**2 + y**2) / 150**2 - ((x**2 + y**2) / 150**2).mean())
    parts = []
    for _wafer in range(wafers):
        off = (1 + noise.dose_percent / 100 * rng.normal(), noise.focus * rng.normal())
        cd = truth.cd(dose * off[0], focus + off[1]) + fixed + noise.site * rng.normal(size=x.size)
        cd += (rng.random(x.size) < noise.outliers) * rng.normal(0, 8, x.size)
        parts.append(cd)
    return Matrix(
        dose=np.tile(dose, wafers),
        focus=np.tile(focus, wafers),
        cd=np.concatenate(parts),
        wafer=np.repeat(np.arange(wafers), x.size),
        x_mm=np.tile(x, wafers),
        y_mm=np.tile(y, wafers),
    )


def with_cd(found: Matrix, cd: Array) -> Matrix:
    """The same places with other line widths."""
    return replace(found, cd=cd)
