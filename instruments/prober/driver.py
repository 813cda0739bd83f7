"""Driver of the prober and its SMU; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Ramp, Reading, Setting, Trace
from instruments.errors import Garbled
from instruments.site_tool import SiteTool

IN_COMPLIANCE = 8
STATUS_END = 2.0**24
"""The status word has 24 bits."""


@dataclass(frozen=True)
class Measured:
    """One reading of the SMU: volts, amperes, and whether a compliance limited the source."""

    volts: float
    amperes: float
    is_limited: bool


class Prober(SiteTool):
    """Prober with a source-measure unit: current-voltage curves of test structures, die by die."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,PROBER-")
    columns: ClassVar[int] = 8

    device = Choice(
        "PRB:DEV", ("DIOD", "RES"), kind=RECIPE,
        doc="Test structure: a diode or a line's resistor.",
        ko="측정 소자: 다이오드, 또는 배선 저항.",
    )  # fmt: skip
    dies = Choice(
        "PRB:DIES", ("FULL", "HALF", "CENT"), kind=RECIPE,
        doc="Every die, every other one, or the centre.",
        ko="모든 다이, 하나 건너 하나, 또는 중앙 다이.",
    )  # fmt: skip
    sweep_start = Setting(
        "SWE:STAR", unit="V", low=-20, high=20, kind=RECIPE, verify=1e-6,
        doc="First voltage of the sweep.", ko="스윕의 시작 전압.",
    )  # fmt: skip
    sweep_stop = Setting(
        "SWE:STOP", unit="V", low=-20, high=20, kind=RECIPE, verify=1e-6,
        doc="Last voltage of the sweep.", ko="스윕의 종료 전압.",
    )  # fmt: skip
    sweep_points = Setting(
        "SWE:POIN", unit="points", low=2, high=201, kind=RECIPE, verify=0, whole=True,
        doc="Points of the sweep, ends included.", ko="스윕의 측정점 수, 양 끝 포함.",
    )  # fmt: skip
    sweep_compliance = Setting(
        "SWE:COMP", unit="A", low=1e-9, high=0.1, kind=RECIPE, verify=1e-10,
        doc="Current that no point of the sweep exceeds.",
        ko="스윕의 어느 점에서도 넘지 않는 전류.",
    )  # fmt: skip
    sweep_nplc = Setting(
        "SWE:NPLC", unit="PLC", low=0.01, high=10, kind=RECIPE, verify=1e-6,
        doc="Integration time of a point, in cycles of the power line.",
        ko="측정점마다의 적분 시간, 전원 주기 단위.",
    )  # fmt: skip

    needles = Choice(
        "PRB:CONT", ("UP", "DOWN"), doc="Needles, moved by hand.", ko="탐침, 수동으로 움직임."
    )
    unload = Action(
        "PRB:UNL",
        doc="Return the wafer that was loaded by hand.", ko="수동으로 올린 웨이퍼를 되돌림.",
    )  # fmt: skip
    source_function = Choice(
        "SOUR:FUNC", ("VOLT", "CURR"),
        doc="What the SMU sources.", ko="SMU가 내는 것: 전압 또는 전류.",
    )  # fmt: skip
    source_voltage = Setting(
        "SOUR:VOLT", unit="V", low=-20, high=20, verify=1e-6, ramp=Ramp(step=0.5, every_s=0.002),
        doc="Level of the voltage source.", ko="전압원의 크기.",
    )  # fmt: skip
    source_current = Setting(
        "SOUR:CURR", unit="A", low=-0.1, high=0.1, verify=1e-9, ramp=Ramp(step=0.01, every_s=0.002),
        doc="Level of the current source.", ko="전류원의 크기.",
    )  # fmt: skip
    compliance_current = Setting(
        "SENS:CURR:PROT", unit="A", low=1e-9, high=0.1, verify=1e-10,
        doc="Current that the voltage source does not exceed.", ko="전압원이 넘지 않는 전류.",
    )  # fmt: skip
    compliance_voltage = Setting(
        "SENS:VOLT:PROT", unit="V", low=0.2, high=20, verify=1e-6,
        doc="Voltage that the current source does not exceed.", ko="전류원이 넘지 않는 전압.",
    )  # fmt: skip
    nplc = Setting(
        "SENS:CURR:NPLC", unit="PLC", low=0.01, high=10, verify=1e-6,
        doc="Integration time by hand, in cycles of the power line.",
        ko="수동 측정의 적분 시간, 전원 주기 단위.",
    )  # fmt: skip
    output = Choice(
        "OUTP", ("0", "1"), doc="Output of the SMU, 1 is on.", ko="SMU 출력, 1이면 켜짐."
    )
    current_tripped = Reading(
        "SENS:CURR:PROT:TRIP?",
        doc="Whether the current compliance limits the source, 1 for yes.",
        ko="전류 제한이 걸렸는지, 1이면 걸림.",
    )  # fmt: skip
    voltage_tripped = Reading(
        "SENS:VOLT:PROT:TRIP?",
        doc="Whether the voltage compliance limits the source, 1 for yes.",
        ko="전압 제한이 걸렸는지, 1이면 걸림.",
    )  # fmt: skip

    voltage_trace = Trace(
        "TRAC:DATA?", "VOLT", unit="V",
        doc="Voltages of a job, die after die.", ko="작업의 다이별 전압.",
    )  # fmt: skip
    current_trace = Trace(
        "TRAC:DATA?", "CURR", unit="A",
        doc="Currents of a job, die after die.", ko="작업의 다이별 전류.",
    )  # fmt: skip

    def load(self, slot: int) -> None:
        """Take the wafer of `slot` onto the chuck, by hand."""
        self.link.command(f"PRB:LOAD {slot:d}")

    def move_to(self, column: int, row: int) -> None:
        """Bring a die under the needles, which must be up."""
        self.link.command(f"PRB:MOVE {column:d},{row:d}")

    def measure(self) -> Measured:
        """One reading with the present source; the output must be on."""
        self.link.command("FORM:ELEM VOLT,CURR,STAT")
        answer = self.link.ask("READ?")
        numbers = [self.finite(part) for part in answer.split(",")]
        if len(numbers) != 3 or not 0 <= numbers[2] < STATUS_END:
            self.link.distrust()
            raise Garbled(f"READ? answered {answer!r}")
        volts, amperes, status = numbers
        return Measured(volts, amperes, bool(int(status) & IN_COMPLIANCE))
