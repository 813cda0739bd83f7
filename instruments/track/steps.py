"""How the track carries out a recipe: dock, set, coat or develop each wafer, read its traces.

Recipe: `operation` is "coat" with `resist`, `spin_rpm`, `thickness_nm`, `bake_temperature_c`,
`bake_time_s`, or "develop" with `peb_temperature_c`, `peb_time_s`, `peb_delay_s`,
`develop_time_s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from instruments.carrier_program import CarrierProgram
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField, fields_schema
from instruments.trace_reading import traces_of
from instruments.track.driver import Track
from instruments.words import Word

OPERATIONS = {
    "coat": Word("COAT", "Coat", "도포"),
    "develop": Word("DEV", "Develop", "현상"),
}
_OPERATION = RecipeField("operation", Track.operation, "Operation", "작업", None, OPERATIONS)
_COAT = (
    RecipeField("resist", Track.resist, "Resist", "감광액"),
    RecipeField("spin_rpm", Track.spin, "Spin speed", "회전수", 1500.0),
    RecipeField(
        "thickness_nm", Track.thickness, "Thickness at 1500 rpm", "1500 rpm 기준 두께", 90.0
    ),
    RecipeField(
        "bake_temperature_c", Track.bake_temperature, "Soft bake temperature", "소프트 베이크 온도",
        110.0,
    ),
    RecipeField("bake_time_s", Track.bake_time, "Soft bake time", "소프트 베이크 시간", 60.0),
)  # fmt: skip
_DEVELOP = (
    RecipeField("peb_temperature_c", Track.peb_temperature, "PEB temperature", "PEB 온도", 100.0),
    RecipeField("peb_time_s", Track.peb_time, "PEB time", "PEB 시간", 60.0),
    RecipeField("peb_delay_s", Track.peb_delay, "Delay before PEB", "PEB 전 지연", 30.0),
    RecipeField("develop_time_s", Track.develop_time, "Development time", "현상 시간", 30.0),
)


class TrackProgram(CarrierProgram):
    """Coats or develops wafers."""

    process_kind: ClassVar[str] = "process"
    process_title: ClassVar[str] = "Process"

    def fields(self, recipe: Mapping[str, Any]) -> tuple[RecipeField, ...]:
        """The fields of the recipe's operation."""
        develops = recipe.get("operation") == "develop"
        return (_OPERATION, *(_DEVELOP if develops else _COAT))

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the recipe: one of the two operations."""
        kinds = []
        for word, fields in (("coat", _COAT), ("develop", _DEVELOP)):
            kind = fields_schema((_OPERATION, *fields))
            kind["properties"]["operation"] = _OPERATION.only(word)
            kinds.append(kind)
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": kinds}

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """The thickness after a coat; after a development how long the wafer had waited."""
        if order.params["recipe"]["operation"] != "coat":
            delay = tool.number(f'RES:PEBD? "{handle}"')
            return Done((ReadingValue("peb_delay", delay, "s"),))
        thickness = tool.number(f'RES:THIC? "{handle}"')
        return Done((ReadingValue("thickness", thickness, "nm"),))

    def traces(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """Plate temperature and chuck speed; a cell's run has both operations of a wafer."""
        coats = order.params["recipe"]["operation"] == "coat"
        channels = (
            ("plate_temperature" if coats else "peb_temperature", "TEMP", "°C"),
            ("spin_speed" if coats else "develop_speed", "SPIN", "rpm"),
        )
        return Done(traces=traces_of(tool, handle, channels))


PROGRAM = TrackProgram()
