"""Reading a tool's housekeeping channels: one block a look, however many samples have come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.driver import ScpiTool
from instruments.errors import Garbled

STEP_S = 0.1
"""Seconds between two samples, of the host's clock (`common.md`)."""


@dataclass(frozen=True)
class Channel:
    """A quantity that the tool samples all the time."""

    key: str
    unit: str


@dataclass(frozen=True, eq=False)
class Samples:
    """Consecutive samples: number `first` and those after it; `values` (n, channels) float32."""

    first: int
    values: NDArray[np.float32]

    @property
    def after(self) -> int:
        """The number of the sample that comes next."""
        return self.first + len(self.values)


def channels(tool: ScpiTool) -> tuple[Channel, ...]:
    """What the tool samples, in the order of a row."""
    answer = tool.link.ask("LOG:CHAN?")
    pairs = [part.partition(":") for part in answer.split(",")]
    if not all(name and colon for name, colon, _unit in pairs):
        tool.link.distrust()
        raise Garbled(f"LOG:CHAN? answered {answer!r}")
    return tuple(Channel(name.lower(), unit) for name, _colon, unit in pairs)


def samples(tool: ScpiTool, first: int, width: int) -> Samples:
    """What has been sampled from number `first` on; less where the tool no longer has it all.

    `width`: how many channels. Raises `Garbled` when the rows are not whole or not consecutive.
    """
    layout = np.dtype([("number", "<u4"), ("values", "<f4", (width,))])
    rows = tool.link.block(f"LOG:DATA? {first}", layout)
    numbers, values = rows["number"].astype(np.int64), np.ascontiguousarray(rows["values"])
    if not len(rows):
        return Samples(first, values)
    if numbers[0] < first or np.any(np.diff(numbers) != 1):
        tool.link.distrust()
        raise Garbled("LOG:DATA? answered rows that do not follow each other")
    return Samples(int(numbers[0]), values)
