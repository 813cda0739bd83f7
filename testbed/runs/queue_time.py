"""Queue times: how long wafers may wait for an operation, warned of before they break.

The clock of a wafer begins when the operation before has ended with it. A released hold stops it:
a person has said that the wafer may go on. The background job keeps one `QueueClock` row for each
lot and operation that waits, tells people at `QUEUE_TIME_WARN_PERCENT` of the limit, and puts the
wafers on hold when it is over. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.material.models import Lot, LotState, Wafer
from testbed.notices.said import kst_span, said
from testbed.notices.tell import tell
from testbed.people.models import Role, User
from testbed.process.models import Operation
from testbed.runs import log
from testbed.runs.hold_models import Disposition, HoldKind, LotHold, QueueClock
from testbed.runs.models import Run, Step
from testbed.runs.states import StepState
from testbed.runs.way import Way, way_of
from testbed.transactions import in_transaction


@dataclass(frozen=True)
class Countdown:
    """Wafers that wait for one operation; `broken` those whose time is over."""

    operation: Operation
    limit_minutes: int
    began: dict[int, datetime]
    """When each waiting wafer (by its primary key) was ready."""
    wafers: Sequence[Wafer]

    @property
    def limit(self) -> timedelta:
        return timedelta(minutes=self.limit_minutes)

    @property
    def began_at(self) -> datetime:
        return min(self.began.values())

    @property
    def due_at(self) -> datetime:
        return self.began_at + self.limit

    @property
    def warn_at(self) -> datetime:
        """At a share of the limit; earlier where the background job might look only after it."""
        share = float(settings.QUEUE_TIME_WARN_PERCENT) / 100
        two_looks = timedelta(seconds=2 * settings.QUEUE_TIME_EVERY_S)
        return self.began_at + max(timedelta(), min(self.limit * share, self.limit - two_looks))

    def broken(self, now: datetime) -> list[Wafer]:
        return [one for one in self.wafers if self.began[one.pk] + self.limit < now]

    def without(self, broken: Sequence[Wafer]) -> Countdown:
        """That of the other wafers; of all where there is no other."""
        rest = [one for one in self.wafers if one not in broken]
        if not rest:
            return self
        return replace(self, wafers=rest, began={one.pk: self.began[one.pk] for one in rest})


def countdowns(way: Way) -> list[Countdown]:
    """One for each operation with a limit for which wafers wait; holds that stand still count."""
    limited = [one for one in way.operations if one.within_minutes]
    found = [_countdown(way, one) for one in limited]
    return [one for one in found if one is not None]


def _countdown(way: Way, operation: Operation) -> Countdown | None:
    before = {wafer.pk: way.run_before(wafer, operation) for wafer in way.waiting(operation)}
    ends = _ends(way.lot, {run for run in before.values() if run is not None})
    freed = _released(way.lot, operation)
    began = {
        wafer: ends[run, wafer]
        for wafer, run in before.items()
        if run is not None and (run, wafer) in ends
        and freed.get(wafer, ends[run, wafer]) <= ends[run, wafer]
    }  # fmt: skip
    if not began or not operation.within_minutes:
        return None
    wafers = [wafer for wafer in way.wafers if wafer.pk in began]
    return Countdown(operation, operation.within_minutes, began, wafers)


def _ends(lot: Lot, runs: set[int]) -> dict[tuple[int, int], datetime]:
    """When each run had done what it does to each wafer, by (run, wafer)."""
    found: dict[tuple[int, int], datetime] = {}
    for run in Run.objects.filter(pk__in=runs).exclude(ended_at=None):
        for wafer in run.run_wafers.values_list("wafer", flat=True):
            found[run.pk, wafer] = run.ended_at or run.created_at
    worked = Step.objects.filter(
        run__in=runs, state=StepState.DONE, is_process=True, wafer__lot=lot
    )
    for step in worked.order_by("ended_at").only("run", "wafer", "ended_at"):
        if step.ended_at is not None and step.wafer_id is not None:
            found[step.run_id, step.wafer_id] = step.ended_at
    return found


def _released(lot: Lot, operation: Operation) -> dict[int, datetime]:
    """Wafers that somebody let go on in spite of this limit, and when they were held."""
    rows = LotHold.objects.filter(
        lot=lot, operation=operation, kind=HoldKind.QUEUE_TIME, disposition=Disposition.RELEASE
    )
    return dict(rows.order_by("opened_at").values_list("wafers", "opened_at"))


def countdown_rows(clocks: models.QuerySet[QueueClock], now: datetime) -> list[dict[str, Any]]:
    """What `runs/queue_times.html` shows: each clock with the seconds left and how urgent it is."""
    here = clocks.filter(lot__state=LotState.CHECKED_IN)
    return [
        {"clock": clock, "left_s": clock.left_s(now), "tone": clock.tone(now)}
        for clock in here.select_related("lot", "operation").order_by("due_at")
    ]


# -- the background job ------------------------------------------------------------------------
def watch(now: datetime | None = None) -> int:
    """Look at every lot that is here and on a route with limits; how many were warned or held.

    For a lot that has been handed back nothing waits any more: its clocks go.
    """
    QueueClock.objects.exclude(lot__state=LotState.CHECKED_IN).delete()
    lots = Lot.objects.filter(
        Q(travelers__closed_at=None, travelers__route__operations__within_minutes__gt=0)
        | Q(queue_clocks__isnull=False),
        state=LotState.CHECKED_IN,
    )
    return sum(look_at(lot, now or timezone.now()) for lot in lots.distinct())


def look_at(lot: Lot, now: datetime) -> int:
    """One lot, in one transaction behind its row's lock: two jobs at once do it once."""
    return in_transaction(lambda: _look_at(lot, now))


