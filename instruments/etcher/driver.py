"""Driver of the dry etcher; the command set is in `manual.md` beside this file."""

from __future__ import annotations

from typing import ClassVar

from instruments.driver import RECIPE, Action, Choice, Identity, Reading, ScpiTool, Setting, Trace

FILMS = ("OXIDE", "NITRIDE", "POLY", "METAL")


class Etcher(ScpiTool):
    """Dry etcher: etches the top film of a wafer until its endpoint, and a little beyond."""

    identity: ClassVar[Identity] = Identity(r"SIMFAB,ETCH-")

    film = Choice(
        "ETCH:FILM", FILMS, kind=RECIPE,
        doc="Film to etch; the top one.", ko="식각할 막. 맨 위 막이어야 함.",
    )  # fmt: skip
    stabilise = Setting(
        "STAB:TIME", unit="s", low=5, high=60, kind=RECIPE, verify=1e-3,
        doc="Time for gases and pressure to settle.", ko="가스와 압력이 안정되는 시간.",
    )  # fmt: skip
    breakthrough = Setting(
        "BREA:TIME", unit="s", low=0, high=30, kind=RECIPE, verify=1e-3,
        doc="Time at higher bias power, through what grew on the film.",
        ko="바이어스 전력을 높여 막 위에 생긴 층을 뚫는 시간.",
    )  # fmt: skip
    main_longest = Setting(
        "MAIN:TIME", unit="s", low=5, high=300, kind=RECIPE, verify=1e-3,
        doc="Longest main etch if no endpoint is seen.",
        ko="종점이 검출되지 않을 때의 주 식각 최장 시간.",
    )  # fmt: skip
    endpoint_level = Setting(
        "ENDP:LEV", unit="%", low=20, high=80, kind=RECIPE, verify=1e-3,
        doc="Share of the film's emission at which the main etch ends.",
        ko="막의 발광이 이 비율로 줄면 주 식각을 끝냄.",
    )  # fmt: skip
    over_etch = Setting(
        "OVER:PCT", unit="%", low=0, high=100, kind=RECIPE, verify=1e-3,
        doc="Over-etch as a share of the main etch's time.", ko="과식각 비율, 주 식각 시간 대비.",
    )  # fmt: skip
    boron_chloride = Setting(
        "GAS:BCL3", unit="sccm", low=0, high=200, kind=RECIPE, verify=1e-3,
        doc="BCl₃ flow.", ko="BCl₃ 유량.",
    )  # fmt: skip
    chlorine = Setting(
        "GAS:CL2", unit="sccm", low=10, high=200, kind=RECIPE, verify=1e-3,
        doc="Cl₂ flow.", ko="Cl₂ 유량.",
    )  # fmt: skip
    pressure = Setting(
        "CHAM:PRES", unit="mTorr", low=2, high=50, kind=RECIPE, verify=1e-3,
        doc="Chamber pressure.", ko="챔버 압력.",
    )  # fmt: skip
    source_power = Setting(
        "TCP:POW", unit="W", low=100, high=1000, kind=RECIPE, verify=1e-3,
        doc="Source power, which makes the plasma dense.", ko="소스 전력. 플라즈마 밀도를 높임.",
    )  # fmt: skip
    bias_power = Setting(
        "RF:POW", unit="W", low=20, high=400, kind=RECIPE, verify=1e-3,
        doc="Bias power, which draws ions to the wafer.",
        ko="바이어스 전력. 이온을 웨이퍼로 끌어당김.",
    )  # fmt: skip
    helium = Setting(
        "HE:PRES", unit="Torr", low=2, high=20, kind=RECIPE, verify=1e-3,
        doc="Helium pressure behind the wafer.", ko="웨이퍼 뒷면의 헬륨 압력.",
    )  # fmt: skip
    chuck_temperature = Setting(
        "CHUC:TEMP", unit="°C", low=20, high=90, kind=RECIPE, verify=1e-3,
        doc="Chuck temperature.", ko="척 온도.",
    )  # fmt: skip

    plasma = Choice("PLAS:STAT", ("ON", "OFF"), kind="reading", doc="Plasma.", ko="플라즈마.")
    wafers_since_clean = Reading(
        "CHAM:WAF?", unit="wafers",
        doc="Wafers since the wet clean.", ko="습식 세정 이후의 웨이퍼 수.",
    )  # fmt: skip
    wall_temperature = Reading(
        "CHAM:WALL?", unit="°C", doc="Temperature of the chamber wall.", ko="챔버 벽 온도."
    )
    record_wet_clean = Action(
        "CHAM:CLE", doc="Record a wet clean of the chamber.", ko="챔버의 습식 세정을 기록함."
    )

    step_trace = Trace("TRAC:DATA?", "STEP", unit="", doc="Number of the step.", ko="단계 번호.")
    boron_chloride_trace = Trace(
        "TRAC:DATA?", "BCL3", unit="sccm", doc="BCl₃ flow.", ko="BCl₃ 유량."
    )
    chlorine_trace = Trace("TRAC:DATA?", "CL2", unit="sccm", doc="Cl₂ flow.", ko="Cl₂ 유량.")
    pressure_trace = Trace(
        "TRAC:DATA?", "PRES", unit="mTorr", doc="Chamber pressure.", ko="챔버 압력."
    )
    valve_trace = Trace(
        "TRAC:DATA?", "VAT", unit="%", doc="Opening of the throttle valve.", ko="스로틀 밸브 개도."
    )
    helium_trace = Trace("TRAC:DATA?", "HEP", unit="Torr", doc="Helium pressure.", ko="헬륨 압력.")
    leak_trace = Trace("TRAC:DATA?", "HEF", unit="sccm", doc="Helium leak.", ko="헬륨 누설.")
    bias_power_trace = Trace("TRAC:DATA?", "BPOW", unit="W", doc="Bias power.", ko="바이어스 전력.")
    bias_reflected_trace = Trace(
        "TRAC:DATA?", "BREF", unit="W", doc="Bias power reflected.", ko="바이어스 반사 전력."
    )
    bias_tuner_trace = Trace(
        "TRAC:DATA?", "BTUN", unit="%", doc="Tuner of the bias match.", ko="바이어스 정합기 튜너."
    )
    bias_load_trace = Trace(
        "TRAC:DATA?", "BLOA", unit="%", doc="Load of the bias match.", ko="바이어스 정합기 부하."
    )
    bias_phase_trace = Trace(
        "TRAC:DATA?", "BPHA", unit="°",
        doc="Phase error of the bias match.", ko="바이어스 정합기 위상 오차.",
    )  # fmt: skip
    bias_impedance_trace = Trace(
        "TRAC:DATA?", "BIMP", unit="Ω", doc="Impedance of the bias.", ko="바이어스 임피던스."
    )
    self_bias_trace = Trace("TRAC:DATA?", "BVDC", unit="V", doc="Self-bias.", ko="자기 바이어스.")
    source_power_trace = Trace("TRAC:DATA?", "TPOW", unit="W", doc="Source power.", ko="소스 전력.")
    source_reflected_trace = Trace(
        "TRAC:DATA?", "TREF", unit="W", doc="Source power reflected.", ko="소스 반사 전력."
    )
    source_tuner_trace = Trace(
        "TRAC:DATA?", "TTUN", unit="%", doc="Tuner of the source match.", ko="소스 정합기 튜너."
    )
    source_load_trace = Trace(
        "TRAC:DATA?", "TLOA", unit="%", doc="Load of the source match.", ko="소스 정합기 부하."
    )
    source_phase_trace = Trace(
        "TRAC:DATA?", "TPHA", unit="°",
        doc="Phase error of the source match.", ko="소스 정합기 위상 오차.",
    )  # fmt: skip
    source_impedance_trace = Trace(
        "TRAC:DATA?", "TIMP", unit="Ω", doc="Impedance of the source.", ko="소스 임피던스."
    )
    emission_trace = Trace(
        "TRAC:DATA?", "EPA", unit="a.u.",
        doc="Emission of the film's product.", ko="식각 생성물의 발광.",
    )  # fmt: skip

    def depth(self, handle: str) -> float:
        """Mean depth of the job `handle`, nm."""
        return self.number(f'ETCH:DEPT? "{handle}"')

    def endpoint(self, handle: str) -> float | None:
        """Seconds from the start of the main etch to the endpoint; None when none was seen."""
        found = self.number(f'ENDP:TIME? "{handle}"')
        return found if found >= 0 else None
