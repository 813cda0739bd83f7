"""Pages of runs: the queue, the start with its interlocks, the live run, and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from testbed.booking.models import Booking
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs import live, log, proof
from testbed.runs.interlocks import Situation, interlocks, unmet
from testbed.runs.models import QueueClock, Run
from testbed.runs.queue_time import countdown_rows
from testbed.runs.ready import bookable_operations, next_operation, ready, waiting_slots
from testbed.runs.start import start
from testbed.runs.states import ENDED

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

EVENTS_SHOWN = 8


def _found(request: HttpRequest, pk: int) -> Run:
    rows = Run.objects.visible_to(request.user).with_names()
    run: Run = get_object_or_404(rows.select_related("recipe_version__recipe"), pk=pk)
    return run


@require_safe
@login_required
def runs(request: HttpRequest) -> HttpResponse:
    """Running now first, then what can start next, then what ended."""
    user = person(request)
    rows = Run.objects.visible_to(user).with_names()
    ended = rows.exclude(pk__in=Run.objects.open().values("pk"))
    operates = may(user, "operate")
    now = timezone.now()
    return render(
        request,
        "runs/runs.html",
        {
            "open_runs": [live.card(run, now) for run in rows.open().order_by("pk")],
            "queue_times": countdown_rows(QueueClock.objects.visible_to(user), now),
            "ready": ready(user, now) if operates else [],
            "may_operate": operates,
            "page": Paginator(ended, 25).get_page(request.GET.get("page")),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def start_run(request: HttpRequest) -> HttpResponse:
    """Interlocks and slots of one operation under one booking; POST starts the run."""
    demand(request.user, "operate")
    said = request.POST if request.method == "POST" else request.GET
    booking = _booking(request, said.get("booking", ""))
    operation = _operation(booking, said.get("operation", ""))
    slots = _slots(said.getlist("slot")) if "chosen" in said else waiting_slots(booking, operation)
    if request.method == "POST":
        try:
            run = start(actor=person(request), booking=booking, operation=operation, slots=slots)
        except Refusal as refusal:
            messages.error(request, f"{refusal.message} {refusal.next_step}")
        else:
            return redirect("run", pk=run.pk)
    return _start_page(request, booking, operation, slots)


def _start_page(
    request: HttpRequest, booking: Booking, operation: Operation, slots: list[int]
) -> HttpResponse:
    checks = interlocks(Situation(person(request), booking, operation, slots))
    wafers = {} if booking.lot is None else {w.slot: w for w in booking.lot.wafers.all()}
    template = "runs/start.html"
    if request.htmx and request.method == "GET":  # type: ignore[attr-defined]
        template = "runs/start_checks.html"
    return render(
        request,
        template,
        {
            "booking": booking,
            "operation": operation,
            "operations": bookable_operations(booking),
            "tool": Situation(person(request), booking, operation, slots).tool,
            "checks": checks,
            "unmet": unmet(checks),
            "slots": [(slot, wafers.get(slot), slot in slots) for slot in range(1, 26)],
            "chosen": len(slots),
            "queue_times": _queue_times(booking),
        },
        status=409 if request.method == "POST" else 200,
    )


def _queue_times(booking: Booking) -> list[dict[str, Any]]:
    clocks = QueueClock.objects.filter(lot=booking.lot_id)
    return countdown_rows(clocks, timezone.now())


def _number(text: str) -> int:
    """A positive database key from a form; anything else is 404."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Http404
    return int(text)


def _booking(request: HttpRequest, text: str) -> Booking:
    rows = Booking.objects.visible_to(request.user).select_related("lot__carrier", "company")
    booking: Booking = get_object_or_404(rows, pk=_number(text))
    return booking


def _operation(booking: Booking, text: str) -> Operation:
    """The named operation of the booking's route, or the next one when none is named."""
    if not text:
        operations = bookable_operations(booking)
        chosen = next_operation(booking) or next(iter(operations), None)
        if chosen is None:
            raise Http404
        return chosen
    rows = Operation.objects.filter(route=booking.route_id).select_related("recipe")
    return get_object_or_404(rows, position=_number(text))


def _slots(texts: list[str]) -> list[int]:
    return sorted({_number(text) for text in texts})


@never_cache
@require_safe
@login_required
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run, live: status first, then its steps; controls for those who operate."""
    found = _found(request, pk)
    return render(request, "runs/run.html", run_page(request, found))


def run_page(request: HttpRequest, found: Run) -> dict[str, Any]:
    """What the pages of one run draw."""
    operates = may(request.user, "operate")
    events = found.events.select_related("actor").order_by("-seq")[:EVENTS_SHOWN]
    shown = live.view(found, timezone.now())
    return {
        **shown,
        "events": [(event, log.sentence(event)) for event in events],
        "may_operate": operates,
        "may_stop_tools": may(request.user, "emergency_stop")
        or may(request.user, "emergency_stop_own_run"),
        "may_clear_stop": may(request.user, "clear_emergency_stop"),
        "may_note": may(request.user, "note_run") and found.state not in ENDED,
        "stopped": any(tool.emergency_stop_at for tool in shown["tools"]),
        "wire": list(found.wire_logs.order_by("-pk")[:1]),
    }


@never_cache
@require_safe
@login_required
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part that changes; when the controls must change too, the whole page is asked for."""
    found = _found(request, pk)
    answer = render(request, "runs/live_answer.html", run_page(request, found))
    if request.GET.get("phase") != live.phase(found):
        answer["HX-Refresh"] = "true"
    return answer


@require_safe
@login_required
def run_log(request: HttpRequest, pk: int) -> HttpResponse:
    """Every event with its hash, whether the chain is whole, and the wire logs."""
    found = _found(request, pk)
    events = found.events.select_related("actor").order_by("seq")
    return render(
        request,
        "runs/log.html",
        {
            "run": found,
            "verdict": proof.verify(found),
            "events": [(event, log.sentence(event)) for event in events],
            "wire": found.wire_logs.select_related("step").order_by("-pk"),
        },
    )
