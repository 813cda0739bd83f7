"""What the demo's tools can do, two more routes, and the three service modules."""

from dataclasses import dataclass

from testbed.booking.models import WishedDocument
from testbed.ops.demo.recipes import ROUTE
from testbed.process.models import Operation, Recipe, Route, Sampling
from testbed.services.models import Module
from testbed.tools.models import Capability, Tool

CAPABILITIES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("arf-38", "ArF 액침 노광 38 nm 이하", "ArF immersion exposure ≤ 38 nm", ("scanner",)),
    (
        "metal-etch",
        "금속·산화막 건식 식각",
        "Dry etch of metal and oxide",
        ("etch-ox", "etch-poly"),
    ),
    ("film-10", "박막 두께 측정 0.1 nm", "Film thickness to 0.1 nm", ("film",)),
    ("particles-40", "40 nm 파티클 검사", "Particles from 40 nm", ("particles",)),
    ("cd-10", "CD 측정 10 nm까지", "CD down to 10 nm", ("cd-sem",)),
)
# Minutes without wafers, minutes a wafer, queue-time limit; for the litho route as recipes lay it.
LITHO_TIMES = {1: (6, 2, None), 2: (10, 4, 60), 3: (6, 2, 60), 4: (10, 4, 240)}


@dataclass(frozen=True)
class Laid:
    """An operation of a demo route; `recipe` is the code of a signed one.

    `every`: only each nth wafer; `rework`: how often again; `is_strip`: for reworked wafers only.
    """

    name_ko: str
    name_en: str
    kind: str
    recipe: str
    minutes: int
    per_wafer: int
    within: int | None = None
    capability: str = ""
    is_measurement: bool = False
    every: int | None = None
    rework: int = 0
    is_strip: bool = False


ROUTES: tuple[tuple[str, str, str, tuple[Laid, ...]], ...] = (
    (
        "etch-cd",
        "금속 식각과 CD",
        "Metal etch and CD",
        (
            Laid("식각", "Etch", "etcher", "metal-etch", 30, 10, capability="metal-etch"),
            Laid("CD 측정", "Measure CD", "cd_sem", "arf-cd", 10, 4, 240, "cd-10", True),
        ),
    ),
    (
        "film-check",
        "박막과 파티클 확인",
        "Film and particle check",
        (
            # Clean tools first: a wafer never goes back to a cleaner one.
            Laid("파티클 검사", "Inspect particles", "particles", "particles-40", 15, 5, None,
                 "particles-40", True),
            Laid("두께 측정", "Measure thickness", "film", "film-49", 15, 3, 1440, "film-10", True),
        ),
    ),
    (
        "oxide-planar",
        "산화막 증착과 평탄화",
        "Oxide deposition and planarisation",
        (
            Laid("세정", "Clean", "clean", "rca-clean", 15, 9),
            Laid("산화막 증착", "Deposit oxide", "cvd", "ox-cvd", 15, 4, 120),
            Laid("연마", "Polish", "cmp", "ox-cmp", 15, 3, 1440),
        ),
    ),
    (
        "litho-overlay",
        "노광과 오버레이",
        "Exposure and overlay",
        (
            Laid("도포", "Coat", "track", "arf-coat", 6, 2),
            Laid("노광", "Expose", "scanner", "arf-uniform", 10, 2, 60),
            Laid("현상", "Develop", "track", "arf-develop", 6, 2, 60),
            Laid("오버레이 측정", "Measure overlay", "overlay", "overlay-4", 10, 5, 1440,
                 is_measurement=True),
        ),
    ),
    (
        "litho-dose",
        "노광량 실험과 재작업",
        "Dose experiment with rework",
        (
            Laid("박리", "Strip resist", "clean", "resist-strip", 15, 6, is_strip=True),
            Laid("도포", "Coat", "track", "arf-coat", 6, 2, rework=2),
            Laid("노광", "Expose", "scanner", "arf-dose", 10, 2, 60, rework=2),
            Laid("현상", "Develop", "track", "arf-develop", 6, 2, 60, rework=2),
            Laid("CD 측정", "Measure CD", "cd_sem", "arf-cd", 10, 4, 240, is_measurement=True),
        ),
    ),
    (
        "oxide-sampled",
        "산화막 증착, 5장마다 두께 측정",
        "Oxide deposition, thickness of every fifth wafer",
        (
            Laid("산화막 증착", "Deposit oxide", "cvd", "ox-cvd", 15, 4),
            Laid("두께 측정", "Measure thickness", "film", "film-49", 15, 3, 1440,
                 is_measurement=True, every=5),
        ),
    ),
    (
        "iv-test",
        "소자 전류·전압 측정",
        "Current and voltage of test structures",
        (
            Laid("I–V 측정", "Measure I–V", "prober", "iv-diode", 15, 3, is_measurement=True),
        ),
    ),
)  # fmt: skip
MODULES = (
    {
        "code": "arf-resist-5",
        "name_ko": "ArF 레지스트 평가, 웨이퍼 5장",
        "name_en": "ArF resist evaluation, 5 wafers",
        "description_ko": "도포, 초점·노광량 매트릭스 노광, 현상 후 CD를 측정하여 "
        "공정 창을 드립니다.",
        "description_en": "Coat, expose a focus–exposure matrix, develop and measure CD; you get "
        "the process window.",
        "route": ROUTE,
        "wafers_min": 5,
        "wafers_max": 5,
        "price_won": 4_500_000,
        "turnaround_days": 5,
        "document": WishedDocument.TEST_REPORT,
    },
    {
        "code": "etch-cd-3",
        "name_ko": "금속 식각과 CD, 웨이퍼 3장",
        "name_en": "Metal etch and CD, 3 wafers",
        "description_ko": "금속막을 식각하고 네 시간 안에 CD를 측정합니다.",
        "description_en": "Etches a metal film and measures CD within four hours.",
        "route": "etch-cd",
        "wafers_min": 1,
        "wafers_max": 3,
        "price_won": 1_200_000,
        "turnaround_days": 4,
        "document": WishedDocument.DATA,
    },
    {
        "code": "film-particles",
        "name_ko": "박막과 파티클 확인",
        "name_en": "Film and particle check",
        "description_ko": "박막 두께와 파티클을 확인하여 측정 데이터를 드립니다.",
        "description_en": "Checks film thickness and particles; you get the measured data.",
        "route": "film-check",
        "wafers_min": 1,
        "wafers_max": 10,
        "price_won": 600_000,
        "turnaround_days": 3,
        "document": WishedDocument.DATA,
    },
)


