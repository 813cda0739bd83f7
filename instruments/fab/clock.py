"""The fab's clock: physical seconds, faster than the host's by a scale."""

from __future__ import annotations

import math
import time


class FabClock:
    """Physical seconds since the fab began; `scale` of them pass in one second of the host."""

    def __init__(self, scale: float = 1.0) -> None:
        _check(scale)
        self.scale = scale
        self._since = time.monotonic()
        self._before = 0.0

    def now(self) -> float:
        """Physical seconds since the start."""
        return self._before + (time.monotonic() - self._since) * self.scale

    def go_on_from(self, physical: float) -> None:
        """Take up where a fab that was stopped left off."""
        self._before, self._since = physical, time.monotonic()

    def rescale(self, scale: float) -> None:
        """Go on at another speed from here; nothing jumps."""
        _check(scale)
        self._before, self._since = self.now(), time.monotonic()
        self.scale = scale

    def host_seconds(self, physical: float) -> float:
        """What `physical` seconds are on the host's clock."""
        return physical / self.scale


def _check(scale: float) -> None:
    if not 0 < scale < math.inf:
        raise ValueError(f"the clock scale must be positive and finite, not {scale}")


class HandClock(FabClock):
    """A clock that stands still until it is moved; for tests of the models."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self._now = 0.0

    def now(self) -> float:
        """Physical seconds since the start."""
        return self._now

    def go_on_from(self, physical: float) -> None:
        """Take up where a fab that was stopped left off."""
        self._now = physical

    def pass_(self, seconds: float) -> None:
        """Let `seconds` go by."""
        self._now += seconds
