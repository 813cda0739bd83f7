"""Reading one fitted Bossung surface around a target line width: points, limits, rectangles.

Everything here is plain geometry of one surface; what is uncertain about it is the business of
`testbed.results.process_window`. Scaled coordinates run from -1 to 1 over the measured range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from testbed.results.bossung import Array, Surface, Unsupported

LATITUDE_PERCENT = 10.0
FOCUS_NODES, DOSE_NODES, DOSE_GRID = 121, 161, 41
BEYOND = 0.25  # how far past the measured range a disturbed surface may be read, half ranges


@dataclass(frozen=True, eq=False)
class SurfaceReading:
    """One surface read around one target: the best point, both dose limits along focus.

    `f` (m,) are the scaled focus nodes; `upper` and `lower` (m,) the scaled log doses where CD
    meets its lower and its upper limit; `point` is (e, f) of best focus at size; `isofocal` e.
    """

    surface: Surface
    target: float
    limits: tuple[float, float]
    point: tuple[float, float]
    f: Array
    upper: Array
    lower: Array
    isofocal: float

    @classmethod
    def of(cls, surface: Surface, target: float, limits: tuple[float, float]) -> SurfaceReading:
        """Search the whole measured range; raises Unsupported when the target is not in it."""
        f = np.linspace(-1 - BEYOND, 1 + BEYOND, FOCUS_NODES)
        e = np.linspace(-1 - BEYOND, 1 + BEYOND, DOSE_NODES)
        cd = surface.at(e[:, None], f[None, :])
        size = _crossing(e, cd, target, np.zeros_like(f))
        point = _best_point(surface, target, f, size)
        at_low, at_high = (_crossing(e, cd, limit, size) for limit in limits)
        curvature = surface.at(e[:, None], np.array([[point[1]]]), df=2)
        isofocal = float(_crossing(e, curvature, 0.0, np.array([point[0]]))[0])
        rough = cls(surface, target, limits, point, f, at_low, at_high, isofocal)
        return rough.disturbed(surface)

    def disturbed(self, surface: Surface) -> SurfaceReading:
        """The same reading of a surface close by: Newton's method from this one's places."""
        low, high = self.limits
        return SurfaceReading(
            surface,
            self.target,
            self.limits,
            _newton_point(surface, self.target, self.point),
            self.f,
            _newton_dose(surface, low, self.upper, self.f),
            _newton_dose(surface, high, self.lower, self.f),
            _newton_isofocal(surface, self.isofocal, self.point[1]),
        )

    def latitude_doses(self) -> tuple[float, float]:
        """(lower, upper) scaled log dose at best focus that keep CD inside its limits."""
        f = np.array([self.point[1]])
        ends = [
            float(_newton_dose(self.surface, limit, np.interp(f, self.f, start), f)[0])
            for limit, start in zip(self.limits, (self.upper, self.lower), strict=True)
        ]
        return min(ends), max(ends)

    def doses(self) -> tuple[Array, Array]:
        """(lower, upper) dose mJ/cm2 (m,) along the focus nodes; lower first whatever the tone."""
        ends = np.stack([self.surface.dose(self.lower), self.surface.dose(self.upper)])
        return ends.min(axis=0), ends.max(axis=0)

    def numbers(self) -> Array:
        """[best focus, dose to size, latitude %, depth nm, isofocal dose, measured depth nm].

        NaN where there is none. The last is the depth of focus cut at the measured range.
        """
        e, f = self.point
        low, high = self.surface.dose(np.array(self.latitude_doses()))
        depth = depth_at(self.surface.focus(self.f), *self.doses())
        return np.array(
            [
                float(self.surface.focus(f)),
                float(self.surface.dose(e)),
                200 * (high - low) / (high + low),
                depth,
                float(self.surface.dose(self.isofocal)),
                depth_at(*self.measured()),
            ]
        )

    def measured(self) -> tuple[Array, Array, Array]:
        """Focus nm and (lower, upper) dose within the measured range, NaN outside its doses."""
        inside = np.abs(self.f) <= 1 + 1e-9
        low, high = (dose[inside] for dose in self.doses())
        for dose in (low, high):
            dose[~(np.abs(self.surface.e(dose)) <= 1 + 1e-9)] = np.nan
        return self.surface.focus(self.f[inside]), low, high


def _crossing(e: Array, values: Array, level: float, near: Array) -> Array:
    """Where `values` (n, m) crosses `level` along `e` (n,): (m,), the one nearest `near` (m,)."""
    above = values > level
    change = above[1:] != above[:-1]
    share = (level - values[:-1]) / np.where(change, values[1:] - values[:-1], 1.0)
    places = e[:-1, None] + share * np.diff(e)[:, None]
    away = np.where(change, np.abs(places - np.nan_to_num(near)[None, :]), np.inf)
    pick = away.argmin(axis=0)
    columns = np.arange(values.shape[1])
    return np.where(change.any(axis=0), places[pick, columns], np.nan)


def _best_point(surface: Surface, target: float, f: Array, size: Array) -> tuple[float, float]:
    """(e, f) where CD is the target and does not change with focus, within the measured range."""
    inside = np.isfinite(size) & (np.abs(size) <= 1) & (np.abs(f) <= 1)
    if inside.sum() < 3:
        raise Unsupported("target_not_met", target=target)
    f, size = f[inside], size[inside]
    slope = surface.at(size, f, df=1)
    turns = np.flatnonzero(np.sign(slope[1:]) != np.sign(slope[:-1]))
    if turns.size == 0:
        raise _outside(surface)
    middle = turns[np.abs(f[turns] - f.mean()).argmin()]
    point = _newton_point(surface, target, (float(size[middle]), float(f[middle])))
    if not np.isfinite(point).all() or max(map(abs, point)) > 1:
        raise _outside(surface)
    return point


def _outside(surface: Surface) -> Unsupported:
    low, high = float(surface.focus(-1)), float(surface.focus(1))
    return Unsupported("best_focus_outside", low=low, high=high)


def _newton_point(
    surface: Surface, target: float, start: tuple[float, float]
) -> tuple[float, float]:
    """Solve CD = target and dCD/dF = 0 from `start`; NaN when it runs away."""
    point = np.array(start)
    for _round in range(25):
        e, f = point
        gap = np.array([float(surface.at(e, f)) - target, float(surface.at(e, f, df=1))])
        slopes = np.array(
            [
                [float(surface.at(e, f, de=1)), float(surface.at(e, f, df=1))],
                [float(surface.at(e, f, de=1, df=1)), float(surface.at(e, f, df=2))],
            ]
        )
        if abs(np.linalg.det(slopes)) < 1e-12:
            return np.nan, np.nan
        step = np.linalg.solve(slopes, gap)
        point = point - np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-10:
            break
    inside = np.abs(point).max() <= 1 + 4 * BEYOND
    return (float(point[0]), float(point[1])) if inside else (np.nan, np.nan)


def _newton_dose(surface: Surface, level: float, start: Array, f: Array) -> Array:
    """Scaled log dose (m,) where CD is `level` at each `f` (m,), from `start` (m,)."""
    e = start.copy()
    for _round in range(4):
        slope = surface.at(e, f, de=1)
        step = (surface.at(e, f) - level) / np.where(np.abs(slope) < 1e-9, np.nan, slope)
        e = e - np.clip(step, -0.25, 0.25)
    return np.where(np.abs(e) <= 1 + 2 * BEYOND, e, np.nan)


def _newton_isofocal(surface: Surface, start: float, f: float) -> float:
    """Scaled log dose where CD does not curve with focus at `f`; NaN when there is none."""
    e = start
    for _round in range(6):
        slope = float(surface.at(e, f, de=1, df=2))
        if not np.isfinite(slope) or abs(slope) < 1e-9:
            return np.nan
        e -= float(surface.at(e, f, df=2)) / slope
    return e if abs(e) <= 1 + 4 * BEYOND else np.nan


def rectangles(focus: Array, low: Array, high: Array) -> list[tuple[float, int]]:
    """For each width of 0..m-1 nodes: (best latitude % of its middle dose, first node).

    `focus`, `low`, `high` have shape (m,); a rectangle never spans a NaN.
    """
    found: list[tuple[float, int]] = []
    floor, ceiling = low.copy(), high.copy()
    for width in range(focus.size):
        if width:
            floor = np.maximum(floor[:-1], low[width:])
            ceiling = np.minimum(ceiling[:-1], high[width:])
        latitude = 200 * (ceiling - floor) / (ceiling + floor)
        latitude = np.where(np.isfinite(latitude), latitude, -np.inf)
        first = int(latitude.argmax())
        found.append((float(latitude[first]), first))
    return found


@dataclass(frozen=True)
class Reach:
    """The widest focus range (nm) that one range of doses (mJ/cm2) keeps within the limits."""

    focus_low: float
    focus_high: float
    dose_low: float
    dose_high: float


def depth_at(focus: Array, low: Array, high: Array, percent: float = LATITUDE_PERCENT) -> float:
    """Focus width nm of the widest rectangle of `percent` exposure latitude; 0 when none fits."""
    reach = widest_at(focus, low, high, percent)
    return 0.0 if reach is None else reach.focus_high - reach.focus_low


def widest_at(focus: Array, low: Array, high: Array, percent: float) -> Reach | None:
    """The rectangle of `percent` latitude with the widest focus range; None when none fits.

    `focus`, `low`, `high` have shape (m,). The lower dose is searched on a grid, then on a finer
    one; where a range ends between two nodes is found by straight lines.
    """
    ratio = (1 + percent / 200) / (1 - percent / 200)
    room = np.where(np.isfinite(low) & np.isfinite(high), high / ratio - low, -np.inf)
    peak = int(room.argmax())
    if not room[peak] > 0:
        return None
    bottom, top = float(np.nanmin(low)), float(np.nanmax(high)) / ratio
    for _round in range(2):
        doses = np.linspace(bottom, top, DOSE_GRID)
        left, right = _ends(focus, low, high / ratio, doses, peak)
        best = int((right - left).argmax())
        bottom, top = doses[max(best - 1, 0)], doses[min(best + 1, DOSE_GRID - 1)]
    dose = float(doses[best])
    return Reach(float(left[best]), float(right[best]), dose, dose * ratio)


def _ends(focus: Array, low: Array, high: Array, doses: Array, peak: int) -> tuple[Array, Array]:
    """For each dose (k,), the ends (k,) of the focus range around `peak` where low <= dose <= high.

    Both ends are the peak's focus where the dose does not fit even there.
    """
    slack = np.minimum(doses[:, None] - low[None, :], high[None, :] - doses[:, None])
    slack = np.where(np.isfinite(slack), slack, -np.inf)
    right = _reach_of(slack[:, peak:], focus[peak:])
    left = _reach_of(slack[:, peak::-1], focus[peak::-1])
    return left, right


def _reach_of(slack: Array, focus: Array) -> Array:
    """Focus (k,) where `slack` (k, m) first falls below zero along its rows."""
    bad = slack < 0
    first = np.where(bad.any(axis=1), bad.argmax(axis=1), slack.shape[1])
    inside = np.clip(first - 1, 0, slack.shape[1] - 1)
    after = np.clip(first, 0, slack.shape[1] - 1)
    rows = np.arange(slack.shape[0])
    here, there = slack[rows, inside], slack[rows, after]
    usable = (first > 0) & (after > inside) & np.isfinite(there)
    share = np.where(usable, here / np.where(usable, here - there, 1.0), 0.0)
    return np.asarray(focus[inside] + share * (focus[after] - focus[inside]))
