"""How the CVD carries out a recipe: dock, set, deposit on each wafer, read its traces, undock.

Recipe: `film` (oxide, nitride, poly), `time_s`, `temperature_c`, `pressure_torr`, `precursor_sccm`,
`carrier_sccm`; every field but the first two has a default.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.carrier_program import CarrierProgram
from instruments.cvd.driver import Cvd
from instruments.driver import ScpiTool
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField
from instruments.words import FILMS

LAID = {word: FILMS[word] for word in ("oxide", "nitride", "poly")}


class CvdProgram(CarrierProgram):
    """Lays films on wafers."""

    process_kind: ClassVar[str] = "deposit"
    process_title: ClassVar[str] = "Deposit on"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("film", Cvd.film, "Film", "증착할 막", None, LAID),
        RecipeField("time_s", Cvd.time, "Deposition time", "증착 시간"),
        RecipeField("temperature_c", Cvd.temperature, "Temperature", "온도", 400.0),
        RecipeField("pressure_torr", Cvd.pressure, "Pressure", "압력", 3.0),
        RecipeField("precursor_sccm", Cvd.precursor, "Precursor flow", "전구체 유량", 120.0),
        RecipeField("carrier_sccm", Cvd.carrier_gas, "Carrier gas flow", "운반 기체 유량", 1500.0),
    )  # fmt: skip

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """The mean film by the chamber's own gauge."""
        if not isinstance(tool, Cvd):
            raise TypeError(f"{type(tool).__name__} is no CVD")
        return Done((ReadingValue("film_thickness", tool.thickness(handle), "nm"),))


PROGRAM = CvdProgram()
