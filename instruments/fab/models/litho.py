"""How a line comes out of dose and focus: the physics shared by scanner, track and CD-SEM.

The line width follows a Bossung surface (Mack, *Fundamental Principles of Optical Lithography*,
2007, ch. 8): with u = ln(E/E_size) and f the distance from best focus,

    CD(u, f) = T − A·u + B·u² − C·(1 + u/v)·f² + G·u·f

T is the target, A sets the exposure latitude, C the depth of focus, u = −v the isofocal dose, and
G the small shift of best focus with dose. Everything else moves E_size or best focus, or is added
per field with zero mean, so that the truth about a wafer is one set of numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

FIELD_W_MM = 26.0
FIELD_H_MM = 33.0
FULL_RADIUS_MM = 147.0
COLUMNS = 11
ROWS = 7
TARGET_NM = 40.0
CD_SIGNATURE_NM = 0.25
LIMIT = 0.10
EL_FOR_DOF = 10.0
# Acid that is lost before the bake: ln(dose to size) grows by this much at most.
DELAY_MOST = 0.006
DELAY_TAU_S = 60.0
# Of the post-exposure bake: ln(dose to size) falls by this much for each degree.
PEB_PER_C = 0.012
ROOM_C = 23.0
PLATE_C = 0.10
Field = tuple[int, int]
Floats = NDArray[np.float64]


@cache
def full_fields() -> tuple[Field, ...]:
    """Column and row of every full field, row by row from the bottom: 57 of them."""
    fields = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            x, y = field_centre((column, row))
            if math.hypot(abs(x) + FIELD_W_MM / 2, abs(y) + FIELD_H_MM / 2) <= FULL_RADIUS_MM:
                fields.append((column, row))
    return tuple(fields)


def field_centre(field: Field) -> tuple[float, float]:
    """Centre of `field` in mm from the wafer's centre."""
    column, row = field
    return (column - COLUMNS // 2) * FIELD_W_MM, (row - ROWS // 2) * FIELD_H_MM


@dataclass(frozen=True)
class Surface:
    """One Bossung surface; doses in mJ/cm², lengths in nm."""

    dose_to_size: float
    best_focus: float
    slope: float
    bend: float
    curvature: float
    isofocal: float
    tilt: float
    target: float = TARGET_NM

    def cd(self, dose: Floats | float, focus: Floats | float) -> Floats:
        """Line width in nm, without noise."""
        u = np.log(np.asarray(dose, dtype=float) / self.dose_to_size)
        f = np.asarray(focus, dtype=float) - self.best_focus
        through_focus = self.curvature * (1 + u / self.isofocal) * f**2
        width = self.target - self.slope * u + self.bend * u**2 - through_focus
        return np.asarray(width + self.tilt * u * f)

    def dose_for(self, cd: float, focus: Floats) -> Floats:
        """Dose that gives `cd` at each `focus`, by bisection within a factor e^±0.6."""
        low = np.full(focus.shape, self.dose_to_size * math.exp(-0.6))
        high = np.full(focus.shape, self.dose_to_size * math.exp(0.6))
        for _ in range(50):
            middle = np.sqrt(low * high)
            too_wide = self.cd(middle, focus) > cd
            low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
        return np.asarray(np.sqrt(low * high))


@dataclass(frozen=True)
class Truth:
    """What a perfect analysis of the noise-free surface would find.

    * `best_focus_nm`: the focus where CD is extreme at the dose to size.
    * `best_dose_mj`: the dose to size, which prints the target at best focus.
    * `exposure_latitude_pct`: 100·(E(−10 %) − E(+10 %))/mean of the two, at best focus.
    * `dof_nm`: the widest focus range in which one dose range of at least 10 % exposure latitude
      (same formula) stays within ±10 % of the target: the largest rectangle in the window.
    """

    best_focus_nm: float
    best_dose_mj: float
    exposure_latitude_pct: float
    dof_nm: float
    target_cd_nm: float


def truth_of(surface: Surface) -> Truth:
    """The truth about `surface`, found numerically on a 0.5 nm focus grid."""
    offsets = np.arange(-250.0, 250.25, 0.5)
    focus = surface.best_focus + offsets
    low = surface.dose_for(surface.target * (1 + LIMIT), focus)
    high = surface.dose_for(surface.target * (1 - LIMIT), focus)
    middle = int(np.argmin(np.abs(offsets)))
    return Truth(
        best_focus_nm=surface.best_focus,
        best_dose_mj=surface.dose_to_size,
        exposure_latitude_pct=float(latitude(low[middle], high[middle])),
        dof_nm=_widest(focus, low, high, middle),
        target_cd_nm=surface.target,
    )


def latitude(low: float, high: float) -> float:
    """Exposure latitude in percent between two doses."""
    return 100.0 * (high - low) / ((high + low) / 2)


def _widest(focus: Floats, low: Floats, high: Floats, middle: int) -> float:
    """Width of the widest interval around `middle` that keeps enough exposure latitude."""
    best = 0.0
    for left in range(middle, -1, -1):
        bottom = np.maximum.accumulate(low[left:])
        top = np.minimum.accumulate(high[left:])
        fits = 200.0 * (top - bottom) / (top + bottom) >= EL_FOR_DOF
        if not fits[middle - left]:
            break
        right = left + int(np.argmin(fits)) - 1 if not fits.all() else len(focus) - 1
        best = max(best, float(focus[right] - focus[left]))
    return best


@dataclass(frozen=True)
class Process:
    """One seed's process: its nominal surface and what varies around it."""

    surface: Surface
    signature: dict[Field, float]
    slit_dose: float
    best_thickness: float
    plate: dict[Field, float] = field(default_factory=dict)
    """How much warmer than the mean the plate is under each field at 100 °C, °C."""

    @classmethod
    def drawn(cls, seed: int) -> Process:
        """The process of `seed`; dose to size 27–33 mJ/cm², best focus within ±30 nm."""
        rng = np.random.default_rng([seed, 193])
        surface = Surface(
            dose_to_size=float(30 * rng.uniform(0.9, 1.1)),
            best_focus=float(rng.uniform(-30, 30)),
            slope=float(rng.uniform(46, 54)),
            bend=float(rng.uniform(10, 25)),
            curvature=float(rng.uniform(0.9e-3, 1.25e-3)),
            isofocal=float(rng.uniform(0.22, 0.35)),
            tilt=float(rng.uniform(-0.04, 0.04)),
        )
        signature = _signature(rng, CD_SIGNATURE_NM)
        # Its own numbers, so that the surface of a seed stays what it always was.
        plate = _signature(np.random.default_rng([seed, 61]), PLATE_C)
        return cls(surface, signature, float(rng.normal(0, 0.003)), 90.0, plate)

    def warmed(self, at: Field, bake: Bake) -> float:
        """Dose that counts under one field of the plate, relative to the set temperature's."""
        share = (bake.temperature - ROOM_C) / (100.0 - ROOM_C)
        return math.exp(PEB_PER_C * self.plate[at] * share)

    def effective(
        self, optics: Optics, coat: Coat, bake: Bake, focus_shift: float = 0.0
    ) -> Surface:
        """The surface a wafer sees: resist and bake move the dose, heating the focus."""
        swing = 0.04 * math.sin(2 * math.pi * (coat.thickness - self.best_thickness) / 57.0)
        peb = -PEB_PER_C * (bake.temperature - 100) - 0.0012 * (bake.time - 60) + coat.duller
        delay = DELAY_MOST * (1 - math.exp(-max(bake.delay - 30, -30) / DELAY_TAU_S))
        develop = -0.003 * (bake.develop - 30)
        shift = swing + peb + delay + develop + optics.dose_shift() - self.slit_dose
        base = self.surface
        return replace(
            base,
            dose_to_size=base.dose_to_size * math.exp(shift),
            best_focus=base.best_focus - focus_shift,
            slope=base.slope / optics.latitude_gain(),
            curvature=base.curvature * (optics.na / 1.35) ** 2,
        )

    def nominal(self) -> Surface:
        """The surface at the track's and scanner's default settings."""
        return self.effective(Optics(), Coat("ANY", self.best_thickness), Bake())


@dataclass(frozen=True)
class Optics:
    """The scanner's illumination."""

    na: float = 1.35
    sigma_out: float = 0.90
    sigma_in: float = 0.70
    mode: str = "ANN"

    def latitude_gain(self) -> float:
        """Exposure latitude relative to the default annular setting."""
        by_mode = {"ANN": 1.0, "DIP": 1.12, "CONV": 0.88}[self.mode]
        return by_mode * (1 + 0.3 * (self.sigma_out - 0.90)) * (self.na / 1.35)

    def dose_shift(self) -> float:
        """Change of ln(dose to size) against the default setting."""
        by_mode = {"ANN": 0.0, "DIP": -0.05, "CONV": 0.06}[self.mode]
        return by_mode + 0.4 * (1.35 - self.na) + 0.05 * (self.sigma_in - 0.70)


@dataclass(frozen=True)
class Coat:
    """A resist layer; thickness in nm, `duller` what its soft bake adds to ln(dose to size)."""

    resist: str
    thickness: float
    duller: float = 0.0


@dataclass(frozen=True)
class Bake:
    """Post-exposure bake (°C, s), delay before it (s) and development time (s)."""

    temperature: float = 100.0
    time: float = 60.0
    delay: float = 30.0
    develop: float = 30.0


def _signature(rng: np.random.Generator, spread: float) -> dict[Field, float]:
    """Offset per full field with the standard deviation `spread`: what correction leaves.

    A scanner corrects the slow part of a wafer's signature itself, its own and the bake plate's,
    so what stays on the wafer has no part that a polynomial of 4th order in columns and 3rd in
    rows could follow. It has a mean of zero over the full fields and does not lean on the dose or
    focus axis of a matrix.
    """
    fields = np.array(full_fields(), dtype=float)
    x = (fields[:, 0] - COLUMNS // 2) / (COLUMNS // 2)
    y = (fields[:, 1] - ROWS // 2) / (ROWS // 2)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    raw = np.zeros(len(fields))
    for order in (3, 4, 5, 6):
        phase = rng.uniform(0, 2 * math.pi)
        raw += rng.normal() * radius**2 * np.cos(order * angle + phase)
    raw += rng.normal() * np.cos(2.5 * math.pi * radius)
    slow = np.stack([x**i * y**j for i in range(5) for j in range(4)], axis=1)
    left = raw - slow @ np.linalg.lstsq(slow, raw, rcond=None)[0]
    left *= spread / max(float(left.std()), 1e-9)
    return dict(zip(full_fields(), (float(v) for v in left), strict=True))
