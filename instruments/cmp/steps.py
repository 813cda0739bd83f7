"""How the polisher carries out a recipe: dock, set, polish each wafer, read its traces, undock.

Recipe: `time_s`, `down_force_kpa`, `platen_rpm`, `head_rpm`, `slurry_ml_min`, `conditioning` (on,
off); every field but the first has a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from instruments.carrier_program import CarrierProgram, Settings
from instruments.cmp.driver import Cmp
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField
from instruments.trace_reading import all_traces

_FIELDS = (
    RecipeField("time_s", Cmp.time, "Polishing time", "연마 시간"),
    RecipeField("down_force_kpa", Cmp.down_force, "Down force", "가압 압력", 20.0),
    RecipeField("platen_rpm", Cmp.platen_speed, "Platen speed", "플래튼 회전수", 90.0),
    RecipeField("head_rpm", Cmp.head_speed, "Head speed", "헤드 회전수", 87.0),
    RecipeField("slurry_ml_min", Cmp.slurry, "Slurry flow", "슬러리 유량", 200.0),
    RecipeField(
        "conditioning", Cmp.conditioning, "Conditioning", "패드 컨디셔닝", "on",
        {"on": "ON", "off": "OFF"},
    ),
)  # fmt: skip


class CmpProgram(CarrierProgram):
    """Polishes wafers."""

    process_kind: ClassVar[str] = "polish"
    process_title: ClassVar[str] = "Polish"

    def fields(self, recipe: Mapping[str, Any]) -> tuple[RecipeField, ...]:
        """The same for every recipe."""
        return _FIELDS

    def settings(self, recipe: Mapping[str, Any]) -> Settings:
        """Every field is one setting."""
        value = self.values(recipe)
        return [(one.entry.name, value[one.path]) for one in _FIELDS]

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """What was removed, what is left, and how far dense lines dish."""
        if not isinstance(tool, Cmp):
            raise TypeError(f"{type(tool).__name__} is no polisher")
        return Done(
            (
                ReadingValue("removed", tool.removed(handle), "nm"),
                ReadingValue("film_left", tool.left(handle), "nm"),
                ReadingValue("dishing", tool.dishing(handle), "nm"),
            )
        )

    def traces(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """All six channels."""
        return Done(traces=all_traces(tool, handle))


PROGRAM = CmpProgram()
