"""Pages for the floor: the bay from two metres, the technician's tablet, the emergency stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from testbed.material import slot_map
from testbed.material.models import SLOTS, Carrier, Lot
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.runs import bays as bay_pages
from testbed.runs import jobs
from testbed.runs.models import QueueClock, Run
from testbed.runs.queue_time import countdown_rows
from testbed.runs.views import run_page
from testbed.tools import states
from testbed.tools.models import Area, Tool

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _area(request: HttpRequest) -> str:
    """The bay that the tablet is in; "" for all."""
    area = request.GET.get("area", "")
    return area if area in Area.values else ""


@never_cache
@require_safe
@login_required
def bays(request: HttpRequest) -> HttpResponse:
    demand(request.user, "see_bays")
    return render(request, "runs/bays.html", {"bays": bay_pages.bays(person(request))})


@never_cache
@require_safe
@login_required
def bay(request: HttpRequest, area: str) -> HttpResponse:
    """The bay's tools, to be read from two metres; `bay_tiles` is the part that changes."""
    return render(request, "runs/bay.html", _bay(request, area))


@never_cache
@require_safe
@login_required
def bay_tiles(request: HttpRequest, area: str) -> HttpResponse:
    return render(request, "runs/bay_tiles.html", _bay(request, area))


def _bay(request: HttpRequest, area: str) -> dict[str, Any]:
    demand(request.user, "see_bays")
    if area not in Area.values:
        raise Http404
    return bay_pages.frame(person(request), area, timezone.now())


@never_cache
@require_safe
@login_required
def floor(request: HttpRequest) -> HttpResponse:
    """My queue: the first job large, with its one next thing; the others below it."""
    demand(request.user, "see_bays")
    user, area = person(request), _area(request)
    now = timezone.now()
    clocks = QueueClock.objects.visible_to(user)
    return render(
        request,
        "runs/floor.html",
        {
            "jobs": jobs.queue(user, now, area),
            "area": area,
            "bays": bay_pages.bays(user),
            "at": now,
            "queue_times": countdown_rows(clocks.for_bay(area) if area else clocks, now),
        },
    )


@never_cache
@require_safe
@login_required
def floor_run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run on one screen, its emergency stop always in reach."""
    demand(request.user, "see_bays")
    rows = Run.objects.visible_to(request.user).with_names()
    found = get_object_or_404(rows.select_related("recipe_version__recipe"), pk=pk)
    return render(request, "runs/floor_run.html", {**run_page(request, found), "on_floor": True})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def floor_carrier(request: HttpRequest, code: str) -> HttpResponse:
    """The carrier drawn slot by slot; POST says what a person sees in it."""
    demand(request.user, "see_bays")
    rows = Lot.objects.visible_to(request.user).select_related("company", "carrier")
    lot = get_object_or_404(rows, code=code)
    if request.method == "POST":
        return _seen(request, lot)
    return _carrier_page(request, lot)


def _seen(request: HttpRequest, lot: Lot) -> HttpResponse:
    carriers = Carrier.objects.visible_to(request.user)
    carrier = get_object_or_404(carriers, code=request.POST.get("carrier", "").replace("\0", ""))
    marks = "".join(request.POST.get(f"slot{slot}", "") for slot in range(1, SLOTS + 1))
    counted = request.POST.get("counted", "")
    number = int(counted) if counted.isascii() and counted.isdigit() and len(counted) < 4 else -1
    try:
        kept = slot_map.note_seen(
            actor=person(request), lot=lot, carrier=carrier, marks=marks, counted=number
        )
    except Refusal as refusal:
        if refusal.status == 403:
            raise
        messages.error(request, f"{refusal.message} {refusal.next_step}")
        return _carrier_page(request, lot, marks=marks, status=refusal.status)
    wrong = slot_map.differences(kept)
    if wrong:
        numbers = ", ".join(str(one.slot) for one in wrong)
        messages.error(
            request,
            _("Slots %(slots)s are not as registered: no run starts until they are.")
            % {"slots": numbers},
        )
    else:
        messages.success(request, _("The carrier is as registered."))
    return redirect("floor_carrier", code=lot.code)


def _carrier_page(
    request: HttpRequest, lot: Lot, marks: str = "", status: int = 200
) -> HttpResponse:
    """The slots from 25 down to 1, as they stand in the carrier."""
    kept = slot_map.newest(lot) if lot.carrier_id else None
    right = slot_map.registered(lot, lot.carrier)
    seen = kept.marks if kept else ""
    shown = marks if slot_map.WHOLE.fullmatch(marks) else seen or right
    ids = {wafer.slot: wafer.wafer_id for wafer in lot.wafers.all()}
    rows = [
        {
            "slot": slot, "mark": shown[slot - 1], "wafer_id": ids.get(slot, ""),
            "look": slot_map.LOOKS[shown[slot - 1]], "word": slot_map.MARKS[shown[slot - 1]],
            "is_wrong": bool(seen) and seen[slot - 1] != right[slot - 1],
        }
        for slot in range(SLOTS, 0, -1)
    ]  # fmt: skip
    context = {
        "lot": lot, "rows": rows, "kept": kept, "marks": slot_map.MARKS.items(),
        "wrong": slot_map.differences(kept) if kept else [],
        "carriers": [lot.carrier] if lot.carrier else
                    Carrier.objects.visible_to(request.user).open_to(lot),
        "may_check_in": may(request.user, "check_in_lot") and lot.state != "returned",
    }  # fmt: skip
    return render(request, "runs/floor_carrier.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def floor_stop(request: HttpRequest) -> HttpResponse:
    """The emergency stop of any tool, or of all tools of a bay: one press once it is chosen.

    A tool that keeps its row busy keeps no other tool waiting.
    """
    demand(request.user, "emergency_stop")
    tools = Tool.objects.visible_to(request.user).with_state().order_by("area", "code")
    if request.method != "POST":
        area = _area(request)
        shown = tools.filter(area=area) if area else tools
        return render(
            request,
            "runs/floor_stop.html",
            {
                "tools": shown,
                "area": area,
                "bays": bay_pages.bays(person(request)),
                "may_clear_stop": may(request.user, "clear_emergency_stop"),
            },
        )
    area, code = request.POST.get("area", ""), request.POST.get("tool", "").replace("\0", "")
    chosen = list(tools.filter(area=area) if area in Area.values else tools.filter(code=code))
    if not chosen:
        raise Http404
    states.raise_emergency_stop(actor=person(request), tools=chosen)
    messages.success(
        request,
        _("Emergency stop: %(tools)s are told to make themselves safe now.")
        % {"tools": ", ".join(str(tool) for tool in chosen)},
    )
    return redirect("floor_stop")
