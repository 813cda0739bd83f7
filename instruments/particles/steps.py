"""How the particle inspector carries out a recipe: dock, set, scan each wafer, undock.

Recipe: `smallest_nm`, `sensitivity` (high, standard), `edge_mm`, `compare_with` (nothing,
last_scan). A site is one defect: its column is the defect's number, its row 0.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.jobs import Done, ReadingValue, SiteValue
from instruments.particles.driver import Particles
from instruments.recipe_fields import RecipeField
from instruments.site_tool import SiteProgram, SiteTool
from instruments.words import Word

SENSITIVITY = {
    "high": Word("HIGH", "High", "고감도"),
    "standard": Word("STD", "Standard", "표준"),
}
REFERENCE = {
    "nothing": Word("NONE", "Nothing", "비교 안 함"),
    "last_scan": Word("LAST", "This tool's last scan", "이 장비의 지난번 스캔"),
}
BINS_NM = (30, 60, 100, 200, 500, 1000)
"""Lower ends of the size classes; the last has no upper end."""


class ParticlesProgram(SiteProgram):
    """Counts particles."""

    process_title: ClassVar[str] = "Scan"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("smallest_nm", Particles.smallest, "Smallest size", "최소 크기", 40.0),
        RecipeField(
            "sensitivity", Particles.sensitivity, "Sensitivity", "감도", "standard", SENSITIVITY
        ),
        RecipeField("edge_mm", Particles.edge, "Edge exclusion", "가장자리 제외 폭", 3.0),
        RecipeField(
            "compare_with", Particles.reference, "Compare with", "비교 기준", "nothing", REFERENCE
        ),
    )

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """`particle_size` and `particle_class` of each defect, and their counts by size."""
        sizes, classes = rows[:, 3], rows[:, 4]
        readings = [ReadingValue("particles", float(len(rows)), "")]
        if len(rows) and classes.min() >= 0:
            readings.append(ReadingValue("adders", float((classes == 1).sum()), ""))
        if isinstance(tool, Particles):
            readings.append(ReadingValue("haze", tool.haze(handle), "ppm"))
        ends = [*BINS_NM[1:], np.inf]
        for low, high in zip(BINS_NM, ends, strict=True):
            count = float(((sizes >= low) & (sizes < high)).sum())
            readings.append(ReadingValue(f"particles_from_{low}_nm", count, ""))
        sites = tuple(value for row in rows for value in _values(*map(float, row)))
        return Done(tuple(readings), sites)


def _values(
    number: float, x: float, y: float, size: float, kind: float
) -> tuple[SiteValue, SiteValue]:
    at = (int(number), 0, x, y)
    return (
        SiteValue("particle_size", size, "nm", *at, "GOOD"),
        SiteValue("particle_class", kind, "", *at, "GOOD"),
    )


PROGRAM = ParticlesProgram()
