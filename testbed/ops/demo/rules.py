"""The demo's booking rules, and what they look at: a group, courses, supplies, certified cleans.

What the sample job uses (lithography, metrology) has no price for giving it up, so that the job
can be carried again and again.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from testbed.booking.models import RuleSetting
from testbed.ops.demo.people import GAON
from testbed.people.models import Company, Group, User
from testbed.tools.models import Area, Clean, Course, Loading, Supply, SupplyKind, Tool, Training

A, K = Area, SupplyKind

# A demo facility lets a slot start at once, so that the sample job can run now.
FACILITY: dict[str, dict[str, Any]] = {
    "lead_time": {"minutes": 0},
    "not_past": {"grace_minutes": 1},
    "grid": {"minutes": 1},
    "horizon": {"days": 30},
    "minimum_length": {"minutes": 10},
    "reconfirm": {"hours_before": 24, "window_hours": 24},
    "penalty_limit": {"maximum": 5, "days": 30},
    "quota_debt": {"days": 28},
    "training_missing": {},
    "training_expired": {},
    "buddy_missing": {"from_hour": 9, "until_hour": 18},
    "buddy_not_qualified": {},
}
# The tools that work by day rest on holidays; their limits leave the demo's week room.
BY_DAY = (A.ETCH, A.DEPOSITION, A.PLANAR, A.WET, A.TEST)
AREAS: tuple[tuple[str, tuple[Area, ...], dict[str, Any]], ...] = (
    ("holidays", BY_DAY, {}),
    ("company_hours_week", BY_DAY, {"hours": 48}),
    ("group_hours_week", BY_DAY, {"hours": 90}),
    ("no_show", BY_DAY, {"minutes": 60, "fee_percent": 30, "debt_percent": 50}),
    ("late_cancel", BY_DAY, {"hours_before": 24, "fee_percent": 30, "debt_percent": 50}),
    ("throughput", (A.ETCH, A.DEPOSITION, A.PLANAR), {"wafers_per_hour": 25}),
    ("use_mode", (A.DEPOSITION,), {"self_operated": False}),
)
GROUP = ("support", "소부장 우대", "Materials, parts and equipment makers")
FOR_GROUP: dict[str, dict[str, Any]] = {"horizon": {"days": 60}, "open_holds": {"maximum": 8}}
COURSES = (("chemical-safety", "화학물질 안전 교육", "Chemical safety", A.WET),)
# code, kind, names, tools, what is special about it
SUPPLIES: tuple[tuple[str, SupplyKind, str, str, tuple[str, ...], dict[str, Any]], ...] = (
    ("demo-l40", K.RETICLE, "레티클 DEMO-L40", "Reticle DEMO-L40", ("scanner",), {}),
    ("demo-h50", K.RETICLE, "레티클 DEMO-H50", "Reticle DEMO-H50", ("scanner",), {}),
    ("arf-demo-1", K.RESIST, "ArF 레지스트 1호", "ArF resist 1", ("track",), {}),
    (
        "arf-demo-0",
        K.RESIST,
        "ArF 레지스트 0호",
        "ArF resist 0",
        ("track",),
        {"is_withdrawn": True},
    ),
    ("cf4", K.GAS, "CF₄ 가스", "CF₄", ("etch-ox", "etch-poly"), {}),
    ("slurry-a", K.CONSUMABLE, "CMP 슬러리 A", "CMP slurry A", ("cmp",), {"quantity": 3}),
)
LOADED = (("scanner", "demo-l40"), ("track", "arf-demo-1"), ("etch-ox", "cf4"))
CLEANS = (
    ("rca", "RCA 세정", "RCA clean", 3, 0, 220_000),
    ("polymer-strip", "폴리머 제거", "Polymer strip", 2, 1, 90_000),
)


def load() -> None:
    """Make what is missing; what an administrator has set or ended stays so."""
    for code, parameters in FACILITY.items():
        _set(code, parameters)
    for code, areas, parameters in AREAS:
        for area in areas:
            _set(code, parameters, area=area)
    for code, parameters in FOR_GROUP.items():
        _set(code, parameters, group=_group())
    _courses()
    _supplies()
    for code, name_ko, name_en, dirty, clean, won in CLEANS:
        Clean.objects.get_or_create(
            code=code,
            defaults={
                "name_ko": name_ko,
                "name_en": name_en,
                "tool_kind": "clean",
                "from_class": dirty,
                "to_class": clean,
                "cost_won": won,
            },
        )


def _set(code: str, parameters: dict[str, Any], area: str = "", group: Group | None = None) -> None:
    scope: dict[str, Any] = {"tool": None, "cell": None, "area": area, "group": group}
    if not RuleSetting.objects.filter(code=code, **scope).exists():
        RuleSetting.objects.create(code=code, parameters=parameters, **scope)


def _group() -> Group:
    code, name_ko, name_en = GROUP
    group, made = Group.objects.get_or_create(
        code=code, defaults={"name_ko": name_ko, "name_en": name_en}
    )
    if made:
        group.companies.set(Company.objects.filter(business_number=GAON))
    return group


def _courses() -> None:
    today = timezone.localdate()
    for code, name_ko, name_en, area in COURSES:
        course, made = Course.objects.get_or_create(
            code=code, defaults={"name_ko": name_ko, "name_en": name_en, "area": area}
        )
        members = User.objects.filter(company__business_number=GAON) if made else ()
        for user in members:
            Training.objects.create(
                user=user, course=course, completed_on=today, valid_until=today + timedelta(365)
            )


def _supplies() -> None:
    for code, kind, name_ko, name_en, tools, more in SUPPLIES:
        supply, made = Supply.objects.get_or_create(
            code=code, defaults={"kind": kind, "name_ko": name_ko, "name_en": name_en, **more}
        )
        if made:
            supply.tools.set(Tool.objects.filter(code__in=tools))
    for tool, code in LOADED:
        there = Tool.objects.filter(code=tool).first()
        if there and not there.loadings.exists():
            supply = Supply.objects.get(code=code)
            Loading.objects.create(tool=there, supply=supply, loaded_at=timezone.now())
