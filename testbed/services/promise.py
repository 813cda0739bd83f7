"""What was promised and how it stands: working days, and the risk of each order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from testbed.booking.hours import KST, SATURDAY
from testbed.booking.models import Booking, Holiday
from testbed.services.models import GONE, Order, OrderState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from testbed.services.models import Module

CLOSING = time(18)
DAY = timedelta(days=1)


class Standing(models.TextChoices):
    """How an order stands against its promise; the order is that of the staff's attention."""

    LATE = "late", _("Late")
    AT_RISK = "at_risk", _("At risk")
    ON_TIME = "on_time", _("On time")
    KEPT = "kept", _("Promise kept")
    KEPT_LATE = "kept_late", _("Finished late")
    CANCELLED = "cancelled", _("Cancelled")


TONES = {
    Standing.LATE: ("bad", "octagon-x"),
    Standing.AT_RISK: ("warn", "triangle-alert"),
    Standing.ON_TIME: ("ok", "clock"),
    Standing.KEPT: ("ok", "check"),
    Standing.KEPT_LATE: ("bad", "x"),
    Standing.CANCELLED: ("idle", "x"),
}


@dataclass(frozen=True)
class Shown:
    """An order, its steps in order, and how it stands."""

    order: Order
    steps: Sequence[Booking]
    standing: Standing

    @property
    def tone(self) -> str:
        return TONES[self.standing][0]

    @property
    def icon(self) -> str:
        return TONES[self.standing][1]

    @property
    def word(self) -> str:
        return str(self.standing.label)

    @property
    def ends_at(self) -> datetime | None:
        """When the last step that is left ends."""
        return max((one.ends_at for one in self.steps if one.state not in GONE), default=None)


def holidays(first: date, last: date) -> set[date]:
    """The facility's holidays from `first` to `last` (one query)."""
    return set(Holiday.objects.filter(day__range=(first, last)).values_list("day", flat=True))


def add_working_days(day: date, count: int, resting: Collection[date]) -> date:
    """The `count`-th working day after `day`: Monday to Friday, holidays left out."""
    while count > 0:
        day += DAY
        if day.weekday() < SATURDAY and day not in resting:
            count -= 1
    return day


def promise(module: Module, starts_at: datetime, resting: Collection[date]) -> datetime:
    """Until when a module whose first step starts then is finished: 18:00 on its last day."""
    first = starts_at.astimezone(KST).date()
    return datetime.combine(add_working_days(first, module.turnaround_days, resting), CLOSING, KST)


def latest_rest(module: Module, last: datetime) -> date:
    """Up to which day holidays can matter for starts until `last`."""
    return last.astimezone(KST).date() + DAY * (3 * module.turnaround_days + 30)


def standing(order: Order, steps: Iterable[Booking], now: datetime) -> Standing:
    """Kept or late once finished; before that by the clock and the steps that are left."""
    if order.finished_at is not None:
        kept = order.finished_at <= order.promised_at
        return Standing.KEPT if kept else Standing.KEPT_LATE
    left = [one for one in steps if one.state_at(now) not in GONE]
    if order.state == OrderState.CANCELLED or not left:
        return Standing.CANCELLED
    if now > order.promised_at:
        return Standing.LATE
    is_whole = all(one.state_at(now) not in GONE for one in steps)
    if not is_whole or max(one.ends_at for one in left) > order.promised_at:
        return Standing.AT_RISK
    return Standing.ON_TIME


def shown(orders: Sequence[Order], now: datetime) -> list[Shown]:
    """The orders with their steps, most urgent first (two queries for all steps)."""
    bundles = [order.bundle_id for order in orders]
    rows = Booking.objects.filter(bundle_id__in=bundles).with_names().order_by("position", "pk")
    steps: dict[int | None, list[Booking]] = {}
    for booking in rows:
        steps.setdefault(booking.bundle_id, []).append(booking)
    found = [
        Shown(order, own, standing(order, own, now))
        for order in orders
        for own in [steps.get(order.bundle_id, [])]
    ]
    urgency = list(Standing)
    return sorted(found, key=lambda one: (urgency.index(one.standing), one.order.promised_at))


def record_of(module: Module) -> str:
    """How many promises of this module were kept, in words (one query)."""
    finished = Order.objects.filter(module=module, state=OrderState.FINISHED)
    counted = finished.aggregate(
        all=models.Count("pk"),
        kept=models.Count("pk", filter=models.Q(finished_at__lte=models.F("promised_at"))),
    )
    if not counted["all"]:
        return str(_("No order of this module has been finished yet."))
    return (
        ngettext(
            "%(kept)s of %(all)s promise was kept so far.",
            "%(kept)s of %(all)s promises were kept so far.",
            counted["all"],
        )
        % counted
    )
