"""How the etcher carries out a recipe: dock, set, etch each wafer, read its traces, undock.

Recipe: `film` (oxide, nitride, poly, metal), the times of the steps, the endpoint, the gases and
powers; every field but `film` has a default.
"""

from __future__ import annotations

from typing import ClassVar

from instruments.carrier_program import CarrierProgram
from instruments.driver import ScpiTool
from instruments.etcher.driver import Etcher
from instruments.jobs import Done, ReadingValue, StepOrder
from instruments.recipe_fields import RecipeField
from instruments.words import FILMS


class EtcherProgram(CarrierProgram):
    """Etches wafers."""

    process_kind: ClassVar[str] = "etch"
    process_title: ClassVar[str] = "Etch"
    recipe: ClassVar[tuple[RecipeField, ...]] = (
        RecipeField("film", Etcher.film, "Film", "식각할 막", None, FILMS),
        RecipeField("stabilise_s", Etcher.stabilise, "Stabilise", "안정화 시간", 15.0),
        RecipeField("breakthrough_s", Etcher.breakthrough, "Breakthrough", "돌파 시간", 5.0),
        RecipeField("main_longest_s", Etcher.main_longest, "Longest main etch", "주 식각 최장 시간",
                    150.0),
        RecipeField("endpoint_pct", Etcher.endpoint_level, "Endpoint level", "종점 판정 수준",
                    50.0),
        RecipeField("over_etch_pct", Etcher.over_etch, "Over-etch", "과식각 비율", 20.0),
        RecipeField("bcl3_sccm", Etcher.boron_chloride, "BCl₃ flow", "BCl₃ 유량", 50.0),
        RecipeField("cl2_sccm", Etcher.chlorine, "Cl₂ flow", "Cl₂ 유량", 100.0),
        RecipeField("pressure_mtorr", Etcher.pressure, "Pressure", "압력", 10.0),
        RecipeField("source_w", Etcher.source_power, "Source power", "소스 전력", 400.0),
        RecipeField("bias_w", Etcher.bias_power, "Bias power", "바이어스 전력", 150.0),
        RecipeField("helium_torr", Etcher.helium, "Helium pressure", "헬륨 압력", 10.0),
        RecipeField("chuck_c", Etcher.chuck_temperature, "Chuck temperature", "척 온도", 60.0),
    )  # fmt: skip

    def finished(self, tool: ScpiTool, order: StepOrder, handle: str) -> Done:
        """Depth, and the endpoint when one was seen."""
        if not isinstance(tool, Etcher):
            raise TypeError(f"{type(tool).__name__} is no etcher")
        endpoint = tool.endpoint(handle)
        readings = [
            ReadingValue("etch_depth", tool.depth(handle), "nm"),
            ReadingValue("endpoint_seen", float(endpoint is not None), ""),
        ]
        if endpoint is not None:
            readings.append(ReadingValue("endpoint_time", endpoint, "s"))
        return Done(tuple(readings))


PROGRAM = EtcherProgram()