def load() -> None:
    """Make what is missing; needs the tools, the recipes and the litho route."""
    able = {code: _capability(code, ko, en, tools) for code, ko, en, tools in CAPABILITIES}
    for position, (minutes, each, within) in LITHO_TIMES.items():
        Operation.objects.filter(route__code=ROUTE, position=position).update(
            minutes=minutes, minutes_per_wafer=each, within_minutes=within
        )
    for code, ko, en, operations in ROUTES:
        _route(code, ko, en, operations, able)
    for values in MODULES:
        route = Route.objects.get(code=values["route"])
        Module.objects.get_or_create(code=values["code"], defaults={**values, "route": route})


def _capability(code: str, name_ko: str, name_en: str, tools: tuple[str, ...]) -> Capability:
    found, made = Capability.objects.get_or_create(
        code=code, defaults={"name_ko": name_ko, "name_en": name_en}
    )
    if made:
        found.tools.set(Tool.objects.filter(code__in=tools))
    return found


def _route(
    code: str, name_ko: str, name_en: str, operations: tuple[Laid, ...],
    able: dict[str, Capability],
) -> None:  # fmt: skip
    route, made = Route.objects.get_or_create(
        code=code, defaults={"name_ko": name_ko, "name_en": name_en}
    )
    if made:
        Operation.objects.bulk_create(
            Operation(
                route=route,
                position=position,
                name_ko=laid.name_ko,
                name_en=laid.name_en,
                tool_kind=laid.kind,
                recipe=Recipe.objects.get(code=laid.recipe),
                is_measurement=laid.is_measurement,
                capability=able.get(laid.capability),
                minutes=laid.minutes,
                minutes_per_wafer=laid.per_wafer,
                within_minutes=laid.within,
                sampling=Sampling.EVERY if laid.every else Sampling.ALL,
                sampling_number=laid.every,
                max_rework=laid.rework,
                is_rework_only=laid.is_strip,
            )
            for position, laid in enumerate(operations, start=1)
        )
