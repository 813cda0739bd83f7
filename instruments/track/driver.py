"""Driver of the track; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, ScpiTool, Setting, Text, Trace


class Track(ScpiTool):
    """Coater and developer: puts resist on wafers, bakes them, and develops them."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,TRACK-")

    operation = Choice(
        "TRK:OPER", ("COAT", "DEV"), kind=RECIPE,
        doc="Coat, or bake and develop.", ko="도포, 또는 베이크와 현상.",
    )  # fmt: skip
    resist = Text(
        "COAT:RES", pattern=r"[A-Z0-9._-]{1,40}", kind=RECIPE,
        doc="Name of the resist.", ko="감광액 이름.",
    )  # fmt: skip
    spin = Setting(
        "COAT:SPIN", unit="rpm", low=500, high=5000, kind=RECIPE, verify=0.5,
        doc="Spin speed of the coat.", ko="도포 회전수.",
    )  # fmt: skip
    thickness = Setting(
        "COAT:THIC", unit="nm", low=40, high=400, kind=RECIPE, verify=1e-3,
        doc="Thickness that the resist gives at 1500 rpm.", ko="1500 rpm에서 나오는 감광막 두께.",
    )  # fmt: skip
    bake_temperature = Setting(
        "BAKE:TEMP", unit="°C", low=60, high=180, kind=RECIPE, verify=1e-3,
        doc="Soft bake temperature.", ko="소프트 베이크 온도.",
    )  # fmt: skip
    bake_time = Setting(
        "BAKE:TIME", unit="s", low=10, high=180, kind=RECIPE, verify=1e-3,
        doc="Soft bake time.", ko="소프트 베이크 시간.",
    )  # fmt: skip
    peb_temperature = Setting(
        "PEB:TEMP", unit="°C", low=60, high=160, kind=RECIPE, verify=1e-3,
        doc="Post-exposure bake temperature.", ko="노광 후 베이크(PEB) 온도.",
    )  # fmt: skip
    peb_time = Setting(
        "PEB:TIME", unit="s", low=10, high=180, kind=RECIPE, verify=1e-3,
        doc="Post-exposure bake time.", ko="노광 후 베이크(PEB) 시간.",
    )  # fmt: skip
    peb_delay = Setting(
        "PEB:DEL", unit="s", low=0, high=600, kind=RECIPE, verify=1e-3,
        doc="Delay before the post-exposure bake.", ko="노광 후 베이크(PEB) 전 지연.",
    )  # fmt: skip
    develop_time = Setting(
        "DEV:TIME", unit="s", low=5, high=120, kind=RECIPE, verify=1e-3,
        doc="Development time.", ko="현상 시간.",
    )  # fmt: skip

    plate = Reading("PLAT:TEMP?", unit="°C", doc="Hot plate temperature.", ko="핫플레이트 온도.")
    cup = Choice("CUP:STAT", ("IDLE", "SPINNING"), kind="reading", doc="Coater cup.", ko="도포 컵.")

    plate_trace = Trace(
        "TRAC:DATA?", "TEMP", unit="°C",
        doc="Hot plate temperature of the job.", ko="작업 중 핫플레이트 온도.",
    )  # fmt: skip
    spin_trace = Trace(
        "TRAC:DATA?", "SPIN", unit="rpm", doc="Chuck speed of the job.", ko="작업 중 척 회전수."
    )

    def coat_thickness(self, handle: str) -> float:
        """Mean thickness after the coat `handle`, nm."""
        return self.number(f'RES:THIC? "{handle}"')
