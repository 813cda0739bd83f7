"""Driver of the particle inspector; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, Setting, checked_name
from instruments.site_tool import SiteTool


class Particles(SiteTool):
    """Particle inspection: lists the defects of a wafer with their places and sizes."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,PARTICLES-")
    columns: ClassVar[int] = 5

    smallest = Setting(
        "SCAN:SIZE", unit="nm", low=30, high=1000, kind=RECIPE, verify=1e-3,
        doc="Smallest size that is reported.", ko="보고할 최소 크기.",
    )  # fmt: skip
    sensitivity = Choice(
        "SCAN:SENS", ("HIGH", "STD"), kind=RECIPE,
        doc="High finds smaller defects and is slower.",
        ko="고감도는 더 작은 결함을 찾지만 더 느림.",
    )  # fmt: skip
    edge = Setting(
        "SCAN:EDGE", unit="mm", low=1, high=20, kind=RECIPE, verify=1e-3,
        doc="Edge exclusion.", ko="가장자리 제외 폭.",
    )  # fmt: skip
    reference = Choice(
        "SCAN:REF", ("NONE", "LAST"), kind=RECIPE,
        doc="Tell what was added since this tool's last scan of the wafer.",
        ko="이 장비로 이 웨이퍼를 지난번 스캔한 뒤 늘어난 파티클을 가림.",
    )  # fmt: skip

    laser = Reading("LAS:POW?", unit="mW", doc="Laser power.", ko="레이저 출력.")
    spin = Reading("CHUC:SPE?", unit="rpm", doc="Spin of the chuck.", ko="척 회전수.")

    def haze(self, handle: str) -> float:
        """Mean haze of the job `handle`, ppm."""
        return self.number(f'DATA:HAZE? "{checked_name(handle)}"')
