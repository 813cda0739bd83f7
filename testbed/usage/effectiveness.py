"""Overall equipment effectiveness (SEMI E79) and reliability bounds (SEMI E10), pure formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtri

from testbed.tools.models import E10State
from testbed.usage.e10 import StateSeconds


@dataclass(frozen=True)
class Product:
    """Units of one recipe: its theoretical rate in units an hour, made in all, made good."""

    units_per_hour: float
    actual: int
    good: int


@dataclass(frozen=True)
class Effectiveness:
    """The four efficiencies over total time, each 0 to 1, and their product."""

    availability: float
    operational: float
    rate: float
    quality: float

    @property
    def oee(self) -> float:
        """Overall equipment effectiveness."""
        return self.availability * self.operational * self.rate * self.quality


def effectiveness(time: StateSeconds, products: Sequence[Product]) -> Effectiveness:
    """E79 over total time. Raises ValueError when a denominator is zero: nothing was produced."""
    productive = time.of(E10State.PRODUCTIVE)
    actual = sum(3600 * product.actual / product.units_per_hour for product in products)
    good = sum(3600 * product.good / product.units_per_hour for product in products)
    if not (time.total and time.uptime and productive and actual):
        raise ValueError("effectiveness needs productive time and units")
    return Effectiveness(
        availability=time.uptime / time.total,
        operational=productive / time.uptime,
        rate=actual / productive,
        quality=good / actual,
    )


def mtbf_lower_bound(hours: float, failures: int, confidence: float) -> float:
    """Hours between failures proven at `confidence` (0..1): 2T / chi2(confidence, 2r + 2)."""
    if hours < 0 or failures < 0 or not 0 < confidence < 1:
        raise ValueError("hours and failures are not negative, confidence lies between 0 and 1")
    return float(2 * hours / chdtri(2 * failures + 2, 1 - confidence))


def hours_to_prove(mtbf: float, failures: int, confidence: float) -> float:
    """Test hours that prove `mtbf` hours at `confidence` with at most `failures` failures."""
    if mtbf <= 0 or failures < 0 or not 0 < confidence < 1:
        raise ValueError("mtbf is positive, confidence lies between 0 and 1")
    return float(mtbf * chdtri(2 * failures + 2, 1 - confidence) / 2)
