"""The demo's supplies of the building, and what is closed: from the verbs that staff use."""

from datetime import datetime, time, timedelta

from django.utils import timezone

from testbed.outages.announce import announce
from testbed.outages.models import OutageKind, Repeat, Scope, Utility
from testbed.outages.terms import Terms
from testbed.people.models import User
from testbed.tools.models import Tool

# Code, names, tools that need it.
SUPPLIES = (
    ("di-water", "초순수(DI)", "DI water", ("track", "cmp", "clean")),
    ("chilled-water", "공정 냉각수", "Process cooling water",
     ("scanner", "etch-ox", "etch-poly", "cvd")),
    ("exhaust", "배기", "Exhaust", ("track", "etch-ox", "etch-poly", "cvd", "clean")),
)  # fmt: skip
# Days from today: behind the week that is booked.
POWER_CHECK = 9
DI_SERVICE = 12
YEAR = timedelta(days=365)


def load() -> None:
    """The supplies of the building and the tools that need them."""
    for code, name_ko, name_en, tools in SUPPLIES:
        names = {"name_ko": name_ko, "name_en": name_en}
        supply, _created = Utility.objects.update_or_create(code=code, defaults=names)
        supply.tools.set(Tool.objects.filter(code__in=tools))


def announce_all(*, administrator: User) -> None:
    """A monthly service of the DI water and next week's closure, on lines that are free."""
    announce(actor=administrator, terms=_di_service(), fates={})
    announce(actor=administrator, terms=_power_check(), fates={})


def maintain(*, technician: User, tool: Tool, starts_at: datetime, ends_at: datetime) -> None:
    """One planned maintenance of a tool whose line is free then."""
    terms = Terms(
        kind=OutageKind.MAINTENANCE, scope=Scope.TOOLS, tools=[tool],
        starts_at=starts_at, ends_at=ends_at, reason_ko="정기 정비", reason_en="Planned service",
    )  # fmt: skip
    announce(actor=technician, terms=terms, fates={})


def _at(days: int, hour: int) -> datetime:
    day = timezone.localdate() + timedelta(days=days)
    return datetime.combine(day, time(hour), timezone.get_current_timezone())


def _di_service() -> Terms:
    return Terms(
        kind=OutageKind.MAINTENANCE, scope=Scope.UTILITY,
        utility=Utility.objects.get(code="di-water"),
        starts_at=_at(DI_SERVICE, 8), ends_at=_at(DI_SERVICE, 11),
        repeat=Repeat.MONTHLY, until=(_at(DI_SERVICE, 8) + YEAR).date(),
        reason_ko="매월 필터 교체", reason_en="Monthly change of filters",
        note="필터 재고 확인",
    )  # fmt: skip


def _power_check() -> Terms:
    return Terms(
        kind=OutageKind.CLOSURE, scope=Scope.FACILITY,
        starts_at=_at(POWER_CHECK, 6), ends_at=_at(POWER_CHECK, 12),
        reason_ko="전기 안전 점검", reason_en="Electrical safety check",
    )  # fmt: skip
