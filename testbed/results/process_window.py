"""From a focus-exposure matrix to the process window, every number with its 95 % interval.

Definitions (Mack, "Fundamental Principles of Optical Lithography", 2007, ch. 8): best focus and
dose to size solve dCD/dF = 0 and CD = target together; exposure latitude is the dose range at
best focus that keeps CD within the tolerance, in percent of its middle; depth of focus is the
widest focus range in which a rectangle of 10 % exposure latitude fits; the isofocal dose is
where CD does not curve with focus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from testbed.results.bossung import Array, Fit, Matrix, Signature, Surface, Unsupported, fit
from testbed.results.surface_reading import (
    LATITUDE_PERCENT,
    SurfaceReading,
    rectangles,
    widest_at,
)

CONFIDENCE = 0.95
TOLERANCE = 0.10


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval. `at_least`: the measured range ends before the value does."""

    value: float
    low: float
    high: float
    unit: str
    at_least: bool = False

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    def covers(self, truth: float) -> bool:
        """True when `truth` lies within the interval."""
        return self.low <= truth <= self.high


@dataclass(frozen=True)
class Rectangle:
    """Focus (nm) and dose (mJ/cm2) that keep every line inside both limits."""

    focus_low: float
    focus_high: float
    dose_low: float
    dose_high: float

    @property
    def latitude_percent(self) -> float:
        """Dose width in percent of the middle dose."""
        return 200 * (self.dose_high - self.dose_low) / (self.dose_high + self.dose_low)

    @property
    def depth_nm(self) -> float:
        """Focus width in nm."""
        return self.focus_high - self.focus_low


@dataclass(frozen=True, eq=False)
class ProcessWindow:
    """What a focus-exposure matrix says. None = the measured range does not show it; see `notes`.

    upper_dose, lower_dose: for each `focus` (m,) the doses (m,) where CD meets its lower and upper
    limit, NaN outside the measured doses. `widest` is the rectangle of the largest
    latitude x depth, `at_latitude` the one of 10 % exposure latitude.
    """

    target_nm: float
    tolerance: float
    best_focus: Estimate
    dose_to_size: Estimate
    exposure_latitude: Estimate | None
    depth_of_focus: Estimate | None
    isofocal_dose: Estimate | None
    residual_sigma_nm: float
    widest: Rectangle | None
    at_latitude: Rectangle | None
    focus: Array
    upper_dose: Array
    lower_dose: Array
    fit: Fit
    sites: int
    wafers: int
    notes: tuple[str, ...]

    @property
    def low_nm(self) -> float:
        """Lower limit of CD, nm."""
        return self.target_nm * (1 - self.tolerance)

    @property
    def high_nm(self) -> float:
        """Upper limit of CD, nm."""
        return self.target_nm * (1 + self.tolerance)


def analyse(
    matrix: Matrix,
    target_nm: float,
    *,
    tolerance: float = TOLERANCE,
    signature: Signature | None = None,
) -> ProcessWindow:
    """Fit the matrix and read the process window around `target_nm` (nm).

    Raises Unsupported with a code: no_sites, not_finite, dose_not_positive, few_levels,
    few_places, target_not_met, best_focus_outside, best_focus_undetermined.
    """
    fitted = fit(matrix, signature)
    limits = (target_nm * (1 - tolerance), target_nm * (1 + tolerance))
    central = SurfaceReading.of(fitted.surface, target_nm, limits)
    halves = _half_widths(fitted, lambda surface: central.disturbed(surface).numbers())
    focus_half_range = float(np.ptp(matrix.focus)) / 2
    if not halves[0] < focus_half_range:
        raise Unsupported("best_focus_undetermined", half=float(halves[0]))
    return _window(matrix, fitted, central, tolerance, halves)


def _half_widths(fitted: Fit, numbers: Callable[[Surface], Array]) -> Array:
    """Half widths (m,) of the 95 % intervals: the delta method, one sigma in each direction.

    Each part of the covariance contributes its variance times its own Student factor squared.
    """
    total: Array = np.zeros(1)
    for part in fitted.parts:
        factor = float(stdtrit(part.dof, (1 + CONFIDENCE) / 2))
        for step in _directions(part.covariance):
            up = numbers(fitted.surface.moved(step))
            down = numbers(fitted.surface.moved(-step))
            total = total + (factor * (up - down) / 2) ** 2
    return np.sqrt(total)


