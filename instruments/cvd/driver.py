"""Driver of the CVD; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace

FILMS = ("OXIDE", "NITRIDE", "POLY")


class Cvd(ScpiTool):
    """CVD: lays a film on wafers by heat and gas."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,CVD-")

    film = Choice("DEP:FILM", FILMS, kind=RECIPE, doc="Film to lay.", ko="증착할 막.")
    time = Setting(
        "DEP:TIME", unit="s", low=5, high=900, kind=RECIPE, verify=1e-3,
        doc="Deposition time.", ko="증착 시간.",
    )  # fmt: skip
    temperature = Setting(
        "HEAT:TEMP", unit="°C", low=300, high=700, kind=RECIPE, verify=1e-3,
        doc="Heater temperature.", ko="히터 온도.",
    )  # fmt: skip
    pressure = Setting(
        "CHAM:PRES", unit="Torr", low=0.5, high=10, kind=RECIPE, verify=1e-3,
        doc="Chamber pressure.", ko="챔버 압력.",
    )  # fmt: skip
    precursor = Setting(
        "GAS:PREC", unit="sccm", low=10, high=500, kind=RECIPE, verify=1e-3,
        doc="Precursor flow.", ko="전구체 유량.",
    )  # fmt: skip
    carrier_gas = Setting(
        "GAS:CARR", unit="sccm", low=100, high=5000, kind=RECIPE, verify=1e-2,
        doc="Carrier gas flow.", ko="운반 기체 유량.",
    )  # fmt: skip

    heater = Choice("HEAT:STAT", ("HOT", "WARM"), kind="reading", doc="Heater.", ko="히터.")
    wall_film = Reading(
        "CHAM:WALL?", unit="nm",
        doc="Film on the walls since the last clean.", ko="마지막 세정 이후 벽에 쌓인 막.",
    )  # fmt: skip
    line_pressure = Reading(
        "GAS:LINE?", unit="kPa", doc="Pressure of the precursor line.", ko="전구체 배관 압력."
    )
    clean_chamber = Action(
        "CHAM:CLE",
        doc="Clean the chamber: its walls are bare afterwards.",
        ko="챔버를 세정함. 끝나면 벽에 막이 없음.",
    )  # fmt: skip

    temperature_trace = Trace(
        "TRAC:DATA?", "TEMP", unit="°C", doc="Heater temperature.", ko="히터 온도."
    )
    pressure_trace = Trace(
        "TRAC:DATA?", "PRES", unit="Torr", doc="Chamber pressure.", ko="챔버 압력."
    )
    precursor_trace = Trace(
        "TRAC:DATA?", "PREC", unit="sccm", doc="Precursor flow.", ko="전구체 유량."
    )
    carrier_gas_trace = Trace(
        "TRAC:DATA?", "CARR", unit="sccm", doc="Carrier gas flow.", ko="운반 기체 유량."
    )
    valve_trace = Trace(
        "TRAC:DATA?", "VAT", unit="%", doc="Opening of the throttle valve.", ko="스로틀 밸브 개도."
    )
    rate_trace = Trace(
        "TRAC:DATA?", "RATE", unit="nm/s",
        doc="Rate by the interferometer.", ko="간섭계로 잰 증착 속도.",
    )  # fmt: skip

    def thickness(self, handle: str) -> float:
        """Mean film of the job `handle`, nm."""
        return self.number(f'DEP:THIC? "{handle}"')
