"""Driver of the dry etcher; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace

FILMS = ("OXIDE", "NITRIDE", "POLY", "METAL")


class Etcher(ScpiTool):
    """Dry etcher: etches the top film of a wafer until its endpoint, and a little beyond."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,ETCH-")

    film = Choice("ETCH:FILM", FILMS, kind=RECIPE, doc="Film to etch; the top one.")
    stabilise = Setting(
        "STAB:TIME", unit="s", low=5, high=60, kind=RECIPE, verify=1e-3,
        doc="Time for gases and pressure to settle.",
    )  # fmt: skip
    breakthrough = Setting(
        "BREA:TIME", unit="s", low=0, high=30, kind=RECIPE, verify=1e-3,
        doc="Time at higher bias power, through what grew on the film.",
    )  # fmt: skip
    main_longest = Setting(
        "MAIN:TIME", unit="s", low=5, high=300, kind=RECIPE, verify=1e-3,
        doc="Longest main etch if no endpoint is seen.",
    )  # fmt: skip
    endpoint_level = Setting(
        "ENDP:LEV", unit="%", low=20, high=80, kind=RECIPE, verify=1e-3,
        doc="Share of the film's emission at which the main etch ends.",
    )  # fmt: skip
    over_etch = Setting(
        "OVER:PCT", unit="%", low=0, high=100, kind=RECIPE, verify=1e-3,
        doc="Over-etch as a share of the main etch's time.",
    )  # fmt: skip
    boron_chloride = Setting(
        "GAS:BCL3", unit="sccm", low=0, high=200, kind=RECIPE, verify=1e-3, doc="BCl₃ flow."
    )
    chlorine = Setting(
        "GAS:CL2", unit="sccm", low=10, high=200, kind=RECIPE, verify=1e-3, doc="Cl₂ flow."
    )
    pressure = Setting(
        "CHAM:PRES", unit="mTorr", low=2, high=50, kind=RECIPE, verify=1e-3,
        doc="Chamber pressure.",
    )  # fmt: skip
    source_power = Setting(
        "TCP:POW", unit="W", low=100, high=1000, kind=RECIPE, verify=1e-3,
        doc="Source power, which makes the plasma dense.",
    )  # fmt: skip
    bias_power = Setting(
        "RF:POW", unit="W", low=20, high=400, kind=RECIPE, verify=1e-3,
        doc="Bias power, which draws ions to the wafer.",
    )  # fmt: skip
    helium = Setting(
        "HE:PRES", unit="Torr", low=2, high=20, kind=RECIPE, verify=1e-3,
        doc="Helium pressure behind the wafer.",
    )  # fmt: skip
    chuck_temperature = Setting(
        "CHUC:TEMP", unit="°C", low=20, high=90, kind=RECIPE, verify=1e-3,
        doc="Chuck temperature.",
    )  # fmt: skip

    plasma = Choice("PLAS:STAT", ("ON", "OFF"), kind="reading", doc="Plasma.")
    wafers_since_clean = Reading("CHAM:WAF?", unit="wafers", doc="Wafers since the wet clean.")
    wall_temperature = Reading("CHAM:WALL?", unit="°C", doc="Temperature of the chamber wall.")
    record_wet_clean = Action("CHAM:CLE", doc="Record a wet clean of the chamber.")

    step_trace = Trace("TRAC:DATA?", "STEP", unit="", doc="Number of the step.")
    boron_chloride_trace = Trace("TRAC:DATA?", "BCL3", unit="sccm", doc="BCl₃ flow.")
    chlorine_trace = Trace("TRAC:DATA?", "CL2", unit="sccm", doc="Cl₂ flow.")
    pressure_trace = Trace("TRAC:DATA?", "PRES", unit="mTorr", doc="Chamber pressure.")
    valve_trace = Trace("TRAC:DATA?", "VAT", unit="%", doc="Opening of the throttle valve.")
    helium_trace = Trace("TRAC:DATA?", "HEP", unit="Torr", doc="Helium pressure.")
    leak_trace = Trace("TRAC:DATA?", "HEF", unit="sccm", doc="Helium leak.")
    bias_power_trace = Trace("TRAC:DATA?", "BPOW", unit="W", doc="Bias power.")
    bias_reflected_trace = Trace("TRAC:DATA?", "BREF", unit="W", doc="Bias power reflected.")
    bias_tuner_trace = Trace("TRAC:DATA?", "BTUN", unit="%", doc="Tuner of the bias match.")
    bias_load_trace = Trace("TRAC:DATA?", "BLOA", unit="%", doc="Load of the bias match.")
    bias_phase_trace = Trace("TRAC:DATA?", "BPHA", unit="°", doc="Phase error of the bias match.")
    bias_impedance_trace = Trace("TRAC:DATA?", "BIMP", unit="Ω", doc="Impedance of the bias.")
    self_bias_trace = Trace("TRAC:DATA?", "BVDC", unit="V", doc="Self-bias.")
    source_power_trace = Trace("TRAC:DATA?", "TPOW", unit="W", doc="Source power.")
    source_reflected_trace = Trace("TRAC:DATA?", "TREF", unit="W", doc="Source power reflected.")
    source_tuner_trace = Trace("TRAC:DATA?", "TTUN", unit="%", doc="Tuner of the source match.")
    source_load_trace = Trace("TRAC:DATA?", "TLOA", unit="%", doc="Load of the source match.")
    source_phase_trace = Trace(
        "TRAC:DATA?", "TPHA", unit="°", doc="Phase error of the source match."
    )
    source_impedance_trace = Trace("TRAC:DATA?", "TIMP", unit="Ω", doc="Impedance of the source.")
    emission_trace = Trace("TRAC:DATA?", "EPA", unit="a.u.", doc="Emission of the film's product.")

    def depth(self, handle: str) -> float:
        """Mean depth of the job `handle`, nm."""
        return self.number(f'ETCH:DEPT? "{handle}"')

    def endpoint(self, handle: str) -> float | None:
        """Seconds from the start of the main etch to the endpoint; None when none was seen."""
        found = self.number(f'ENDP:TIME? "{handle}"')
        return found if found >= 0 else None