def _directions(covariance: Array) -> list[Array]:
    """Vectors (k,) whose outer products add up to the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    keep = values > max(float(values[-1]), 0.0) * 1e-12
    return [vectors[:, i] * np.sqrt(values[i]) for i in np.flatnonzero(keep)]


def _window(
    matrix: Matrix, fitted: Fit, central: SurfaceReading, tolerance: float, halves: Array
) -> ProcessWindow:
    """Gather the numbers, leaving out or marking what lies beyond the measured range."""
    focus, low, high = central.measured()
    found = rectangles(focus, low, high)
    values = central.numbers()
    e_low, e_high = central.latitude_doses()
    shown = {
        "latitude": max(abs(e_low), abs(e_high)) <= 1 + 1e-9,
        "isofocal": abs(central.isofocal) <= 1 + 1e-9,
    }
    depth = _depth(values, halves, float(focus[1] - focus[0]))
    return ProcessWindow(
        target_nm=central.target,
        tolerance=tolerance,
        best_focus=_estimate(values[0], halves[0], "nm"),
        dose_to_size=_estimate(values[1], halves[1], "mJ/cm²"),
        exposure_latitude=_estimate(values[2], halves[2], "%") if shown["latitude"] else None,
        depth_of_focus=depth,
        isofocal_dose=_estimate(values[4], halves[4], "mJ/cm²") if shown["isofocal"] else None,
        residual_sigma_nm=fitted.sigma_nm,
        widest=_widest(focus, low, high, found),
        at_latitude=_at_latitude(focus, low, high),
        focus=focus,
        upper_dose=high,
        lower_dose=low,
        fit=fitted,
        sites=matrix.cd.size,
        wafers=matrix.wafers,
        notes=_notes(matrix, shown, depth),
    )


def _estimate(value: float, half: float, unit: str, at_least: bool = False) -> Estimate:
    return Estimate(float(value), float(value - half), float(value + half), unit, at_least)


def _depth(values: Array, halves: Array, step: float) -> Estimate | None:
    """Depth of focus; when the measured range cuts the rectangle, only its part inside it."""
    whole, measured = float(values[3]), float(values[5])
    if np.isfinite(whole) and abs(whole - measured) <= step:
        return _estimate(whole, halves[3], "nm")
    if measured <= 0:
        return None
    return Estimate(measured, max(measured - float(halves[5]), 0.0), np.inf, "nm", at_least=True)


def _notes(matrix: Matrix, shown: dict[str, bool], depth: Estimate | None) -> tuple[str, ...]:
    """Codes of what the reader must know beside the numbers."""
    said = {
        "latitude_beyond_doses": not shown["latitude"],
        "isofocal_beyond_doses": not shown["isofocal"],
        "no_depth": depth is None,
        "depth_at_least": depth is not None and depth.at_least,
        "one_wafer": matrix.wafers == 1,
    }
    return tuple(code for code, true in said.items() if true)


Found = list[tuple[float, int]]


def _widest(focus: Array, low: Array, high: Array, found: Found) -> Rectangle | None:
    """The rectangle of the largest latitude x depth; None when none has any width."""
    areas = [(latitude * width, width, first) for width, (latitude, first) in enumerate(found)]
    area, width, first = max(areas)
    return _rectangle(focus, low, high, width, first) if area > 0 else None


def _at_latitude(focus: Array, low: Array, high: Array) -> Rectangle | None:
    """The rectangle of exactly `LATITUDE_PERCENT` with the widest focus range."""
    reach = widest_at(focus, low, high, LATITUDE_PERCENT)
    if reach is None:
        return None
    return Rectangle(reach.focus_low, reach.focus_high, reach.dose_low, reach.dose_high)


def _rectangle(focus: Array, low: Array, high: Array, width: int, first: int) -> Rectangle:
    part = slice(first, first + width + 1)
    return Rectangle(
        float(focus[first]),
        float(focus[first + width]),
        float(low[part].max()),
        float(high[part].min()),
    )
