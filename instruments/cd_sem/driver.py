"""Driver of the CD-SEM; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Ramp, Reading, Setting, Trace
from instruments.site_tool import SiteTool


@dataclass(frozen=True)
class Site:
    """One measured field; lengths in nm but the position in mm from the wafer's centre."""

    column: int
    row: int
    x_mm: float
    y_mm: float
    cd: float
    lwr: float
    passes: int
    is_resolved: bool
    edge_slope: float


class CdSem(SiteTool):
    """CD-SEM: measures line widths on the developed fields of a wafer."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,CDSEM-")
    columns: ClassVar[int] = 9

    target = Setting(
        "MEAS:TARG", unit="nm", low=10, high=500, kind=RECIPE, verify=1e-3,
        doc="Line width to expect.", ko="예상 선폭.",
    )  # fmt: skip
    landing_voltage = Setting(
        "SEM:LAND", unit="V", low=300, high=1600, kind=RECIPE, verify=0.1,
        ramp=Ramp(step=200, every_s=0.0),
        doc="Landing voltage of the beam.", ko="전자빔의 착지 전압.",
    )  # fmt: skip
    dose = Setting(
        "SEM:DOSE", unit="pC", low=1, high=50, kind=RECIPE, verify=1e-3,
        doc="Electron dose of one measurement.", ko="측정 한 번의 전자 조사량.",
    )  # fmt: skip
    fields = Choice(
        "MEAS:FIEL", ("FULL", "CENT"), kind=RECIPE,
        doc="Every patterned field, or the centre.", ko="패턴이 있는 모든 필드, 또는 중앙 필드.",
    )  # fmt: skip

    beam = Choice("BEAM:STAT", ("ON", "OFF"), kind="reading", doc="Electron beam.", ko="전자빔.")
    beam_current = Reading("BEAM:CURR?", unit="pA", doc="Beam current.", ko="빔 전류.")
    pressure = Reading("CHAM:PRES?", unit="Pa", doc="Chamber pressure.", ko="챔버 압력.")

    profile = Trace(
        "TRAC:DATA?", "PROF", unit="a.u.",
        doc="Mean line profile of the centre site.", ko="중앙 지점의 평균 선 단면 신호.",
    )  # fmt: skip

    def sites(self, handle: str) -> tuple[Site, ...]:
        """What the job `handle` measured, in the order of measurement."""
        return tuple(site_of(*map(float, row)) for row in self.rows(handle))


def site_of(
    column: float, row: float, x: float, y: float,
    cd: float, lwr: float, passes: float, resolved: float, slope: float,
) -> Site:  # fmt: skip
    """One row of the tool's table."""
    return Site(int(column), int(row), x, y, cd, lwr, int(passes), resolved == 1.0, slope)
