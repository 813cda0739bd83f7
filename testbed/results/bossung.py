"""The Bossung surface of a focus-exposure matrix, fitted robustly, with honest covariance.

CD(E, F) = sum a_ij (ln E)^i F^j (Mack, "Fundamental Principles of Optical Lithography", 2007,
ch. 8) by iteratively reweighted least squares: Huber first, then Tukey's bisquare. Sites are
not independent, they are nested in wafers and repeat the same places: so the coefficients'
uncertainty is kept in separate parts (`Part`), each with its own degrees of freedom.

NumPy only; doses in mJ/cm2, focus and line widths (CD) in nm, places in mm from the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import perm

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Term = tuple[int, int]

RADIUS_MM = 150.0
HUBER, BISQUARE = 1.345, 4.685
ASIDE = 0.1  # bisquare weight below which a site is set aside: about 3.9 sigma
LADDER: tuple[tuple[Term, ...], ...] = (
    ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (1, 2)),
    ((0, 3), (0, 4)),
    ((3, 0), (2, 1), (2, 2)),
    ((1, 3), (1, 4)),
)


class Unsupported(ValueError):
    """The data cannot carry the answer; `code` says why, `facts` fill the sentence."""

    def __init__(self, code: str, **facts: float | str) -> None:
        super().__init__(f"{code} {facts}")
        self.code = code
        self.facts = facts


@dataclass(frozen=True, eq=False)
class Matrix:
    """Measured sites of a focus-exposure matrix; all arrays have shape (n,).

    dose mJ/cm2, focus nm, cd nm, wafer any integer per wafer, x_mm and y_mm of the field's centre.
    """

    dose: Array
    focus: Array
    cd: Array
    wafer: NDArray[np.int64]
    x_mm: Array
    y_mm: Array

    def __post_init__(self) -> None:
        numbers = (self.dose, self.focus, self.cd, self.x_mm, self.y_mm)
        if len({array.shape for array in (*numbers, self.wafer)}) != 1:
            raise ValueError("dose, focus, cd, wafer, x_mm and y_mm differ in length")
        if self.dose.size == 0:
            raise Unsupported("no_sites")
        if not all(np.isfinite(array).all() for array in numbers):
            raise Unsupported("not_finite")
        if (self.dose <= 0).any():
            raise Unsupported("dose_not_positive")

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Index (n,) of the place on the wafer, the same for every wafer."""
        pairs = np.round(np.column_stack([self.x_mm, self.y_mm]), 3)
        index: NDArray[np.int64] = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
        return index

    @cached_property
    def wafer_index(self) -> NDArray[np.int64]:
        """Index (n,) from 0 of the wafer."""
        return np.unique(self.wafer, return_inverse=True)[1].reshape(-1)

    @property
    def wafers(self) -> int:
        """How many wafers."""
        return int(self.wafer_index.max()) + 1

    def only(self, mask: NDArray[np.bool_]) -> Matrix:
        """The sites where `mask` (n,) is true."""
        return Matrix(
            self.dose[mask],
            self.focus[mask],
            self.cd[mask],
            self.wafer[mask],
            self.x_mm[mask],
            self.y_mm[mask],
        )


@dataclass(frozen=True)
class Signature:
    """What is known of the tools beforehand, one sigma; the matrix alone cannot show it.

    Column = focus and row = dose on every wafer, so a tilt or bow of line width over the wafer
    looks exactly like focus or dose. `tilt_nm`, `bow_nm`: line width at the wafer's edge.
    `dose_percent`, `focus_nm`: how far one wafer's dose and focus differ from the next one's;
    they matter when only few wafers were measured. `weight` = how many wafers this is worth.
    """

    tilt_nm: float = 0.1
    bow_nm: float = 0.15
    dose_percent: float = 0.2
    focus_nm: float = 2.0
    weight: float = 4.0


