"""A lot's way through its routes: what each wafer has behind it; rework and scrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from testbed.booking.models import Booking, BookingState
from testbed.material.models import Lot, SubstrateState, Wafer
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.process.models import Operation, Route
from testbed.refusals import Refusal
from testbed.runs import rework
from testbed.runs.queue_time import countdown_rows
from testbed.runs.ready import bookable_operations
from testbed.runs.way import Way, way_of

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

TONES = {
    SubstrateState.PROCESSED: "ok",
    SubstrateState.IN_PROCESS: "info",
    SubstrateState.NEEDS_PROCESSING: "info",
    SubstrateState.SKIPPED: "idle",
}


@dataclass(frozen=True)
class Cell:
    """One wafer at one operation: its newest pass in the present attempt, if it has one."""

    attempt: int
    word: str
    tone: str
    run_id: int | None


@never_cache
@require_safe
@login_required
def lot_way(request: HttpRequest, code: str) -> HttpResponse:
    lot = found_lot(request, code)
    ways = [(route, way_of(lot, route.pk)) for route in routes_of(lot)]
    return render(
        request,
        "runs/way.html",
        {
            "lot": lot,
            "ways": [(route, way.operations, _again(way), _rows(way)) for route, way in ways],
            "reworks": lot.reworks.select_related("operation", "decided_by").prefetch_related(
                "attempts__wafer"
            ),
            "holds": lot.holds.select_related(
                "operation", "again", "closed_by", "proposed_by"
            ).prefetch_related("wafers"),
            "queue_times": countdown_rows(lot.queue_clocks.all(), timezone.now()),
            "splits": _splits(lot),
            "may_decide": may(request.user, "decide_holds"),
            "may_hold": may(request.user, "hold_wafers"),
            "may_rework": may(request.user, "rework_wafers"),
            "may_scrap": may(request.user, "scrap_wafers"),
        },
    )


def _splits(lot: Lot) -> list[tuple[Booking, list[Operation]]]:
    """Bookings that are not over, with the operations whose values may be set by wafer."""
    live = [BookingState.PENDING, BookingState.CONFIRMED]
    rows = lot.bookings.filter(state__in=live, ends_at__gt=timezone.now()).exclude(route=None)
    return [(one, bookable_operations(one)) for one in rows.order_by("starts_at")]


def routes_of(lot: Lot) -> list[Route]:
    """The routes that the lot has begun or is booked for."""
    ids = set(lot.travelers.values_list("route", flat=True))
    ids |= set(lot.bookings.exclude(route=None).values_list("route", flat=True))
    return list(Route.objects.filter(pk__in=ids).order_by("code"))


def _again(way: Way) -> list[Operation]:
    """What the route lets people do again."""
    able = (one for one in way.operations if not one.is_measurement and not one.is_rework_only)
    return [one for one in able if one.max_rework]


def _rows(way: Way) -> list[tuple[Wafer, bool, list[Cell]]]:
    planned = {one.pk: {wafer.pk for wafer in way.planned(one)} for one in way.operations}
    return [
        (
            wafer,
            wafer.pk in way.scrapped,
            [_cell(way, wafer, one, wafer.pk in planned[one.pk]) for one in way.operations],
        )
        for wafer in way.wafers
    ]


def _cell(way: Way, wafer: Wafer, operation: Operation, is_planned: bool) -> Cell:
    passes = way.at(wafer, operation)
    attempt = way.attempt(wafer, operation)
    if not passes:
        return Cell(attempt, _("waits") if is_planned else "–", "idle", None)
    state = SubstrateState(passes[-1].state)
    return Cell(attempt, str(state.label), TONES.get(state, "bad"), passes[-1].run_id)


def found_lot(request: HttpRequest, code: str) -> Lot:
    rows = Lot.objects.visible_to(request.user).select_related("company", "carrier")
    lot: Lot = get_object_or_404(rows, code=code)
    return lot


@require_POST
@login_required
def rework_wafers(request: HttpRequest, code: str) -> HttpResponse:
    lot = found_lot(request, code)
    demand(request.user, "rework_wafers")
    operation = get_object_or_404(
        Operation.objects.filter(route__in=routes_of(lot)), pk=number(request, "operation")
    )
    return told(
        request, lot, _("The wafers wait for the operation again."),
        lambda: rework.rework(
            actor=person(request), lot=lot, operation=operation, slots=slots_of(request),
            reason=request.POST.get("reason", ""),
        ),
    )  # fmt: skip


@require_POST
@login_required
def scrap_wafers(request: HttpRequest, code: str) -> HttpResponse:
    lot = found_lot(request, code)
    return told(
        request, lot, _("The wafers are scrapped."),
        lambda: rework.scrap(
            actor=person(request), lot=lot, slots=slots_of(request),
            reason=request.POST.get("reason", ""),
        ),
    )  # fmt: skip


def number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Http404
    return int(text)


def slots_of(request: HttpRequest) -> list[int]:
    """What is no slot is no wafer either: the verb says so."""
    texts = request.POST.getlist("slot")
    return [int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0
            for text in texts]  # fmt: skip


def told(
    request: HttpRequest, lot: Lot, said: str, verb: Callable[[], Any]
) -> HttpResponse:  # fmt: skip
    try:
        verb()
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        more = [str(one) for sentences in refusal.fields.values() for one in sentences]
        messages.error(request, " ".join([str(refusal.message), *more, str(refusal.next_step)]))
    else:
        messages.success(request, said)
    return redirect("lot_way", code=lot.code)
