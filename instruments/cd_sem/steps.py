"""How the CD-SEM carries out a recipe: dock, set, measure each wafer, undock.

Recipe: `target_nm`, `landing_v`, `dose_pc`, and `fields`, "full" or "centre".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from instruments.carrier_program import CarrierProgram, Settings
from instruments.cd_sem.driver import CdSem, Site
from instruments.driver import ScpiTool
from instruments.jobs import (
    AfterUnknown,
    Done,
    Quality,
    ReadingValue,
    SiteValue,
    StepOrder,
    TraceBlock,
)
from instruments.recipe_fields import RecipeField

FIELDS = {"full": "FULL", "centre": "CENT"}
_FIELDS = (
    RecipeField("target_nm", CdSem.target, "Target line width", "목표 선폭"),
    RecipeField("landing_v", CdSem.landing_voltage, "Landing voltage", "착지 전압", 500.0),
    RecipeField("dose_pc", CdSem.dose, "Electron dose", "전자 조사량", 10.0),
    RecipeField("fields", CdSem.fields, "Fields", "측정 필드", "full", FIELDS),
)


class CdSemProgram(CarrierProgram):
    """Measures line widths; a measurement may be repeated, though each pass shrinks the resist."""

    process_kind: ClassVar[str] = "measure"
    process_title: ClassVar[str] = "Measure"
    process_after_unknown: ClassVar[AfterUnknown] = "repeat"
    is_process: ClassVar[bool] = False
    reads_traces: ClassVar[bool] = False

    def fields(self, recipe: Mapping[str, Any]) -> tuple[RecipeField, ...]:
        """The same for every recipe."""
        return _FIELDS

    def settings(self, recipe: Mapping[str, Any]) -> Settings:
        """Every field is one setting."""
        value = self.values(recipe)
        return [(one.entry.name, value[one.path]) for one in _FIELDS]

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """`cd` and `lwr` per field, their mean, and the mean profile of the centre site."""
        if not isinstance(tool, CdSem):
            raise TypeError(f"{type(tool).__name__} is no CD-SEM")
        sites = tool.sites(handle)
        values = tuple(value for site in sites for value in _values(site))
        resolved = np.array([site.cd for site in sites if site.is_resolved])
        readings = [
            ReadingValue("sites", float(len(sites)), ""),
            ReadingValue("resolved", float(len(resolved)), ""),
        ]
        if resolved.size:
            readings.append(ReadingValue("cd_mean", float(resolved.mean()), "nm"))
        return Done(tuple(readings), values, _profile(tool, handle) if sites else ())


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


def _profile(tool: CdSem, handle: str) -> tuple[TraceBlock, ...]:
    step = tool.number(f'TRAC:DT? "{handle}",PROF')
    return (TraceBlock("profile", "a.u.", 0.0, step, tool.profile(handle)),)


PROGRAM = CdSemProgram()