def _look_at(lot: Lot, now: datetime) -> int:
    list(Lot.objects.select_for_update(no_key=True).filter(pk=lot.pk))
    routes = lot.travelers.filter(closed_at=None).values_list("route", flat=True)
    found = [one for route in routes for one in countdowns(way_of(lot, route))]
    lot.queue_clocks.exclude(operation__in=[one.operation for one in found]).delete()
    return sum(_keep(lot, one, now) for one in found)


def _keep(lot: Lot, found: Countdown, now: datetime) -> int:
    broken = found.broken(now)
    held = _break(lot, found, now) if broken else 0
    # What is over its time waits for a person: the clock, and the warning, are the others'.
    found = found.without(broken)
    times = {"began_at": found.began_at, "warn_at": found.warn_at, "due_at": found.due_at}
    slots = [wafer.slot for wafer in found.wafers]
    clock, _made = QueueClock.objects.get_or_create(
        lot=lot, operation=found.operation, defaults={**times, "slots": slots}
    )
    if (clock.began_at, clock.due_at, clock.slots) != (found.began_at, found.due_at, slots):
        if clock.began_at != found.began_at:
            clock.warned_at = None
        for name, value in {**times, "slots": slots}.items():
            setattr(clock, name, value)
        clock.save()
    if clock.warned_at is None and found.warn_at <= now and not found.broken(now):
        QueueClock.objects.filter(pk=clock.pk).update(warned_at=now)
        _tell_soon(lot, found, now)
        return held + 1
    return held


def _break(lot: Lot, found: Countdown, now: datetime) -> int:
    """Put what is over its time on hold; an open hold takes in what has broken since."""
    broken = found.broken(now)
    hold, made = LotHold.objects.get_or_create(
        lot=lot, operation=found.operation, kind=HoldKind.QUEUE_TIME, closed_at=None,
        defaults={"evidence": _evidence(found, broken, now)},
    )  # fmt: skip
    held = set(hold.wafers.values_list("pk", flat=True))
    new = [wafer for wafer in broken if wafer.pk not in held]
    if not new:
        return 0
    hold.wafers.add(*new)
    if not made:
        seen = hold.evidence.get("wafers", []) + _evidence(found, new, now)["wafers"]
        LotHold.objects.filter(pk=hold.pk).update(evidence={**hold.evidence, "wafers": seen})
    _tell_broken(lot, found, new)
    return 1


def _evidence(found: Countdown, wafers: Sequence[Wafer], now: datetime) -> dict[str, object]:
    evidence: dict[str, object] = log.plain({
        "limit_minutes": found.limit_minutes,
        "seen_at": now.isoformat(),
        "wafers": [
            {"slot": wafer.slot, "wafer_id": wafer.wafer_id,
             "ready_at": found.began[wafer.pk].isoformat(),
             "due_at": (found.began[wafer.pk] + found.limit).isoformat()}
            for wafer in wafers
        ],
    })  # fmt: skip
    return evidence


# -- telling -----------------------------------------------------------------------------------
def _company(lot: Lot) -> list[User]:
    return list(User.objects.filter(company=lot.company, is_active=True, role=Role.ENGINEER))


def _tell_soon(lot: Lot, found: Countdown, now: datetime) -> None:
    subject = said(
        _("%(lot)s must start “%(operation)s” soon"), lot=lot.code, operation=found.operation
    )
    _tell(lot, subject, found, _("After that the wafers are put on hold."))


def _tell_broken(lot: Lot, found: Countdown, wafers: Sequence[Wafer]) -> None:
    subject = said(
        _("%(lot)s is on hold: the queue time before “%(operation)s” is over"),
        lot=lot.code, operation=found.operation,
    )  # fmt: skip
    _tell(lot, subject, found, _("A process engineer decides: release, rework or scrap."))


def _tell(lot: Lot, subject: object, found: Countdown, more: object) -> None:
    slots = ", ".join(str(wafer.slot) for wafer in found.wafers)
    tell(
        to=_company(lot), kind="queue_time", subject=subject,  # type: ignore[arg-type]
        sentences=[
            subject,  # type: ignore[list-item]
            said(_("Slots %(slots)s may wait %(minutes)s minutes: %(span)s."), slots=slots,
                 minutes=found.limit_minutes, span=kst_span(found.began_at, found.due_at)),
            more,  # type: ignore[list-item]
        ],
        path=f"/lots/{lot.code}/way/", company=lot.company, audience="rework_wafers",
    )  # fmt: skip
