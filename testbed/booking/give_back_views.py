"""Pages for giving back: cancel at the shown cost, re-confirm, arrivals, penalties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from testbed.booking.cancel import cancel, preview
from testbed.booking.cancel_rest import cancel_rest, preview_rest
from testbed.booking.models import Penalty
from testbed.booking.no_show import arrive
from testbed.booking.penalties import NOTHING, Charge, sums, waive
from testbed.booking.reconfirm import reconfirm
from testbed.booking.together_forms import ChargeForm, WaiverForm
from testbed.booking.version import version_of
from testbed.booking.views import own_bookings, show_booking
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from testbed.booking.models import Booking
    from testbed.people.models import User


def agreed(request: HttpRequest) -> Charge:
    """The cost that the page showed when its button was pressed; nothing when it showed none."""
    form = ChargeForm(request.POST)
    return Charge(**form.cleaned_data) if form.is_valid() else NOTHING


@require_http_methods(["GET", "POST"])
@login_required
def cancel_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/cancel/`: GET tells what follows and costs, POST does it at that cost."""
    found = get_object_or_404(own_bookings(request), pk=pk)
    if request.method == "GET":
        return _show_cost(request, found)
    try:
        cancel(
            actor=person(request), booking=found, agreed=agreed(request),
            expected=request.POST.get("expected", ""),
        )  # fmt: skip
    except Refusal as refused:
        if refused.code in ("cost_changed", "changed_meanwhile"):
            return _show_cost(request, get_object_or_404(own_bookings(request), pk=pk), refused)
        return show_booking(request, found, refused)
    messages.success(request, _("Cancelled. The time is free for others."))
    return redirect("booking", pk=pk)


def _show_cost(
    request: HttpRequest, booking: Booking, refused: Refusal | None = None
) -> HttpResponse:
    cost = None
    try:
        cost = preview(actor=person(request), booking=booking)
    except Refusal as closed:
        refused = closed
    context = {
        "booking": booking,
        "cost": cost,
        "refused": refused,
        "version": version_of(booking, (claim.tool_id for claim in booking.allocations.all())),
    }
    status = 409 if refused and cost else 200
    return render(request, "booking/cancel.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def cancel_series(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/cancel-rest/`: this booking and the later ones of its series."""
    found = get_object_or_404(own_bookings(request).select_related("bundle"), pk=pk)
    if request.method == "GET":
        return _show_rest(request, found)
    try:
        gone = cancel_rest(
            actor=person(request), booking=found, agreed=agreed(request),
            expected=request.POST.get("expected", ""),
        )  # fmt: skip
    except Refusal as refused:
        if refused.code in ("cost_changed", "changed_meanwhile"):
            return _show_rest(request, found, refused)
        return show_booking(request, found, refused)
    said = _("%(count)s bookings are cancelled; their time is free for others.")
    messages.success(request, said % {"count": len(gone)})
    return redirect("booking", pk=pk)


def _show_rest(
    request: HttpRequest, booking: Booking, refused: Refusal | None = None
) -> HttpResponse:
    try:
        rest = preview_rest(actor=person(request), booking=booking)
    except Refusal as closed:
        return show_booking(request, booking, closed)
    context = {"booking": booking, "rest": rest, "refused": refused}
    status = refused.status if refused else 200
    return render(request, "booking/cancel_rest.html", context, status=status)


@require_POST
@login_required
def reconfirm_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """The button "confirm again"."""
    said = _("Thank you. The booking stays yours.")
    return _act(request, pk, reconfirm, said)


@require_POST
@login_required
def arrive_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """The technician's button "they are here"."""
    said = _("Noted. The booking will not be released.")
    return _act(request, pk, arrive, said)


def _act(request: HttpRequest, pk: int, verb: Callable[..., Booking], said: str) -> HttpResponse:
    found = get_object_or_404(own_bookings(request), pk=pk)
    actor: User = person(request)
    try:
        verb(actor=actor, booking=found)
    except Refusal as refused:
        return show_booking(request, found, refused)
    messages.success(request, said)
    return redirect("booking", pk=pk)


@require_GET
@login_required
def penalties(request: HttpRequest) -> HttpResponse:
    """`/penalties/`: a company's own, all for the administrator; the latest first."""
    demand(request.user, "see_penalties")
    return _show_penalties(request)


def _show_penalties(
    request: HttpRequest, refused: Refusal | None = None, open_at: int | None = None
) -> HttpResponse:
    rows = Penalty.objects.visible_to(request.user)
    page = Paginator(rows.with_names(), 50).get_page(request.GET.get("page"))
    may_waive = may(request.user, "waive_penalty")
    context = {
        "page": page,
        "rows": [(one, WaiverForm(auto_id=f"id_%s_{one.pk}")) for one in page],
        "sums": sums(rows),
        "base": "",
        "may_waive": may_waive,
        "refused": refused,
        "open_at": open_at,
    }
    status = refused.status if refused else 200
    return render(request, "booking/penalties.html", context, status=status)


@require_POST
@login_required
def waive_penalty(request: HttpRequest, pk: int) -> HttpResponse:
    """The administrator takes a penalty back."""
    demand(request.user, "waive_penalty")
    found = get_object_or_404(Penalty.objects.visible_to(request.user), pk=pk)
    try:
        waive(actor=person(request), penalty=found, reason=request.POST.get("reason", ""))
    except Refusal as refused:
        return _show_penalties(request, refused, open_at=pk)
    messages.success(request, _("Taken back. The company sees why."))
    return redirect("penalties")
