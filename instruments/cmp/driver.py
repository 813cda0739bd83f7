"""Driver of the polisher; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace


class Cmp(ScpiTool):
    """CMP: polishes the top film of a wafer with slurry and pad."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,CMP-")

    time = Setting(
        "POL:TIME", unit="s", low=5, high=300, kind=RECIPE, verify=1e-3, doc="Polishing time."
    )
    down_force = Setting(
        "HEAD:PRES", unit="kPa", low=5, high=50, kind=RECIPE, verify=1e-3,
        doc="Pressure of the head on the wafer.",
    )  # fmt: skip
    platen_speed = Setting(
        "PLAT:SPE", unit="rpm", low=20, high=120, kind=RECIPE, verify=1e-3,
        doc="Speed of the platen.",
    )  # fmt: skip
    head_speed = Setting(
        "HEAD:SPE", unit="rpm", low=20, high=120, kind=RECIPE, verify=1e-3, doc="Speed of the head."
    )
    slurry = Setting(
        "SLUR:FLOW", unit="mL/min", low=50, high=300, kind=RECIPE, verify=1e-3, doc="Slurry flow."
    )
    conditioning = Choice(
        "COND:MODE", ("ON", "OFF"), kind=RECIPE, doc="Condition the pad while polishing."
    )

    head = Choice("HEAD:STAT", ("UP", "DOWN"), kind="reading", doc="Polishing head.")
    pad_wafers = Reading("PAD:WAF?", unit="wafers", doc="Wafers polished on this pad.")
    pad_glaze = Reading("PAD:GLAZ?", unit="wafers", doc="Wafers since the pad was conditioned.")
    record_new_pad = Action("PAD:NEW", doc="Record that a new pad was put on.")

    force_trace = Trace("TRAC:DATA?", "HPRE", unit="kPa", doc="Pressure of the head.")
    platen_trace = Trace("TRAC:DATA?", "PSPE", unit="rpm", doc="Speed of the platen.")
    head_trace = Trace("TRAC:DATA?", "HSPE", unit="rpm", doc="Speed of the head.")
    slurry_trace = Trace("TRAC:DATA?", "SLUR", unit="mL/min", doc="Slurry flow.")
    current_trace = Trace("TRAC:DATA?", "MCUR", unit="A", doc="Current of the platen's motor.")
    pad_temperature_trace = Trace("TRAC:DATA?", "PTEM", unit="°C", doc="Pad temperature.")

    def removed(self, handle: str) -> float:
        """Mean removal of the job `handle`, nm."""
        return self.number(f'POL:REM? "{handle}"')

    def left(self, handle: str) -> float:
        """Mean thickness of the top film after the job `handle`, nm; 0 when none is left."""
        return self.number(f'POL:LEFT? "{handle}"')

    def dishing(self, handle: str) -> float:
        """Dishing after the job `handle`, nm."""
        return self.number(f'POL:DISH? "{handle}"')
