"""Driver of the CVD; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace

FILMS = ("OXIDE", "NITRIDE", "POLY")


class Cvd(ScpiTool):
    """CVD: lays a film on wafers by heat and gas."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,CVD-")

    film = Choice("DEP:FILM", FILMS, kind=RECIPE, doc="Film to lay.")
    time = Setting(
        "DEP:TIME", unit="s", low=5, high=900, kind=RECIPE, verify=1e-3, doc="Deposition time."
    )
    temperature = Setting(
        "HEAT:TEMP", unit="°C", low=300, high=700, kind=RECIPE, verify=1e-3,
        doc="Heater temperature.",
    )  # fmt: skip
    pressure = Setting(
        "CHAM:PRES", unit="Torr", low=0.5, high=10, kind=RECIPE, verify=1e-3,
        doc="Chamber pressure.",
    )  # fmt: skip
    precursor = Setting(
        "GAS:PREC", unit="sccm", low=10, high=500, kind=RECIPE, verify=1e-3, doc="Precursor flow."
    )
    carrier_gas = Setting(
        "GAS:CARR", unit="sccm", low=100, high=5000, kind=RECIPE, verify=1e-2,
        doc="Carrier gas flow.",
    )  # fmt: skip

    heater = Choice("HEAT:STAT", ("HOT", "WARM"), kind="reading", doc="Heater.")
    wall_film = Reading("CHAM:WALL?", unit="nm", doc="Film on the walls since the last clean.")
    line_pressure = Reading("GAS:LINE?", unit="kPa", doc="Pressure of the precursor line.")
    clean_chamber = Action("CHAM:CLE", doc="Clean the chamber: its walls are bare afterwards.")

    temperature_trace = Trace("TRAC:DATA?", "TEMP", unit="°C", doc="Heater temperature.")
    pressure_trace = Trace("TRAC:DATA?", "PRES", unit="Torr", doc="Chamber pressure.")
    precursor_trace = Trace("TRAC:DATA?", "PREC", unit="sccm", doc="Precursor flow.")
    carrier_gas_trace = Trace("TRAC:DATA?", "CARR", unit="sccm", doc="Carrier gas flow.")
    valve_trace = Trace("TRAC:DATA?", "VAT", unit="%", doc="Opening of the throttle valve.")
    rate_trace = Trace("TRAC:DATA?", "RATE", unit="nm/s", doc="Rate by the interferometer.")

    def thickness(self, handle: str) -> float:
        """Mean film of the job `handle`, nm."""
        return self.number(f'DEP:THIC? "{handle}"')
