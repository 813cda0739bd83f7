"""Driver of the track; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, ScpiTool, Setting, Text, Trace


class Track(ScpiTool):
    """Coater and developer: puts resist on wafers, bakes them, and develops them."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,TRACK-")

    operation = Choice("TRK:OPER", ("COAT", "DEV"), kind=RECIPE, doc="Coat, or bake and develop.")
    resist = Text("COAT:RES", pattern=r"[A-Z0-9._-]{1,40}", kind=RECIPE, doc="Name of the resist.")
    spin = Setting(
        "COAT:SPIN", unit="rpm", low=500, high=5000, kind=RECIPE, verify=0.5,
        doc="Spin speed of the coat.",
    )  # fmt: skip
    thickness = Setting(
        "COAT:THIC", unit="nm", low=40, high=400, kind=RECIPE, verify=1e-3,
        doc="Thickness that the resist gives at 1500 rpm.",
    )  # fmt: skip
    bake_temperature = Setting(
        "BAKE:TEMP", unit="°C", low=60, high=180, kind=RECIPE, verify=1e-3,
        doc="Soft bake temperature.",
    )  # fmt: skip
    bake_time = Setting(
        "BAKE:TIME", unit="s", low=10, high=180, kind=RECIPE, verify=1e-3, doc="Soft bake time."
    )
    peb_temperature = Setting(
        "PEB:TEMP", unit="°C", low=60, high=160, kind=RECIPE, verify=1e-3,
        doc="Post-exposure bake temperature.",
    )  # fmt: skip
    peb_time = Setting(
        "PEB:TIME", unit="s", low=10, high=180, kind=RECIPE, verify=1e-3,
        doc="Post-exposure bake time.",
    )  # fmt: skip
    peb_delay = Setting(
        "PEB:DEL", unit="s", low=0, high=600, kind=RECIPE, verify=1e-3,
        doc="Delay before the post-exposure bake.",
    )  # fmt: skip
    develop_time = Setting(
        "DEV:TIME", unit="s", low=5, high=120, kind=RECIPE, verify=1e-3, doc="Development time."
    )

    plate = Reading("PLAT:TEMP?", unit="°C", doc="Hot plate temperature.")
    cup = Choice("CUP:STAT", ("IDLE", "SPINNING"), kind="reading", doc="Coater cup.")

    plate_trace = Trace("TRAC:DATA?", "TEMP", unit="°C", doc="Hot plate temperature of the job.")
    spin_trace = Trace("TRAC:DATA?", "SPIN", unit="rpm", doc="Chuck speed of the job.")

    def coat_thickness(self, handle: str) -> float:
        """Mean thickness after the coat `handle`, nm."""
        return self.number(f'RES:THIC? "{handle}"')
