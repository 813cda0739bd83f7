"""How the polisher carries out a recipe: dock, set, polish each wafer, read its traces, undock.

Recipe: `time_s`, `down_force_kpa`, `platen_rpm`, `head_rpm`, `slurry_ml_min`, `conditioning` (on,
off); every field but the first has a default.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.carrier_program import CarrierProgram
from instruments.cmp.driver import Cmp
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField
from instruments.words import ON_OFF


class CmpProgram(CarrierProgram):
    """Polishes wafers."""

    process_kind: ClassVar[str] = "polish"
    process_title: ClassVar[str] = "Polish"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("time_s", Cmp.time, "Polishing time", "연마 시간"),
        RecipeField("down_force_kpa", Cmp.down_force, "Down force", "가압 압력", 20.0),
        RecipeField("platen_rpm", Cmp.platen_speed, "Platen speed", "플래튼 회전수", 90.0),
        RecipeField("head_rpm", Cmp.head_speed, "Head speed", "헤드 회전수", 87.0),
        RecipeField("slurry_ml_min", Cmp.slurry, "Slurry flow", "슬러리 유량", 200.0),
        RecipeField(
            "conditioning", Cmp.conditioning, "Conditioning", "패드 컨디셔닝", "on", ON_OFF
        ),
    )  # fmt: skip

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


PROGRAM = CmpProgram()
