"""What a tool's sensors of water, gas, exhaust, pumps and frame say, whether it works or not.

Written from `instruments/common.md`. No history is kept: a sample is a function of its number, so
that reading it late, or twice, gives the same values.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 10
KEPT = 600
# (name, unit, how many, nominal value, slow swing and noise as shares of it)
_GROUPS = (
    ("CW_TEMP", "degC", 4, 22.0, 0.004, 0.0004),
    ("CW_FLOW", "l/min", 4, 12.0, 0.02, 0.004),
    ("N2_PRES", "kPa", 4, 620.0, 0.006, 0.001),
    ("EXH_PRES", "Pa", 4, -180.0, 0.03, 0.01),
    ("PUMP_CURR", "A", 4, 8.5, 0.02, 0.006),
    ("BODY_TEMP", "degC", 8, 22.5, 0.002, 0.0002),
    ("HUM", "%", 2, 45.0, 0.01, 0.001),
    ("VIB", "um/s", 2, 3.1, 0.05, 0.04),
)
CHANNELS = tuple(
    (f"{name}_{k}", unit)
    for name, unit, count, *_ in _GROUPS
    for k in range(1, count + 1)
)  # fmt: skip
ROW = np.dtype([("number", "<u4"), ("values", "<f4", (len(CHANNELS),))])
"""A sample as it travels: a float32 would count right for nineteen days only."""
LAST_SAMPLE = 2**32 - 1
_NOMINAL, _SWING, _NOISE = (
    np.repeat([group[at] for group in _GROUPS], [group[2] for group in _GROUPS])
    for at in (3, 4, 5)
)  # fmt: skip


class Housekeeping:
    """The sensors of one tool since it was switched on."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 23])
        self._since = time.monotonic()
        self._phase = rng.uniform(0, 2 * np.pi, len(CHANNELS))
        self._period_s = rng.uniform(60, 900, len(CHANNELS))
        self._salt = rng.uniform(0, 1_000, len(CHANNELS))

    def rows(self, first: int) -> NDArray[np.void]:
        """Samples from number `first` on, as `ROW`: the number, then a value for each channel."""
        count = int((time.monotonic() - self._since) * RATE_HZ)
        numbers = np.arange(max(first, count - KEPT, 0), count)
        rows = np.empty(len(numbers), dtype=ROW)
        rows["number"], rows["values"] = numbers, self._values(numbers)
        return rows

    def _values(self, numbers: NDArray[np.int_]) -> NDArray[np.float64]:
        turn = 2 * np.pi * numbers[:, None] / RATE_HZ / self._period_s
        # Looks like noise, and is the same whenever the same sample is read.
        rough = np.modf(np.sin(numbers[:, None] * 12.9898 + self._salt) * 43_758.5453)[0]
        values: NDArray[np.float64] = _NOMINAL * (
            1 + _SWING * np.sin(turn + self._phase) + _NOISE * rough
        )
        return values