@dataclass(frozen=True, eq=False)
class Surface:
    """A polynomial in e = (ln E - e0)/e1 and f = (F - f0)/f1; `coef` has one entry a term."""

    terms: tuple[Term, ...]
    coef: Array
    e0: float
    e1: float
    f0: float
    f1: float

    def e(self, dose: Array | float) -> Array:
        """Scaled log dose."""
        return np.asarray((np.log(np.asarray(dose, dtype=float)) - self.e0) / self.e1)

    def f(self, focus: Array | float) -> Array:
        """Scaled focus."""
        return (np.asarray(focus, dtype=float) - self.f0) / self.f1

    def dose(self, e: Array | float) -> Array:
        """Dose mJ/cm2 of a scaled log dose."""
        return np.asarray(np.exp(self.e0 + self.e1 * np.asarray(e, dtype=float)))

    def focus(self, f: Array | float) -> Array:
        """Focus nm of a scaled focus."""
        return np.asarray(self.f0 + self.f1 * np.asarray(f, dtype=float))

    def at(self, e: Array | float, f: Array | float, de: int = 0, df: int = 0) -> Array:
        """CD nm, or its `de`-th and `df`-th derivative, at scaled coordinates that broadcast."""
        e, f = np.asarray(e, dtype=float), np.asarray(f, dtype=float)
        total: Array = np.zeros(np.broadcast_shapes(e.shape, f.shape))
        for row in self._derived(de, df)[::-1]:
            inner: Array = np.zeros(f.shape)
            for a in row[::-1]:
                inner = inner * f + a
            total = total * e + inner
        return np.asarray(total)

    def _derived(self, de: int, df: int) -> list[list[float]]:
        """Coefficients of the derivative by powers of e and f, for Horner's scheme; kept."""
        grid = self._grids.get((de, df))
        if grid is None:
            high_e = max([i for i, _j in self.terms] + [de])
            high_f = max([j for _i, j in self.terms] + [df])
            grid = [[0.0] * (high_f - df + 1) for _i in range(high_e - de + 1)]
            for (i, j), a in zip(self.terms, self.coef.tolist(), strict=True):
                if i >= de and j >= df:
                    grid[i - de][j - df] = a * perm(i, de) * perm(j, df)
            self._grids[de, df] = grid
        return grid

    @cached_property
    def _grids(self) -> dict[tuple[int, int], list[list[float]]]:
        return {}

    def cd(self, dose: Array | float, focus: Array | float) -> Array:
        """CD nm at dose mJ/cm2 and focus nm."""
        return self.at(self.e(dose), self.f(focus))

    def moved(self, step: Array) -> Surface:
        """The surface with its coefficients moved by `step` (k,)."""
        return replace(self, coef=self.coef + step)


