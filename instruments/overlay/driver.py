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
        ko="패턴이 있는 모든 필드, 하나 건너 하나, 또는 중앙 필드.",
    )  # fmt: skip
    marks = Choice(
        "MEAS:MARK", ("ONE", "FOUR", "NINE"), kind=RECIPE,
        doc="Marks in each field.", ko="필드당 마크 수.",
    )  # fmt: skip
    tis = Choice(
        "MEAS:TIS", ("ON", "OFF"), kind=RECIPE,
        doc="Measure each mark turned by 180° too, so that the tool's own shift drops out.",
        ko="마크를 180° 돌려 한 번 더 측정해 장비 유발 편차(TIS)를 없앰.",
    )  # fmt: skip
    wavelength = Setting(
        "MEAS:WAVE", unit="nm", low=400, high=800, kind=RECIPE, verify=1e-3,
        doc="Wavelength of the light.", ko="측정광의 파장.",
    )  # fmt: skip

    lamp = Reading("LAMP:POW?", unit="mW", doc="Power of the lamp.", ko="램프 출력.")
    stage = Choice(
        "STAG:STAT", ("PARKED", "MOVING", "READY"), kind="reading",
        doc="Wafer stage.", ko="웨이퍼 스테이지.",
    )  # fmt: skip
