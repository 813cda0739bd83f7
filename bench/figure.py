"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class Row(TypedDict):
    """A figure as bench/latest.json keeps it."""

    name: str
    value: float
    unit: str
    limit: float
    ratio: float
    n: int


@dataclass(frozen=True)
class Figure:
    """What the product reached, and what this machine could do at most.

    name: "<module>.<what>"; value and limit: in `unit`, measured in the same run; n: how many
    repetitions stand behind `value`.
    """

    name: str
    value: float
    unit: str
    limit: float
    n: int

    @property
    def ratio(self) -> float:
        """value over limit: comparable between machines, where a value alone is not."""
        return self.value / self.limit

    def row(self) -> Row:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "limit": self.limit,
            "ratio": self.ratio,
            "n": self.n,
        }
