"""The approval desk and the timeline."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from testbed.booking import approve as decisions
from testbed.booking import grid
from testbed.booking.forms import RefusalForm
from testbed.booking.hours import KST
from testbed.booking.models import Booking, BookingState
from testbed.booking.timeline import KINDS, midnight, timeline
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

DAY = timedelta(days=1)


@require_GET
@login_required
def approvals(request: HttpRequest) -> HttpResponse:
    """`/approvals/`: what waits for the facility's answer, oldest first."""
    demand(request.user, "approve_booking")
    return _show_desk(request)


def _show_desk(
    request: HttpRequest,
    refused: Refusal | None = None,
    open_at: int | None = None,
    form: RefusalForm | None = None,
) -> HttpResponse:
    waiting = (
        Booking.objects.visible_to(request.user)
        .filter(state=BookingState.PENDING)
        .with_names()
        .order_by("created_at", "pk")
    )
    context = {
        "waiting": [(one, form if one.pk == open_at else _blank(one)) for one in waiting],
        "open_at": open_at,
        "refused": refused,
    }
    status = refused.status if refused else 200
    return render(request, "booking/approvals.html", context, status=status)


def _blank(booking: Booking) -> RefusalForm:
    return RefusalForm(auto_id=f"id_%s_{booking.pk}")


@require_POST
@login_required
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    found = _pending(request, pk)
    try:
        decisions.approve(actor=person(request), booking=found)
    except Refusal as refused:
        return _show_desk(request, refused)
    messages.success(request, _("%(booking)s is confirmed.") % {"booking": found})
    return redirect("approvals")


@require_POST
@login_required
def refuse(request: HttpRequest, pk: int) -> HttpResponse:
    found = _pending(request, pk)
    form = RefusalForm(request.POST, auto_id=f"id_%s_{pk}")
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        decisions.refuse(actor=person(request), booking=found, reason=reason)
    except Refusal as refused:
        return _show_desk(request, refused, open_at=pk, form=form)
    said = _("%(booking)s is refused; the company sees why.") % {"booking": found}
    messages.success(request, said)
    return redirect("approvals")


def _pending(request: HttpRequest, pk: int) -> Booking:
    found: Booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=pk)
    demand(request.user, "approve_booking")
    return found


@require_GET
@login_required
def timeline_page(request: HttpRequest) -> HttpResponse:
    """`/book/timeline/?from=&zoom=`: every tool's time as a grid, and the same as a list."""
    now = timezone.now()
    zoom = grid.ZOOMS.get(request.GET.get("zoom", ""), grid.ZOOMS["week"])
    today = timezone.localtime(now, KST).date()
    first = _day(request.GET.get("from", "")) or _default_day(today, zoom)
    rows = timeline(viewer=person(request), start=midnight(first), days=zoom.days, now=now)
    context: dict[str, Any] = {
        "zoom": zoom,
        "first": midnight(first),
        "last": midnight(first + (zoom.days - 1) * DAY),
        "tracks": grid.tracks(rows, first, zoom),
        "days": grid.day_marks(first, zoom),
        "hours": grid.hour_marks(first, zoom),
        "now_column": grid.now_column(now, first, zoom),
        "before": first - zoom.days * DAY,
        "after": first + zoom.days * DAY,
        "today": today,
        "kinds": KINDS,
        "may_book": may(request.user, "book"),
    }
    return render(request, "booking/timeline.html", context)


def _default_day(today: date, zoom: grid.Zoom) -> date:
    """Today, or the Monday of this week."""
    return today - today.weekday() * DAY if zoom.days > 1 else today


def _day(text: str) -> date | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=KST).date()
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None
