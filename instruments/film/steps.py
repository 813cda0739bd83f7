"""How the film tool carries out a recipe: dock, set, measure each wafer, undock.

Recipe: `layer` (top, resist), `sites` (1, 9, 25 or 49 as words), `target_nm`, `averages`. A
site's column is its ring (0 the centre), its row the place in the ring.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.film.driver import Film
from instruments.jobs import Done, Quality, ReadingValue, SiteValue
from instruments.recipe_fields import RecipeField
from instruments.site_tool import SiteProgram, SiteTool
from instruments.trace_reading import traces_of
from instruments.words import Word

LAYERS = {
    "top": Word("TOP", "Top film", "맨 위 막"),
    "resist": Word("RES", "Resist", "감광막"),
}
SITES = {"1": Word("S1"), "9": Word("S9"), "25": Word("S25"), "49": Word("S49")}
GOOD_FIT = 0.90
SPECTRUM = (("spectrum", "SPEC", "%"),)
FIRST_NM = 400.0
"""Wavelength of a spectrum's first sample."""


class FilmProgram(SiteProgram):
    """Measures thickness."""

    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("layer", Film.layer, "Layer", "측정 층", "top", LAYERS),
        RecipeField("sites", Film.pattern, "Sites", "측정 지점 수", "49", SITES),
        RecipeField("target_nm", Film.target, "Expected thickness", "예상 두께"),
        RecipeField("averages", Film.averages, "Spectra averaged", "평균 스펙트럼 수", 1),
    )

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """`thickness` and `goodness_of_fit` of each site, their uniformity, one spectrum."""
        good = rows[rows[:, 5] >= GOOD_FIT, 4] if len(rows) else np.empty(0)
        readings = [
            ReadingValue("sites", float(len(rows)), ""),
            ReadingValue("resolved", float(len(good)), ""),
        ]
        if len(good):
            readings += _uniformity(good)
        values = tuple(value for row in rows for value in _values(*map(float, row)))
        spectrum = traces_of(tool, handle, SPECTRUM, FIRST_NM) if len(rows) else ()
        return Done(tuple(readings), values, spectrum)


def _uniformity(nm: NDArray[np.float64]) -> list[ReadingValue]:
    """Mean, and non-uniformity by both formulas in use, in percent of the mean."""
    mean = float(nm.mean())
    if mean <= 0:
        return [ReadingValue("thickness_mean", mean, "nm")]
    half_range = float(np.ptp(nm)) / 2
    return [
        ReadingValue("thickness_mean", mean, "nm"),
        ReadingValue("nonuniformity_half_range", 100 * half_range / mean, "%"),
        ReadingValue("nonuniformity_sigma", 100 * float(nm.std()) / mean, "%"),
    ]


def _values(
    ring: float, place: float, x: float, y: float, nm: float, fit: float
) -> tuple[SiteValue, SiteValue]:
    quality: Quality = "GOOD" if fit >= GOOD_FIT else "NOT_RESOLVED"
    at = (int(ring), int(place), x, y)
    thickness = nm if quality == "GOOD" else math.nan
    return (
        SiteValue("thickness", thickness, "nm", *at, quality),
        SiteValue("goodness_of_fit", fit, "", *at, "GOOD"),
    )


PROGRAM = FilmProgram()
