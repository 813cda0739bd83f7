"""The page on which a booking passes to a colleague."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from testbed.booking.forms import ColleagueForm
from testbed.booking.hand_over import colleagues, demand_open, hand_over
from testbed.booking.version import version_of
from testbed.booking.views import own_bookings
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.booking.models import Booking


@require_http_methods(["GET", "POST"])
@login_required
def hand_over_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/hand-over/`: GET asks to whom, POST does it."""
    booking = get_object_or_404(own_bookings(request), pk=pk)
    demand(request.user, "book")
    demand_open(booking, timezone.now())
    data = request.POST if request.method == "POST" else None
    form = ColleagueForm(data, colleagues=colleagues(booking))
    if not form.is_valid():
        return _show(request, booking, form)
    try:
        passed = hand_over(
            actor=person(request),
            booking=booking,
            colleague=form.cleaned_data["colleague"],
            expected=request.POST.get("expected", ""),
        )
    except Refusal as refused:
        return _show(request, booking, form, refused)
    said = _("%(booking)s now belongs to %(colleague)s.")
    messages.success(request, said % {"booking": passed, "colleague": passed.booked_by})
    return redirect("booking", pk=pk)


def _show(
    request: HttpRequest, booking: Booking, form: ColleagueForm, refused: Refusal | None = None
) -> HttpResponse:
    context = {
        "booking": booking,
        "version": version_of(booking, (claim.tool_id for claim in booking.allocations.all())),
        "form": form,
        "refused": refused,
        "anybody": colleagues(booking).exists(),
    }
    status = refused.status if refused else 200
    return render(request, "booking/hand_over.html", context, status=status)
