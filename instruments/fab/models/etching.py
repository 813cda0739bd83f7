"""How a plasma etches: rate, uniformity, endpoint and drift, from the conditions in the chamber.

The rate of a film is its reference rate times a power law of the conditions. Time is counted in
*reference seconds* (tau): the time that reference conditions would need for the same etch. A site's
film is gone when its tau has passed, so coverage and endpoint follow from the film's map alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.fab.matter import Film, take_off

Floats = NDArray[np.float64]
RATES = {"oxide": 1.4, "nitride": 1.8, "poly": 4.0, "metal": 6.0}
OTHER_RATE = 1.0
SILICON_RATE = 4.0
SEASONING_WAFERS = 5.0
FOULING_WAFERS = 800.0
PRODUCT_LINGERS_S = 1.5
"""Reference seconds over which one site's emission dies away."""


@dataclass(frozen=True)
class Plasma:
    """Real conditions: sccm, sccm, mTorr, W, W, Torr, °C."""

    bcl3: float = 50.0
    cl2: float = 100.0
    pressure: float = 10.0
    tcp: float = 400.0
    rf: float = 150.0
    helium: float = 10.0
    chuck: float = 60.0

    def speed(self) -> float:
        """Etch rate relative to the reference conditions."""
        powers = float((self.tcp / 400) ** 0.6 * (self.rf / 150) ** 0.5)
        gases = (self.cl2 / 100) ** 0.4 * (0.5 + 0.5 * self.bcl3 / 50) ** 0.1
        return powers * float(gases * (self.pressure / 10) ** 0.1)

    def wafer_temperature(self) -> float:
        """°C: the chuck's, plus what the bias heats and helium does not carry away."""
        return self.chuck + 0.1 * self.rf * 10 / self.helium

    def lateral(self) -> float:
        """nm of line width lost in one reference second: undercut less side wall protection."""
        heat = 1 + 0.02 * (self.wafer_temperature() - 75)
        undercut = 0.030 * math.sqrt(self.pressure / 10) * max(heat, 0.1)
        return undercut - 0.018 * (0.5 + 0.5 * self.bcl3 / 50)


def seasoned(wafers: int) -> float:
    """Relative rate of a chamber that has etched `wafers` since it was cleaned; grows to 1."""
    return 1 - 0.04 * math.exp(-wafers / SEASONING_WAFERS)


def fouled(wafers: int) -> float:
    """Relative light through the window after `wafers`; falls for ever."""
    return math.exp(-wafers / FOULING_WAFERS)


def drift(wafers: int) -> float:
    """Relative rate after `wafers`: seasoning, and the slow loss by what grows on the walls."""
    return seasoned(wafers) * (1 - 0.05 * (1 - fouled(wafers)))


def rate_of(material: str) -> float:
    """nm of `material` in one reference second."""
    return RATES.get(material, OTHER_RATE)


def etch(films: list[Film], tau: Floats) -> tuple[Floats, Floats]:
    """Etch `films` (bottom up, changed in place) for `tau` reference seconds at each site.

    Returns the nm taken off the films and off the silicon below them, site by site.
    """
    taken, left = take_off(films, tau, rate_of)
    return taken, left * SILICON_RATE


def coverage(clear_tau: Sequence[float], tau: Floats) -> Floats:
    """Share of the product's emission that is left after `tau`, 1 to 0; never grows.

    clear_tau: when each site's film is gone.
    """
    late = (np.asarray(clear_tau)[None, :] - tau[:, None]) / PRODUCT_LINGERS_S
    return np.asarray(np.clip(late + 0.5, 0.0, 1.0).mean(axis=1))


@dataclass(frozen=True)
class Course:
    """When each step of a job begins and ends, s; `endpoint_s` from the start of the main etch."""

    stabilise: float
    breakthrough: float
    main: float
    over: float
    pump: float
    speed: float
    boost: float
    endpoint_s: float

    def ends(self) -> tuple[float, float, float, float, float]:
        """The end of each of the five steps, s from the start of the job."""
        lengths = (self.stabilise, self.breakthrough, self.main, self.over, self.pump)
        first, second, third, fourth, fifth = (float(v) for v in np.cumsum(lengths))
        return first, second, third, fourth, fifth

    def tau(self, at: Floats | float) -> Floats:
        """Reference seconds of etching until `at`."""
        lit, main, _, off, _ = self.ends()
        early = np.clip(np.asarray(at, dtype=float) - lit, 0, self.breakthrough) * self.boost
        late = np.clip(np.asarray(at, dtype=float) - main, 0, off - main)
        return np.asarray((early + late) * self.speed)

    def step(self, at: Floats) -> NDArray[np.int64]:
        """The number of the step at each time, 1 to 5."""
        return np.asarray(1 + np.searchsorted(self.ends()[:4], at, side="right"))


def main_etch(
    clear_tau: Sequence[float], before: float, speed: float, longest: float, level: float
) -> tuple[float, float]:
    """Length of the main etch and its endpoint in seconds (−1 when none was seen).

    before: tau already spent; level: share of the emission at which the endpoint is called.
    """
    at = np.arange(0.0, longest + 0.25, 0.5)
    low = np.flatnonzero(coverage(clear_tau, before + speed * at) <= level)
    if low.size == 0:
        return longest, -1.0
    found = min(float(at[low[0]]), longest)
    return found, found
