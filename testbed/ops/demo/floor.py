"""The demo's tools, its litho cell, its carriers and its booking rules."""

from dataclasses import dataclass
from datetime import time

from testbed.material.models import Carrier
from testbed.ops import fab
from testbed.ops.demo import holidays, rules
from testbed.ops.embedded import data_folder
from testbed.tools import states
from testbed.tools.models import Area, Cell, ContaminationClass, E10State, Tool

MIDNIGHT = time(0)
DAY = (time(9), time(18))
ROUND_THE_CLOCK = (MIDNIGHT, MIDNIGHT)
CARRIERS = 12
HOLIDAY_YEARS = (2026, 2027)
A, C = Area, ContaminationClass


@dataclass(frozen=True)
class Spec:
    """A tool as the catalogue describes it; rate in won per hour, hours in KST."""

    code: str
    kind: str
    name_ko: str
    name_en: str
    area: Area
    contamination: ContaminationClass
    rate: int
    hours: tuple[time, time]
    serial: str
    cell: str = ""


SPECS = (
    Spec("scanner", "scanner", "ArF 액침 스캐너", "ArF immersion scanner", A.LITHO, C.RESIST,
         2_400_000, ROUND_THE_CLOCK, "SCN-1001", "litho"),
    Spec("track", "track", "트랙 (도포·현상)", "Track (coat and develop)", A.LITHO, C.RESIST,
         600_000, ROUND_THE_CLOCK, "TRK-2001", "litho"),
    Spec("cd-sem", "cd_sem", "CD-SEM", "CD-SEM", A.METROLOGY, C.RESIST,
         350_000, ROUND_THE_CLOCK, "CDS-3001"),
    Spec("overlay", "overlay", "오버레이 계측기", "Overlay metrology", A.METROLOGY, C.RESIST,
         320_000, DAY, "OVL-3101"),
    Spec("film", "film", "박막 두께 계측기", "Film thickness", A.METROLOGY, C.BEOL,
         180_000, DAY, "FLM-3201"),
    Spec("particles", "particles", "파티클 검사기", "Particle inspection", A.METROLOGY, C.FEOL,
         260_000, DAY, "PRT-3301"),
    Spec("etch-ox", "etcher", "건식 식각 (산화막·질화막)", "Dry etch (oxide, nitride)", A.ETCH,
         C.FEOL, 520_000, DAY, "ETC-4001"),
    Spec("etch-poly", "etcher", "건식 식각 (폴리)", "Dry etch (poly)", A.ETCH, C.FEOL,
         520_000, DAY, "ETC-4002"),
    Spec("cvd", "cvd", "화학 기상 증착기", "CVD", A.DEPOSITION, C.BEOL,
         480_000, DAY, "CVD-5001"),
    Spec("cmp", "cmp", "화학 기계 연마기", "CMP", A.PLANAR, C.BEOL, 450_000, DAY, "CMP-6001"),
    Spec("clean", "clean", "습식 세정기", "Wet clean", A.WET, C.FEOL, 220_000, DAY, "WET-7001"),
    Spec("prober", "prober", "프로버 (SMU)", "Prober with SMU", A.TEST, C.COPPER,
         150_000, DAY, "PRB-8001"),
)  # fmt: skip


def load() -> None:
    """Make what is missing; refresh what depends on this machine (VISA resources)."""
    cells = {
        "litho": Cell.objects.get_or_create(
            code="litho",
            defaults={
                "name_ko": "노광 셀 (트랙 + 스캐너)",
                "name_en": "Litho cell (track + scanner)",
            },
        )[0]
    }
    resources = _resources()
    for position, spec in enumerate(SPECS):
        _tool(position, spec, cells.get(spec.cell), resources.get(spec.code, ""))
    for number in range(1, CARRIERS + 1):
        Carrier.objects.get_or_create(
            code=f"FOUP-{number:02d}", defaults={"contamination_class": C.FEOL}
        )
    rules.load()
    holidays.seed(HOLIDAY_YEARS)


def _resources() -> dict[str, str]:
    configuration = fab.read(data_folder())
    return fab.resources(configuration) if configuration else {}


def _tool(position: int, spec: Spec, cell: Cell | None, resource: str) -> None:
    tool, made = Tool.objects.get_or_create(
        code=spec.code,
        defaults={
            "kind": spec.kind,
            "name_ko": spec.name_ko,
            "name_en": spec.name_en,
            "area": spec.area,
            "cell": cell,
            "contamination_class": spec.contamination,
            "rate_won_per_hour": spec.rate,
            "opens_at": spec.hours[0],
            "closes_at": spec.hours[1],
            "works_weekends": spec.hours == ROUND_THE_CLOCK,
            "registration_number": f"NFEC-DEMO-{position + 1:04d}",
            "serial": spec.serial,
            "position": position,
        },
    )
    if made:
        states.enter(tool=tool, state=E10State.STANDBY, reason="demo facility opened")
    if resource and tool.visa_resource != resource:
        tool.visa_resource = resource
        tool.save(update_fields=["visa_resource"])
