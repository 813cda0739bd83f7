"""Driver of the film tool; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Choice, Identity, Reading, Setting, Trace
from instruments.site_tool import SiteTool


class Film(SiteTool):
    """Film metrology: measures the thickness of a film or of the resist at up to 49 sites."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,FILM-")
    columns: ClassVar[int] = 6

    layer = Choice(
        "MEAS:LAY", ("TOP", "RES"), kind=RECIPE,
        doc="The top film, or the resist on it.", ko="맨 위 막, 또는 그 위의 감광막.",
    )  # fmt: skip
    pattern = Choice(
        "MEAS:PATT", ("S1", "S9", "S25", "S49"), kind=RECIPE,
        doc="The centre alone, or with one, two or three rings around it.",
        ko="중앙만, 또는 둘레의 동심원 1–3개까지.",
    )  # fmt: skip
    target = Setting(
        "MEAS:TARG", unit="nm", low=1, high=5000, kind=RECIPE, verify=1e-3,
        doc="Thickness to expect, where the fit begins.", ko="예상 두께. 맞춤은 여기서 시작함.",
    )  # fmt: skip
    averages = Setting(
        "MEAS:AVER", unit="spectra", low=1, high=16, kind=RECIPE, verify=0, whole=True,
        doc="Spectra averaged at each site.", ko="지점마다 평균하는 스펙트럼 수.",
    )  # fmt: skip

    lamp_hours = Reading(
        "LAMP:HOUR?", unit="h", doc="Hours the lamp has burnt.", ko="램프 점등 시간."
    )
    intensity = Reading(
        "SPEC:INT?", unit="%",
        doc="Signal of the spectrometer, of full scale.", ko="분광기 신호, 최대 눈금 대비.",
    )  # fmt: skip

    spectrum = Trace(
        "TRAC:DATA?", "SPEC", unit="%",
        doc="Reflectance at the site nearest the centre.", ko="중앙에 가장 가까운 지점의 반사율.",
    )  # fmt: skip