@dataclass(frozen=True, eq=False)
class Part:
    """One source of the coefficients' uncertainty: covariance (k, k), degrees of freedom."""

    name: str
    covariance: Array
    dof: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted surface, where its uncertainty comes from, and what is left over.

    sigma_nm: robust spread of one site; weights (n,): 1 believed, 0 set aside.
    """

    surface: Surface
    parts: tuple[Part, ...]
    sigma_nm: float
    weights: Array
    residuals: Array
    places: int

    @property
    def set_aside(self) -> int:
        """How many sites the robust fit did not believe."""
        return int((self.weights == 0).sum())


def design(terms: Sequence[Term], e: Array, f: Array) -> Array:
    """Matrix (n, k) of e^i f^j."""
    return np.column_stack([e**i * f**j for i, j in terms])


def fit(matrix: Matrix, signature: Signature | None = None) -> Fit:
    """Fit the Bossung surface; the number of terms is chosen by Schwarz's criterion.

    Raises Unsupported when there are fewer than 3 dose or 4 focus levels, or too few places.
    """
    signature = signature or Signature()
    doses, focuses = np.unique(matrix.dose), np.unique(matrix.focus)
    if doses.size < 3 or focuses.size < 4:
        raise Unsupported("few_levels", doses=float(doses.size), focuses=float(focuses.size))
    blank = _blank_surface(doses, focuses)
    best = min(_candidates(matrix, blank), key=lambda pair: pair[0], default=None)
    if best is None:
        raise Unsupported("few_places", places=float(matrix.place.max() + 1))
    return _with_parts(matrix, best[1], signature)


def _blank_surface(doses: Array, focuses: Array) -> Surface:
    logs = np.log(doses)
    return Surface(
        terms=(),
        coef=np.zeros(0),
        e0=float(logs[[0, -1]].mean()),
        e1=float(np.ptp(logs) / 2),
        f0=float(focuses[[0, -1]].mean()),
        f1=float(np.ptp(focuses) / 2),
    )


def _candidates(matrix: Matrix, blank: Surface) -> list[tuple[float, Fit]]:
    """(criterion, fit) of every rung of the ladder that the matrix can carry."""
    e, f = blank.e(matrix.dose), blank.f(matrix.focus)
    found: list[tuple[float, Fit]] = []
    terms: tuple[Term, ...] = ()
    for rung in LADDER:
        terms = (*terms, *rung)
        if not _can_carry(matrix, terms, design(terms, e, f)):
            break
        fitted = _robust(matrix, replace(blank, terms=terms), design(terms, e, f))
        found.append((_bic(matrix, fitted), fitted))
    return found


def _can_carry(matrix: Matrix, terms: Sequence[Term], x: Array) -> bool:
    """Levels for every power, four places more than terms, and a well-posed system."""
    doses, focuses = np.unique(matrix.dose).size, np.unique(matrix.focus).size
    if max(i for i, _j in terms) >= doses or max(j for _i, j in terms) >= focuses:
        return False
    places = int(matrix.place.max()) + 1
    return places >= len(terms) + 4 and float(np.linalg.cond(x)) < 1e4


def _robust(matrix: Matrix, surface: Surface, x: Array, rounds: int = 40) -> Fit:
    """Reweighted least squares with one offset a wafer, so that a wafer is no outlier."""
    weights, offset = np.ones(matrix.cd.size), np.zeros(matrix.wafers)
    coef = np.zeros(x.shape[1])
    scale = 0.0
    for number in range(rounds):
        before = coef
        coef = _weighted(x, matrix.cd - offset[matrix.wafer_index], weights)
        residuals = matrix.cd - x @ coef
        offset = _group_mean(residuals, weights, matrix.wafer_index)
        offset -= offset.mean()
        inner = residuals - offset[matrix.wafer_index]
        scale = max(_spread(inner), 1e-9 * float(np.abs(matrix.cd).max()))
        weights = _huber(inner / scale) if number < 5 else _bisquare(inner / scale)
        if number > 6 and np.allclose(coef, before, rtol=1e-7, atol=1e-7):
            break
    # Who is believed is decided robustly; the believed are then weighed alike, so that their
    # spread is not understated.
    weights = (weights >= ASIDE).astype(np.float64)
    coef = _weighted(x, matrix.cd - offset[matrix.wafer_index], weights)
    return Fit(
        surface=replace(surface, coef=coef),
        parts=(),
        sigma_nm=scale,
        weights=weights,
        residuals=matrix.cd - x @ coef,
        places=int(matrix.place.max()) + 1,
    )


def _weighted(x: Array, y: Array, weights: Array) -> Array:
    # Scaled coordinates keep the normal equations well-posed; `_can_carry` has checked it.
    scaled = x * weights[:, None]
    return np.asarray(np.linalg.solve(scaled.T @ x, scaled.T @ y))


def _group_mean(values: Array, weights: Array, group: NDArray[np.int64]) -> Array:
    total = np.bincount(group, weights)
    return np.asarray(np.bincount(group, values * weights) / np.maximum(total, 1e-12))


def _spread(residuals: Array) -> float:
    """Median absolute deviation from zero, scaled to a normal's sigma."""
    return float(1.4826 * np.median(np.abs(residuals)))


def _huber(z: Array) -> Array:
    return HUBER / np.maximum(np.abs(z), HUBER)


def _bisquare(z: Array) -> Array:
    return np.clip(1 - (z / BISQUARE) ** 2, 0, None) ** 2


def _bic(matrix: Matrix, fitted: Fit) -> float:
    """Schwarz's criterion, small-sample form (McQuarrie 1999), over the places' mean residuals."""
    means = _group_mean(fitted.residuals, fitted.weights, matrix.place)
    believed = np.bincount(matrix.place, fitted.weights) > 0
    n, k = int(believed.sum()), len(fitted.surface.terms) + 1
    if n <= k + 2:
        return np.inf
    square = max(float((means[believed] ** 2).mean()), 1e-18)
    return float(n * np.log(square) + k * np.log(n) * n / (n - k - 2))


