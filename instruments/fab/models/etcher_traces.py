"""The 21 channels of the etcher: what its sensors show of set and real conditions.

Controlled channels read what was set. The throttle valve balances flow against pressure, the
matches follow the plasma's impedance, the self-bias follows the powers, the leak follows the
helium, and the emission follows power, chlorine and the film that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.fab.models.etching import Course, Plasma, coverage

Floats = NDArray[np.float64]
CHANNELS = (
    "STEP", "BCL3", "CL2", "PRES", "VAT", "HEP", "HEF", "BPOW", "BREF", "BTUN", "BLOA", "BPHA",
    "BIMP", "BVDC", "TPOW", "TREF", "TTUN", "TLOA", "TPHA", "TIMP", "EPA",
)  # fmt: skip
NOISE = {
    "STEP": 0.0, "BCL3": 0.15, "CL2": 0.2, "PRES": 0.03, "VAT": 0.15, "HEP": 0.02, "HEF": 0.02,
    "BPOW": 0.4, "BREF": 0.15, "BTUN": 0.2, "BLOA": 0.2, "BPHA": 0.1, "BIMP": 0.12, "BVDC": 0.4,
    "TPOW": 0.5, "TREF": 0.2, "TTUN": 0.2, "TLOA": 0.2, "TPHA": 0.1, "TIMP": 0.1, "EPA": 3.0,
}  # fmt: skip
STRIKE_S = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """One job as its sensors meet it; `asked` is what was set, `real` what was there."""

    at: Floats
    course: Course
    asked: Plasma
    real: Plasma
    clear_tau: Sequence[float]
    window: float
    age: int

    def gas(self) -> Floats:
        """How far gases and pressure have settled, 0 to 1; off during the pump-out."""
        on = self.course.step(self.at) <= 4
        return np.where(on, 1 - np.exp(-self.at / 2.0), 0.0)

    def lit(self) -> Floats:
        """How far the plasma has settled, 0 to 1."""
        step = self.course.step(self.at)
        since = self.at - self.course.stabilise
        settled = 1 - np.exp(-np.maximum(since, 0) / STRIKE_S)
        return np.where((step >= 2) & (step <= 4), settled, 0.0)

    def bias(self, watts: float) -> Floats:
        """Bias power over the steps: more of it during the breakthrough."""
        return np.where(self.course.step(self.at) == 2, 1.3 * watts, watts)

    def bias_impedance(self) -> float:
        """Ω; falls with source power, which makes the plasma denser."""
        share = self.real.bcl3 / (self.real.bcl3 + self.real.cl2)
        dense = (self.real.tcp / 400) ** -0.4 * (self.real.pressure / 10) ** 0.15
        return float(50 * dense * (1 + 0.3 * (share - 1 / 3)))

    def source_impedance(self) -> float:
        """Ω of the coil; chlorine takes electrons from the plasma."""
        powers = (self.real.tcp / 400) ** 0.25 * (self.real.pressure / 10) ** -0.3
        return float(35 * powers * (self.real.cl2 / 100) ** -0.15)

    def valve(self) -> float:
        """% open: as far as the real flow needs at the real pressure."""
        flow = self.real.bcl3 + self.real.cl2
        return float(np.clip(15 + 35 * (flow / 150) / (self.real.pressure / 10), 2, 98))

    def self_bias(self) -> Floats:
        """V across the sheath."""
        level = (self.real.tcp / 400) ** -0.3 * (self.real.pressure / 10) ** -0.1
        return np.asarray(120 * level * np.sqrt(self.bias(self.real.rf) / 150))

    def emission(self) -> Floats:
        """a.u.: the film's product, through a window that fouls."""
        bright = (self.real.tcp / 400) ** 0.9 * (self.real.cl2 / 100) ** 0.3
        left = coverage(self.clear_tau, self.course.tau(self.at))
        return np.asarray(80 + 1200 * bright * self.window * (0.15 + 0.85 * left))


def _mismatch(ohm: float, matched: float) -> float:
    return float(np.log(ohm / matched))


Curve = Callable[[Scene], Floats]
CURVES: dict[str, Curve] = {
    "STEP": lambda s: s.course.step(s.at).astype(float),
    "BCL3": lambda s: s.gas() * s.asked.bcl3,
    "CL2": lambda s: s.gas() * s.asked.cl2,
    "PRES": lambda s: 0.1 + s.gas() * (s.asked.pressure - 0.1),
    "VAT": lambda s: np.where(s.gas() > 0, s.valve() * (1 + 0.3 * np.exp(-s.at / 2.0)), 100.0),
    "HEP": lambda s: s.gas() * s.asked.helium,
    "HEF": lambda s: s.gas() * 1.2 * (s.real.helium / 10) ** 1.5,
    "BPOW": lambda s: s.lit() * s.bias(s.asked.rf),
    "BREF": lambda s: s.lit() * (1 + 150 * _mismatch(s.bias_impedance(), 50) ** 2),
    "BTUN": lambda s: 50 + s.lit() * 40 * _mismatch(s.bias_impedance(), 50),
    "BLOA": lambda s: 45 + s.lit() * 25 * np.log(s.bias(s.real.rf) / 150),
    "BPHA": lambda s: -2 + s.lit() * 15 * _mismatch(s.bias_impedance(), 50),
    "BIMP": lambda s: s.lit() * s.bias_impedance(),
    "BVDC": lambda s: s.lit() * s.self_bias(),
    "TPOW": lambda s: s.lit() * s.asked.tcp,
    "TREF": lambda s: s.lit() * (1 + 150 * _mismatch(s.source_impedance(), 35) ** 2),
    "TTUN": lambda s: 55 + s.lit() * (45 * _mismatch(s.source_impedance(), 35) + 0.005 * s.age),
    "TLOA": lambda s: 60 + s.lit() * 20 * np.log(s.real.tcp / 400),
    "TPHA": lambda s: 1 + s.lit() * 12 * _mismatch(s.source_impedance(), 35),
    "TIMP": lambda s: s.lit() * s.source_impedance(),
    "EPA": lambda s: 20 + s.lit() * (s.emission() - 20),
}


def sample(scene: Scene, channel: str, unit_noise: Floats) -> NDArray[np.float32]:
    """The samples of one channel with its noise."""
    return np.asarray(CURVES[channel](scene) + NOISE[channel] * unit_noise, dtype=np.float32)
