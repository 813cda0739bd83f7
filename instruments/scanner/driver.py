"""Driver of the scanner; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, ScpiTool, Setting, Text, Trace

COLUMNS = 11
ROWS = 7
DOSE_LOW_MJ = 5.0
DOSE_HIGH_MJ = 100.0
FOCUS_LIMIT_NM = 600.0


class Scanner(ScpiTool):
    """Immersion scanner: exposes the full fields of a wafer, uniformly or as a matrix."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,SCANNER-")

    reticle = Text(
        "EXP:RET", pattern=r"[A-Z0-9._-]{1,40}", kind=RECIPE,
        doc="ID of the reticle to expose.", ko="노광할 레티클의 ID.",
    )  # fmt: skip
    na = Setting(
        "ILL:NA", unit="", low=0.85, high=1.35, kind=RECIPE, verify=1e-4,
        doc="Numerical aperture.", ko="개구수.",
    )  # fmt: skip
    sigma_out = Setting(
        "ILL:SIGO", unit="", low=0.30, high=0.98, kind=RECIPE, verify=1e-4,
        doc="Outer partial coherence.", ko="외측 부분 간섭도(시그마).",
    )  # fmt: skip
    sigma_in = Setting(
        "ILL:SIGI", unit="", low=0.0, high=0.90, kind=RECIPE, verify=1e-4,
        doc="Inner partial coherence, below the outer.",
        ko="내측 부분 간섭도(시그마). 외측보다 작음.",
    )  # fmt: skip
    mode = Choice(
        "ILL:MODE", ("CONV", "ANN", "DIP"), kind=RECIPE,
        doc="Illumination: conventional, annular or dipole.", ko="조명 모드: 일반, 환형, 다이폴.",
    )  # fmt: skip
    layout = Choice(
        "LAY:KIND", ("FEM", "UNI"), kind=RECIPE,
        doc="Focus-exposure matrix or the same dose and focus everywhere.",
        ko="초점–노광량 매트릭스, 또는 모든 필드에 같은 노광량과 초점.",
    )  # fmt: skip
    dose_start = Setting(
        "LAY:DOSE:STAR", unit="mJ/cm²", low=DOSE_LOW_MJ, high=DOSE_HIGH_MJ, kind=RECIPE,
        verify=1e-3,
        doc="Dose of the matrix's first row, or of every field.",
        ko="매트릭스 첫 행의 노광량, 또는 모든 필드의 노광량.",
    )  # fmt: skip
    dose_step = Setting(
        "LAY:DOSE:STEP", unit="mJ/cm²", low=0, high=10, kind=RECIPE, verify=1e-3,
        doc="Dose added with each row.", ko="행마다 더하는 노광량.",
    )  # fmt: skip
    dose_count = Setting(
        "LAY:DOSE:COUN", unit="rows", low=1, high=ROWS, kind=RECIPE, verify=0, whole=True,
        doc="Rows of the matrix.", ko="매트릭스의 행 수.",
    )  # fmt: skip
    focus_start = Setting(
        "LAY:FOC:STAR", unit="nm", low=-500, high=500, kind=RECIPE, verify=1e-3,
        doc="Focus of the matrix's first column, or of every field.",
        ko="매트릭스 첫 열의 초점, 또는 모든 필드의 초점.",
    )  # fmt: skip
    focus_step = Setting(
        "LAY:FOC:STEP", unit="nm", low=0, high=100, kind=RECIPE, verify=1e-3,
        doc="Focus added with each column.", ko="열마다 더하는 초점.",
    )  # fmt: skip
    focus_count = Setting(
        "LAY:FOC:COUN", unit="columns", low=1, high=COLUMNS, kind=RECIPE, verify=0, whole=True,
        doc="Columns of the matrix.", ko="매트릭스의 열 수.",
    )  # fmt: skip

    lens_heating = Reading(
        "LENS:HEAT?", unit="nm",
        doc="Focus shift left by lens heating.", ko="렌즈 가열로 남은 초점 이동.",
    )  # fmt: skip
    temperature = Reading(
        "SENS:TEMP?", unit="°C", doc="Temperature in the exposure chamber.", ko="노광 챔버 온도."
    )
    pulses = Reading(
        "COUN:PULS?", unit="pulses",
        doc="Laser pulses since installation.", ko="설치 이후 레이저 펄스 수.",
    )  # fmt: skip
    shutter = Choice("SHUT:STAT", ("OPEN", "CLOSED"), kind="reading", doc="Shutter.", ko="셔터.")
    stage = Choice(
        "STAG:STAT", ("PARKED", "MOVING", "READY"), kind="reading",
        doc="Wafer stage.", ko="웨이퍼 스테이지.",
    )  # fmt: skip

    dose_trace = Trace(
        "TRAC:DATA?", "DOSE", unit="mJ/cm²",
        doc="Dose as the energy sensor saw it.", ko="에너지 센서가 잰 노광량.",
    )  # fmt: skip
    focus_trace = Trace(
        "TRAC:DATA?", "FOC", unit="nm",
        doc="Focus error of the levelling loop.", ko="레벨링 제어의 초점 오차.",
    )  # fmt: skip
    stage_x_trace = Trace(
        "TRAC:DATA?", "STX", unit="nm",
        doc="Stage error across the scan.", ko="스캔과 직각 방향의 스테이지 오차.",
    )  # fmt: skip
    stage_y_trace = Trace(
        "TRAC:DATA?", "STY", unit="nm",
        doc="Stage error along the scan.", ko="스캔 방향의 스테이지 오차.",
    )  # fmt: skip

    def job_pulses(self, handle: str) -> float:
        """Laser pulses of one job."""
        return self.number(f'TRAC:PULS? "{handle}"')
