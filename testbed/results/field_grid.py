"""The fields of a 300 mm wafer: 26 x 33 mm on a grid centred on the wafer.

Places are mm from the centre, x to the right, y away from the notch. Column 0, row 0 is the
centre field. A field is full when all of it lies within the 147 mm edge exclusion: 57 of them;
40 more touch the wafer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import hypot

WIDTH_MM, HEIGHT_MM = 26.0, 33.0
WAFER_MM, EDGE_MM = 150.0, 147.0
COLUMNS, ROWS = 11, 7  # of the full fields


@dataclass(frozen=True)
class Field:
    """One field: its column and row from the centre, and whether all of it is printed."""

    col: int
    row: int
    is_full: bool

    @property
    def x_mm(self) -> float:
        """Centre, mm."""
        return self.col * WIDTH_MM

    @property
    def y_mm(self) -> float:
        """Centre, mm."""
        return self.row * HEIGHT_MM


def _corner(col: int, row: int, sign: int) -> float:
    """Distance mm from the wafer's centre of the field's outer (1) or inner (-1) corner."""
    x = max(abs(col) + sign * 0.5, 0.0) * WIDTH_MM
    y = max(abs(row) + sign * 0.5, 0.0) * HEIGHT_MM
    return hypot(x, y)


@cache
def fields() -> tuple[Field, ...]:
    """All 97 fields, row by row from the bottom."""
    return tuple(
        Field(col, row, _corner(col, row, 1) <= EDGE_MM)
        for row in range(-5, 6)
        for col in range(-6, 7)
        if _corner(col, row, -1) < EDGE_MM
    )


@cache
def full_fields() -> tuple[Field, ...]:
    """The 57 full fields."""
    return tuple(field for field in fields() if field.is_full)


def field_at(x_mm: float, y_mm: float) -> tuple[int, int]:
    """(column, row) of the field that holds a place."""
    return round(x_mm / WIDTH_MM), round(y_mm / HEIGHT_MM)
