"""Driver of the polisher; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace


class Cmp(ScpiTool):
    """CMP: polishes the top film of a wafer with slurry and pad."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,CMP-")

    time = Setting(
        "POL:TIME", unit="s", low=5, high=300, kind=RECIPE, verify=1e-3,
        doc="Polishing time.", ko="연마 시간.",
    )  # fmt: skip
    down_force = Setting(
        "HEAD:PRES", unit="kPa", low=5, high=50, kind=RECIPE, verify=1e-3,
        doc="Pressure of the head on the wafer.", ko="헤드가 웨이퍼를 누르는 압력.",
    )  # fmt: skip
    platen_speed = Setting(
        "PLAT:SPE", unit="rpm", low=20, high=120, kind=RECIPE, verify=1e-3,
        doc="Speed of the platen.", ko="플래튼 회전수.",
    )  # fmt: skip
    head_speed = Setting(
        "HEAD:SPE", unit="rpm", low=20, high=120, kind=RECIPE, verify=1e-3,
        doc="Speed of the head.", ko="헤드 회전수.",
    )  # fmt: skip
    slurry = Setting(
        "SLUR:FLOW", unit="mL/min", low=50, high=300, kind=RECIPE, verify=1e-3,
        doc="Slurry flow.", ko="슬러리 유량.",
    )  # fmt: skip
    conditioning = Choice(
        "COND:MODE", ("ON", "OFF"), kind=RECIPE,
        doc="Condition the pad while polishing.", ko="연마 중 패드 컨디셔닝.",
    )  # fmt: skip

    head = Choice(
        "HEAD:STAT", ("UP", "DOWN"), kind="reading", doc="Polishing head.", ko="연마 헤드."
    )
    pad_wafers = Reading(
        "PAD:WAF?", unit="wafers",
        doc="Wafers polished on this pad.", ko="이 패드로 연마한 웨이퍼 수.",
    )  # fmt: skip
    pad_glaze = Reading(
        "PAD:GLAZ?", unit="wafers",
        doc="Wafers since the pad was conditioned.", ko="패드 컨디셔닝 이후의 웨이퍼 수.",
    )  # fmt: skip
    record_new_pad = Action(
        "PAD:NEW", doc="Record that a new pad was put on.", ko="새 패드를 붙인 것을 기록함."
    )

    force_trace = Trace(
        "TRAC:DATA?", "HPRE", unit="kPa", doc="Pressure of the head.", ko="헤드 압력."
    )
    platen_trace = Trace(
        "TRAC:DATA?", "PSPE", unit="rpm", doc="Speed of the platen.", ko="플래튼 회전수."
    )
    head_trace = Trace(
        "TRAC:DATA?", "HSPE", unit="rpm", doc="Speed of the head.", ko="헤드 회전수."
    )
    slurry_trace = Trace("TRAC:DATA?", "SLUR", unit="mL/min", doc="Slurry flow.", ko="슬러리 유량.")
    current_trace = Trace(
        "TRAC:DATA?", "MCUR", unit="A", doc="Current of the platen's motor.", ko="플래튼 모터 전류."
    )
    pad_temperature_trace = Trace(
        "TRAC:DATA?", "PTEM", unit="°C", doc="Pad temperature.", ko="패드 온도."
    )

    def removed(self, handle: str) -> float:
        """Mean removal of the job `handle`, nm."""
        return self.number(f'POL:REM? "{handle}"')

    def left(self, handle: str) -> float:
        """Mean thickness of the top film after the job `handle`, nm; 0 when none is left."""
        return self.number(f'POL:LEFT? "{handle}"')

    def dishing(self, handle: str) -> float:
        """Dishing after the job `handle`, nm."""
        return self.number(f'POL:DISH? "{handle}"')
