"""How the scanner carries out a recipe: dock, set, expose each wafer, read its traces, undock.

Recipe: `reticle`, `na`, `sigma_out`, `sigma_in`, `mode` (annular, dipole, conventional) and
`layout`, which is either {"kind": "fem", "dose_start", "dose_step", "dose_count" (1–7 rows),
"focus_start", "focus_step", "focus_count" (1–11 columns)} or {"kind": "uniform", "dose", "focus"}.
Doses in mJ/cm², focus in nm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from instruments.carrier_program import CarrierProgram, Settings
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, RecipeProblem, SiteValue, StepOrder
from instruments.recipe_fields import RecipeField, fields_schema, value_at
from instruments.scanner.driver import (
    COLUMNS,
    DOSE_HIGH_MJ,
    FOCUS_LIMIT_NM,
    ROWS,
    Scanner,
)
from instruments.trace_reading import traces_of
from instruments.words import Word

FIELD_W_MM, FIELD_H_MM, FULL_RADIUS_MM = 26.0, 33.0, 147.0
MODES = {
    "annular": Word("ANN", "Annular", "환형"),
    "dipole": Word("DIP", "Dipole", "다이폴"),
    "conventional": Word("CONV", "Conventional", "일반"),
}
KINDS = {
    "fem": Word("FEM", "Focus–exposure matrix", "초점–노광량 매트릭스"),
    "uniform": Word("UNI", "Uniform exposure", "균일 노광"),
}
CHANNELS = (
    ("dose", "DOSE", "mJ/cm²"),
    ("focus_error", "FOC", "nm"),
    ("stage_x", "STX", "nm"),
    ("stage_y", "STY", "nm"),
)
_KIND = RecipeField("layout.kind", Scanner.layout, "Layout", "노광 배치", None, KINDS)
_OPTICS = (
    RecipeField("reticle", Scanner.reticle, "Reticle", "레티클"),
    RecipeField("na", Scanner.na, "NA", "개구수(NA)", 1.35),
    RecipeField("sigma_out", Scanner.sigma_out, "Outer sigma", "외측 시그마", 0.90),
    RecipeField("sigma_in", Scanner.sigma_in, "Inner sigma", "내측 시그마", 0.70),
    RecipeField("mode", Scanner.mode, "Illumination mode", "조명 모드", "annular", MODES),
    _KIND,
)
_FEM = (
    RecipeField("layout.dose_start", Scanner.dose_start, "First dose", "시작 노광량"),
    RecipeField("layout.dose_step", Scanner.dose_step, "Dose step", "노광량 간격"),
    RecipeField("layout.dose_count", Scanner.dose_count, "Dose rows", "노광량 행 수"),
    RecipeField("layout.focus_start", Scanner.focus_start, "First focus", "시작 초점"),
    RecipeField("layout.focus_step", Scanner.focus_step, "Focus step", "초점 간격"),
    RecipeField("layout.focus_count", Scanner.focus_count, "Focus columns", "초점 열 수"),
)
_UNIFORM = (
    RecipeField("layout.dose", Scanner.dose_start, "Dose", "노광량"),
    RecipeField("layout.focus", Scanner.focus_start, "Focus", "초점"),
)


class ScannerProgram(CarrierProgram):
    """Exposes wafers."""

    process_kind: ClassVar[str] = "expose"
    process_title: ClassVar[str] = "Expose"

    def fields(self, recipe: Mapping[str, Any]) -> tuple[RecipeField, ...]:
        """The optics, and the fields of the layout's kind."""
        uniform = value_at(recipe, "layout.kind") == "uniform"
        return _OPTICS + (_UNIFORM if uniform else _FEM)

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the recipe; the layout is one of two kinds."""
        whole = super().schema()
        kinds = {"fem": _OPTICS + _FEM, "uniform": _OPTICS + _UNIFORM}
        choices = []
        for kind, fields in kinds.items():
            layout = fields_schema(fields)["properties"]["layout"]
            layout["properties"]["kind"] = _KIND.only(kind)
            choices.append(layout)
        whole["properties"]["layout"] = {"oneOf": choices}
        return whole

    def settings(self, recipe: Mapping[str, Any]) -> Settings:
        """Optics first; the inner sigma steps aside so that every pair can be reached."""
        value = self.values(recipe)
        optics: Settings = [
            ("reticle", value["reticle"]),
            ("na", value["na"]),
            ("sigma_in", 0.0),
            ("sigma_out", value["sigma_out"]),
            ("sigma_in", value["sigma_in"]),
            ("mode", value["mode"]),
            ("layout", value["layout.kind"]),
        ]
        if value["layout.kind"] == "UNI":
            return [
                *optics,
                ("dose_start", value["layout.dose"]),
                ("focus_start", value["layout.focus"]),
            ]
        return optics + [(one.entry.name, value[one.path]) for one in _FEM]

    def further_problems(self, recipe: Mapping[str, Any]) -> list[RecipeProblem]:
        """Sigmas in order, and every field of the matrix within reach."""
        value = self.values(recipe)
        found = []
        if value["sigma_in"] >= value["sigma_out"]:
            found.append(
                RecipeProblem(
                    "sigma_in",
                    "The inner sigma must be below the outer sigma.",
                    "내측 시그마는 외측 시그마보다 작아야 합니다.",
                )
            )
        doses, focuses = zip(*field_settings(recipe["layout"]).values(), strict=True)
        if max(doses) > DOSE_HIGH_MJ:
            found.append(_beyond("layout.dose_step", "dose", "노광량", max(doses), "mJ/cm²"))
        if max(focuses) > FOCUS_LIMIT_NM:
            found.append(_beyond("layout.focus_step", "focus", "초점", max(focuses), "nm"))
        return found

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """The pulses spent on the wafer."""
        pulses = tool.number(f'TRAC:PULS? "{handle}"')
        return Done((ReadingValue("pulses", pulses, "pulses"),))

    def traces(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """Dose, focus error and stage error, and what each field was set to."""
        blocks = traces_of(tool, handle, CHANNELS)
        error = blocks[1].samples
        readings = (
            ReadingValue("dose_mean", float(blocks[0].samples.mean()), "mJ/cm²"),
            ReadingValue("focus_error_3s", 3 * float(error.std()), "nm"),
        )
        return Done(readings, _set_sites(order.params["recipe"]["layout"]), blocks)


def full_fields() -> list[tuple[int, int]]:
    """Column and row of the 57 full fields, row by row from the bottom (manual.md, Layout)."""
    return [
        (column, row)
        for row in range(ROWS)
        for column in range(COLUMNS)
        if _reach(*field_centre(column, row)) <= FULL_RADIUS_MM
    ]


def field_centre(column: int, row: int) -> tuple[float, float]:
    """Centre of a field in mm from the wafer's centre."""
    return (column - COLUMNS // 2) * FIELD_W_MM, (row - ROWS // 2) * FIELD_H_MM


def field_settings(layout: Mapping[str, Any]) -> dict[tuple[int, int], tuple[float, float]]:
    """Dose (mJ/cm²) and focus (nm) of every field that a recipe's `layout` exposes."""
    if layout["kind"] == "uniform":
        return {at: (float(layout["dose"]), float(layout["focus"])) for at in full_fields()}
    rows, columns = int(layout["dose_count"]), int(layout["focus_count"])
    settings = {}
    for column, row in full_fields():
        c, r = column - (COLUMNS - columns) // 2, row - (ROWS - rows) // 2
        if 0 <= c < columns and 0 <= r < rows:
            dose = float(layout["dose_start"]) + r * float(layout["dose_step"])
            focus = float(layout["focus_start"]) + c * float(layout["focus_step"])
            settings[column, row] = (dose, focus)
    return settings


def _set_sites(layout: Mapping[str, Any]) -> tuple[SiteValue, ...]:
    sites = []
    for (column, row), (dose, focus) in field_settings(layout).items():
        place = (column, row, *field_centre(column, row))
        sites.append(SiteValue("dose_set", dose, "mJ/cm²", *place, "GOOD"))
        sites.append(SiteValue("focus_set", focus, "nm", *place, "GOOD"))
    return tuple(sites)


def _reach(x: float, y: float) -> float:
    return math.hypot(abs(x) + FIELD_W_MM / 2, abs(y) + FIELD_H_MM / 2)


def _beyond(path: str, en: str, ko: str, value: float, unit: str) -> RecipeProblem:
    return RecipeProblem(
        path,
        f"The last {en} of the matrix would be {value:g} {unit}, beyond what the scanner allows.",
        f"매트릭스의 마지막 {ko} 값이 {value:g} {unit}로, 스캐너가 허용하는 범위를 넘습니다.",
    )


PROGRAM = ScannerProgram()
