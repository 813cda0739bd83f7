"""How the wet clean carries out a recipe: dock, set, clean each wafer, read its traces, undock.

Recipe: `chemistry` (sc1, spm, dhf, rca), `time_s`, `bath_c`, `megasonic_w`, `rinse_s`, `dry_rpm`,
`dry_s`; every field but the first has a default.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.carrier_program import CarrierProgram
from instruments.clean.driver import Clean
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField
from instruments.words import Word

CHEMISTRIES = {
    "sc1": Word("SC1", "SC1 (ammonia and peroxide)", "SC1 (암모니아·과산화수소)"),
    "spm": Word("SPM", "SPM (sulphuric acid and peroxide)", "SPM (황산·과산화수소)"),
    "dhf": Word("DHF", "DHF (dilute hydrofluoric acid)", "DHF (희석 불산)"),
    "rca": Word("RCA", "RCA (SC1 → DHF → SC2)", "RCA (SC1 → DHF → SC2)"),
}


class CleanProgram(CarrierProgram):
    """Cleans wafers."""

    process_kind: ClassVar[str] = "clean"
    process_title: ClassVar[str] = "Clean"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("chemistry", Clean.chemistry, "Chemistry", "세정액", None, CHEMISTRIES),
        RecipeField("time_s", Clean.time, "Time in the chemistry", "세정 시간", 300.0),
        RecipeField("bath_c", Clean.bath_temperature, "Bath temperature", "세정액 온도", 65.0),
        RecipeField("megasonic_w", Clean.megasonic, "Megasonic power", "메가소닉 출력", 600.0),
        RecipeField("rinse_s", Clean.rinse_time, "Rinsing time", "헹굼 시간", 120.0),
        RecipeField("dry_rpm", Clean.dry_spin, "Drying speed", "건조 회전수", 1500.0),
        RecipeField("dry_s", Clean.dry_time, "Drying time", "건조 시간", 45.0),
    )  # fmt: skip

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """How pure the last rinse was, and whether the clean certifies the FEOL class."""
        if not isinstance(tool, Clean):
            raise TypeError(f"{type(tool).__name__} is no wet clean")
        is_certified = tool.certificate(handle) == "FEOL"
        return Done(
            (
                ReadingValue("rinse_resistivity", tool.rinse_resistivity(handle), "MΩ·cm"),
                ReadingValue("certified_feol", float(is_certified), ""),
            )
        )


PROGRAM = CleanProgram()
