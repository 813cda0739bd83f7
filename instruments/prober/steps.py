"""How the prober carries out a recipe: dock, set, probe each wafer, undock.

Recipe: `device` (diode, resistor), `dies` (full, half, centre), `start_v`, `stop_v`, `points`,
`compliance_a`, `nplc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.errors import Garbled
from instruments.jobs import Done, ReadingValue, RecipeProblem, SiteValue
from instruments.prober.driver import Prober
from instruments.recipe_fields import RecipeField
from instruments.site_tool import SiteProgram, SiteTool
from instruments.trace_reading import traces_of
from instruments.words import Word

DEVICES = {
    "diode": Word("DIOD", "Diode", "다이오드"),
    "resistor": Word("RES", "Line resistor", "배선 저항"),
}
DIES = {
    "full": Word("FULL", "Every die", "모든 다이"),
    "half": Word("HALF", "Every other die", "하나 건너 한 다이"),
    "centre": Word("CENT", "Centre die", "중앙 다이"),
}
LARGEST_STEP_V = 2.0
CHANNELS = (("iv_voltage", "VOLT", "V"), ("iv_current", "CURR", "A"))


class ProberProgram(SiteProgram):
    """Probes wafers."""

    process_title: ClassVar[str] = "Probe"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("device", Prober.device, "Test structure", "측정 소자", "diode", DEVICES),
        RecipeField("dies", Prober.dies, "Dies", "측정 다이", "half", DIES),
        RecipeField("start_v", Prober.sweep_start, "First voltage", "시작 전압", -1.0),
        RecipeField("stop_v", Prober.sweep_stop, "Last voltage", "종료 전압", 1.0),
        RecipeField("points", Prober.sweep_points, "Points", "측정점 수", 41),
        RecipeField(
            "compliance_a", Prober.sweep_compliance, "Current compliance", "전류 제한값", 1e-3
        ),
        RecipeField("nplc", Prober.sweep_nplc, "Integration time", "적분 시간", 1.0),
    )

    def further_problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Neighbouring points close enough for the needles."""
        value = self.values(recipe)
        step = abs(value["stop_v"] - value["start_v"]) / (value["points"] - 1)
        if step <= LARGEST_STEP_V:
            return []
        return [
            RecipeProblem(
                "points",
                f"The points would be {step:.3g} V apart; at most {LARGEST_STEP_V:g} V is allowed.",
                f"측정점 간격이 {step:.3g} V입니다. {LARGEST_STEP_V:g} V 이하여야 합니다.",
            )
        ]

    def found(self, tool: SiteTool, rows: NDArray[np.float64], handle: str) -> Done:
        """Current at both ends and the resistance of each die, and the curves."""
        curves = traces_of(tool, handle, CHANNELS) if len(rows) else ()
        lengths = {len(curve.samples) for curve in curves}
        if len(lengths) > 1 or any(length % len(rows) for length in lengths):
            tool.link.distrust()
            raise Garbled(f"{len(rows)} dies have curves of {lengths} points together")
        limited = rows[:, 7] > 0
        readings = [
            ReadingValue("dies", float(len(rows)), ""),
            ReadingValue("dies_in_compliance", float(limited.sum()), ""),
        ]
        ohms = _resistances(len(rows), *(curve.samples for curve in curves))
        if len(ohms):
            readings.append(ReadingValue("resistance_median", float(np.median(ohms)), "Ω"))
        sites = tuple(
            value
            for row, each in zip(rows, ohms, strict=True)
            for value in _values(row, float(each))
        )
        return Done(tuple(readings), sites, curves)


def _resistances(dies: int, *curves: NDArray[np.float32]) -> NDArray[np.float64]:
    """Ohms by die: the inverse slope of current over voltage, by least squares."""
    if not dies:
        return np.empty(0)
    volts, amperes = (np.asarray(one, dtype=np.float64).reshape(dies, -1) for one in curves)
    volts = volts - volts.mean(axis=1, keepdims=True)
    slope = (volts * amperes).sum(axis=1) / np.maximum((volts**2).sum(axis=1), 1e-30)
    return np.asarray(1 / np.where(np.abs(slope) < 1e-15, 1e-15, slope))


def _values(row: NDArray[np.float64], ohms: float) -> tuple[SiteValue, ...]:
    at = (int(row[0]), int(row[1]), float(row[2]), float(row[3]))
    return (
        SiteValue("current_at_start", float(row[4]), "A", *at, "GOOD"),
        SiteValue("current_at_stop", float(row[5]), "A", *at, "GOOD"),
        SiteValue("resistance", ohms, "Ω", *at, "GOOD"),
        SiteValue("in_compliance", float(row[7]), "", *at, "GOOD"),
    )


PROGRAM = ProberProgram()
