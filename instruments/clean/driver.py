"""Driver of the wet clean; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, ScpiTool, Setting, Trace
from instruments.errors import Garbled

CHEMISTRIES = ("SC1", "SPM", "DHF", "RCA")
CERTIFICATES = ("FEOL", "NONE")


class Clean(ScpiTool):
    """Wet clean: takes particles and resist off wafers, rinses and dries them."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,WET-")

    chemistry = Choice(
        "CLEA:CHEM", CHEMISTRIES, kind=RECIPE, doc="Chemistry of the bath.", ko="세정조의 세정액."
    )
    time = Setting(
        "CLEA:TIME", unit="s", low=10, high=900, kind=RECIPE, verify=1e-3,
        doc="Time in the chemistry.", ko="세정액에 두는 시간.",
    )  # fmt: skip
    bath_temperature = Setting(
        "BATH:TEMP", unit="°C", low=20, high=130, kind=RECIPE, verify=1e-3,
        doc="Temperature of the bath.", ko="세정액 온도.",
    )  # fmt: skip
    megasonic = Setting(
        "MEGA:POW", unit="W", low=0, high=1000, kind=RECIPE, verify=1e-3,
        doc="Megasonic power.", ko="메가소닉 출력.",
    )  # fmt: skip
    rinse_time = Setting(
        "RINS:TIME", unit="s", low=10, high=600, kind=RECIPE, verify=1e-3,
        doc="Rinsing time.", ko="헹굼 시간.",
    )  # fmt: skip
    dry_spin = Setting(
        "DRY:SPIN", unit="rpm", low=300, high=3000, kind=RECIPE, verify=1e-2,
        doc="Drying speed.", ko="건조 회전수.",
    )  # fmt: skip
    dry_time = Setting(
        "DRY:TIME", unit="s", low=10, high=180, kind=RECIPE, verify=1e-3,
        doc="Drying time.", ko="건조 시간.",
    )  # fmt: skip

    bath = Choice("BATH:STAT", ("IDLE", "WET"), kind="reading", doc="Bath.", ko="세정조.")
    bath_now = Reading(
        "BATH:NOW?", unit="°C", doc="Temperature of the bath now.", ko="현재 세정액 온도."
    )

    bath_trace = Trace(
        "TRAC:DATA?", "TEMP", unit="°C", doc="Temperature of the bath.", ko="세정액 온도."
    )
    megasonic_trace = Trace(
        "TRAC:DATA?", "MEGA", unit="W", doc="Megasonic power.", ko="메가소닉 출력."
    )
    coupling_trace = Trace(
        "TRAC:DATA?", "COUP", unit="%",
        doc="Power that the bath takes up.", ko="세정조가 흡수한 출력.",
    )  # fmt: skip
    resistivity_trace = Trace(
        "TRAC:DATA?", "RES", unit="MΩ·cm", doc="Resistivity of the rinse.", ko="헹굼수 비저항."
    )
    spin_trace = Trace("TRAC:DATA?", "SPIN", unit="rpm", doc="Spin speed.", ko="회전수.")
    humidity_trace = Trace(
        "TRAC:DATA?", "HUM", unit="%", doc="Humidity above the wafer.", ko="웨이퍼 위 습도."
    )

    def certificate(self, handle: str) -> str:
        """The contamination class the job `handle` certifies: FEOL, or NONE."""
        answer = self.link.ask(f'CLEA:CERT? "{handle}"')
        if answer not in CERTIFICATES:
            self.link.distrust()
            raise Garbled(f"CLEA:CERT? answered {answer!r}")
        return answer

    def rinse_resistivity(self, handle: str) -> float:
        """Resistivity of the water at the end of the rinse of the job `handle`, MΩ·cm."""
        return self.number(f'RINS:RES? "{handle}"')
