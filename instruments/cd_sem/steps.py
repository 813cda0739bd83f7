"""How the CD-SEM carries out a recipe: dock, set, measure each wafer, undock.

Recipe: `target_nm`, `landing_v`, `dose_pc`, and `fields`, "full" or "centre".
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.cd_sem.driver import CdSem, Site, site_of
from instruments.jobs import Done, Quality, ReadingValue, SiteValue
from instruments.recipe_fields import RecipeField
from instruments.site_tool import SiteProgram, SiteTool
from instruments.trace_reading import traces_of
from instruments.words import Word

FIELDS = {
    "full": Word("FULL", "Every field", "모든 필드"),
    "centre": Word("CENT", "Centre field", "중앙 필드"),
}
PROFILE = (("profile", "PROF", "a.u."),)


class CdSemProgram(SiteProgram):
    """Measures line widths; a measurement may be repeated, though each pass shrinks the resist."""

    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("target_nm", CdSem.target, "Target line width", "목표 선폭"),
        RecipeField("landing_v", CdSem.landing_voltage, "Landing voltage", "착지 전압", 500.0),
        RecipeField("dose_pc", CdSem.dose, "Electron dose", "전자 조사량", 10.0),
        RecipeField("fields", CdSem.fields, "Fields", "측정 필드", "full", FIELDS),
    )

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """`cd` and `lwr` per field, their mean, and the mean profile of the centre site.

        Edges less steep than in focus tell of defocus, or of charge (manual.md, Charging).
        """
        sites = [site_of(*map(float, row)) for row in rows]
        values = tuple(value for site in sites for value in _values(site))
        resolved = np.array([site.cd for site in sites if site.is_resolved])
        readings = [
            ReadingValue("sites", float(len(sites)), ""),
            ReadingValue("resolved", float(len(resolved)), ""),
        ]
        if resolved.size:
            slopes = np.array([site.edge_slope for site in sites if site.is_resolved])
            readings += [
                ReadingValue("cd_mean", float(resolved.mean()), "nm"),
                ReadingValue("edge_slope_mean", float(slopes.mean()), "nm"),
            ]
        return Done(tuple(readings), values, traces_of(tool, handle, PROFILE) if sites else ())


def _values(site: Site) -> tuple[SiteValue, SiteValue]:
    place = (site.column, site.row, site.x_mm, site.y_mm)
    quality: Quality = "NOT_RESOLVED"
    if site.is_resolved:
        quality = "GOOD" if site.passes == 1 else "RESHOT"
    cd, lwr = (site.cd, site.lwr) if site.is_resolved else (math.nan, math.nan)
    return (
        SiteValue("cd", cd, "nm", *place, quality),
        SiteValue("lwr", lwr, "nm", *place, quality),
    )


PROGRAM = CdSemProgram()
