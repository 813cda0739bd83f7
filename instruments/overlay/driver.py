"""Driver of the overlay tool; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, Setting
from instruments.site_tool import SiteTool


class Overlay(SiteTool):
    """Overlay metrology: measures how far a printed layer lies off the one below."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,OVERLAY-")
    columns: ClassVar[int] = 11

    fields = Choice(
        "MEAS:FIEL", ("FULL", "HALF", "CENT"), kind=RECIPE,
        doc="Every patterned field, every other one, or the centre.",
    )  # fmt: skip
    marks = Choice("MEAS:MARK", ("ONE", "FOUR", "NINE"), kind=RECIPE, doc="Marks in each field.")
    tis = Choice(
        "MEAS:TIS", ("ON", "OFF"), kind=RECIPE,
        doc="Measure each mark turned by 180° too, so that the tool's own shift drops out.",
    )  # fmt: skip
    wavelength = Setting(
        "MEAS:WAVE", unit="nm", low=400, high=800, kind=RECIPE, verify=1e-3,
        doc="Wavelength of the light.",
    )  # fmt: skip

    lamp = Reading("LAMP:POW?", unit="mW", doc="Power of the lamp.")
    stage = Choice("STAG:STAT", ("PARKED", "MOVING", "READY"), kind="reading", doc="Wafer stage.")
