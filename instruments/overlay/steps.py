"""How the overlay tool carries out a recipe: dock, set, measure each wafer, undock.

Recipe: `fields` (full, half, centre), `marks` (one, four, nine), `tis_correction` (on, off),
`wavelength_nm`. A site is one mark: its key ends with the mark's number in the field.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.jobs import Done, Quality, ReadingValue, SiteValue
from instruments.overlay.driver import Overlay
from instruments.overlay.fit import NAMES, fitted
from instruments.recipe_fields import RecipeField
from instruments.site_tool import SiteProgram, SiteTool
from instruments.words import ON_OFF, Word

FIELDS = {
    "full": Word("FULL", "Every field", "모든 필드"),
    "half": Word("HALF", "Every other field", "하나 건너 한 필드"),
    "centre": Word("CENT", "Centre field", "중앙 필드"),
}
MARKS = {
    "one": Word("ONE", "1 mark", "1개"),
    "four": Word("FOUR", "4 marks", "4개"),
    "nine": Word("NINE", "9 marks", "9개"),
}
LEAST_CONTRAST = 0.3


class OverlayProgram(SiteProgram):
    """Measures overlay."""

    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("fields", Overlay.fields, "Fields", "측정 필드", "full", FIELDS),
        RecipeField("marks", Overlay.marks, "Marks in a field", "필드당 마크 수", "four", MARKS),
        RecipeField("tis_correction", Overlay.tis, "TIS correction", "TIS 보정", "on", ON_OFF),
        RecipeField("wavelength_nm", Overlay.wavelength, "Wavelength", "측정 파장", 550.0),
    )

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """`overlay_x`, `overlay_y` of each mark; the ten terms and what they leave."""
        good = rows[rows[:, 10] >= LEAST_CONTRAST] if len(rows) else rows
        readings = [
            ReadingValue("sites", float(len(rows)), ""),
            ReadingValue("resolved", float(len(good)), ""),
        ]
        if len(good):
            readings += _summary(good)
        return Done(tuple(readings), _sites(rows))


def _summary(good: NDArray[np.float64]) -> list[ReadingValue]:
    """Mean plus 3σ an axis, what 99.7 % stay within, the terms, and the residuals."""
    marks, dxy = good[:, 4:6], good[:, 6:8]
    terms, left = fitted(good[:, 2:4] - marks, marks, dxy)
    found = []
    for axis, name in enumerate("xy"):
        error, rest = dxy[:, axis], left[:, axis]
        found += [
            ReadingValue(f"overlay_m3s_{name}", abs(error.mean()) + 3 * error.std(), "nm"),
            ReadingValue(f"overlay_997_{name}", float(np.quantile(abs(error), 0.997)), "nm"),
            ReadingValue(f"residual_3s_{name}", 3 * float(rest.std()), "nm"),
            ReadingValue(f"tis_{name}", float(good[:, 8 + axis].mean()), "nm"),
        ]
    return found + [ReadingValue(name, terms[name], unit) for name, unit in NAMES if name in terms]


def _sites(rows: NDArray[np.float64]) -> tuple[SiteValue, ...]:
    seen: dict[tuple[int, int], int] = {}
    sites = []
    for column, row, x, y, _, _, dx, dy, _, _, contrast in rows:
        at = (int(column), int(row))
        seen[at] = seen.get(at, 0) + 1
        quality: Quality = "GOOD" if contrast >= LEAST_CONTRAST else "NOT_RESOLVED"
        for axis, value in (("x", dx), ("y", dy)):
            number = value if quality == "GOOD" else math.nan
            key = f"overlay_{axis}_{seen[at]}"
            sites.append(SiteValue(key, float(number), "nm", *at, x, y, quality))
    return tuple(sites)


PROGRAM = OverlayProgram()