def _with_parts(matrix: Matrix, fitted: Fit, signature: Signature) -> Fit:
    """Add the wafer, place and signature parts of the coefficients' covariance."""
    surface = fitted.surface
    x = design(surface.terms, surface.e(matrix.dose), surface.f(matrix.focus))
    bread = np.asarray(np.linalg.inv(x.T @ (x * fitted.weights[:, None])), dtype=np.float64)
    noise, place = _variances(matrix, fitted)
    pull = _Pull(x, fitted.weights, bread)
    parts = (
        _wafer_part(matrix, fitted, pull, noise, signature),
        _place_part(matrix, fitted, x, place),
        _signature_part(matrix, pull, signature),
    )
    return replace(fitted, parts=parts)


@dataclass(frozen=True, eq=False)
class _Pull:
    """How a disturbance (n,) of the line widths moves the coefficients (k,)."""

    x: Array
    weights: Array
    bread: Array

    def of(self, disturbance: Array) -> Array:
        return np.asarray(self.bread @ (self.x.T @ (self.weights * disturbance)), dtype=np.float64)


def _variances(matrix: Matrix, fitted: Fit) -> tuple[float, float]:
    """(variance of one site within wafer and place, variance of a place beyond that) in nm2.

    From one wafer the two cannot be told apart: then everything counts as the place's.
    """
    weights, wafer, place = fitted.weights, matrix.wafer_index, matrix.place
    inner = fitted.residuals - _group_mean(fitted.residuals, weights, wafer)[wafer]
    means = _group_mean(inner, weights, place)
    believed = np.bincount(place, weights) > 0
    free = max(int(believed.sum()) - len(fitted.surface.terms), 1)
    place_variance = float((means[believed] ** 2).sum() / free)
    spare = weights.sum() - believed.sum() - matrix.wafers + 1
    if matrix.wafers == 1 or spare < 1:
        return 0.0, place_variance
    noise = float((weights * (inner - means[place]) ** 2).sum() / spare)
    per_place = weights.sum() / believed.sum()
    return noise, max(place_variance - noise / per_place, 0.0)


def _wafer_part(
    matrix: Matrix, fitted: Fit, pull: _Pull, noise: float, signature: Signature
) -> Part:
    """Wafer-to-wafer covariance over the number of wafers, moderated by what is known before.

    With few wafers their own spread says little: it is averaged with `signature`, which counts
    as `signature.weight` wafers (an empirical-Bayes variance, Smyth 2004).
    """
    surface, wafers = fitted.surface, matrix.wafers
    e, f = surface.e(matrix.dose), surface.f(matrix.focus)
    dose = pull.of(surface.at(e, f, de=1) * (signature.dose_percent / 100 / surface.e1))
    focus = pull.of(surface.at(e, f, df=1) * (signature.focus_nm / surface.f1))
    before = np.outer(dose, dose) + np.outer(focus, focus) + noise * wafers * pull.bread
    own = np.zeros_like(before)
    for number in range(wafers if wafers > 1 else 0):
        moved = wafers * pull.of(np.where(matrix.wafer_index == number, fitted.residuals, 0.0))
        own += np.outer(moved, moved)
    dof = signature.weight + wafers - 1
    return Part("wafer", (signature.weight * before + own) / dof / wafers, dof)


def _place_part(matrix: Matrix, fitted: Fit, x: Array, variance: float) -> Part:
    """What repeats at the same place of every wafer does not average out over wafers."""
    seen = np.bincount(matrix.place, fitted.weights) > 0
    first = np.unique(matrix.place, return_index=True)[1][seen]
    means = x[first]
    free = max(int(seen.sum()) - means.shape[1], 1)
    inverse = np.asarray(np.linalg.pinv(means.T @ means), dtype=np.float64)
    return Part("place", variance * inverse, float(free))


def _signature_part(matrix: Matrix, pull: _Pull, signature: Signature) -> Part:
    """Smooth tilt and bow of line width over the wafer, known from the tools' acceptance."""
    x, y = matrix.x_mm / RADIUS_MM, matrix.y_mm / RADIUS_MM
    bow = x**2 + y**2
    disturbances = (
        signature.tilt_nm * x,
        signature.tilt_nm * y,
        signature.bow_nm * (bow - bow.mean()),
    )
    moved = np.array([pull.of(disturbance) for disturbance in disturbances])
    return Part("signature", moved.T @ moved, np.inf)
