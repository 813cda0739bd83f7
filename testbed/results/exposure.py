"""Which dose and focus each field got, from the layout of an exposure recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from testbed.results.field_grid import COLUMNS, ROWS


@dataclass(frozen=True)
class Exposure:
    """What a field was asked to get: dose mJ/cm2 and focus nm."""

    dose: float
    focus: float


@dataclass(frozen=True)
class Layout:
    """A focus-exposure matrix, or one dose and focus everywhere (counts of 1, `is_matrix` False).

    Columns of the matrix are focus, left to right; rows are dose, from the bottom. The matrix is
    centred on the grid of full fields; fields outside it were not exposed.
    """

    is_matrix: bool
    dose_start: float
    dose_step: float
    dose_count: int
    focus_start: float
    focus_step: float
    focus_count: int

    def at(self, col: int, row: int) -> Exposure | None:
        """The exposure of a field (column, row from the centre field); None when not exposed."""
        if not self.is_matrix:
            return Exposure(self.dose_start, self.focus_start)
        c = col + COLUMNS // 2 - (COLUMNS - self.focus_count) // 2
        r = row + ROWS // 2 - (ROWS - self.dose_count) // 2
        if not (0 <= c < self.focus_count and 0 <= r < self.dose_count):
            return None
        return Exposure(
            self.dose_start + r * self.dose_step, self.focus_start + c * self.focus_step
        )


def layout_of(body: Mapping[str, Any]) -> Layout | None:
    """The layout in the body of an exposure's or a litho cell's recipe; None when it has none that
    can be read."""
    exposure = body.get("expose")
    layout = (exposure if isinstance(exposure, Mapping) else body).get("layout")
    if not isinstance(layout, Mapping):
        return None
    try:
        if layout.get("kind") == "fem":
            return _matrix(layout)
        return Layout(False, float(layout["dose"]), 0.0, 1, float(layout["focus"]), 0.0, 1)
    except (KeyError, TypeError, ValueError):
        return None


def _matrix(layout: Mapping[str, Any]) -> Layout:
    return Layout(
        True,
        float(layout["dose_start"]),
        float(layout["dose_step"]),
        int(layout["dose_count"]),
        float(layout["focus_start"]),
        float(layout["focus_step"]),
        int(layout["focus_count"]),
    )
