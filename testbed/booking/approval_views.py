"""The approval desk: what waits for the facility's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from testbed.booking import approve as decisions
from testbed.booking.forms import RefusalForm
from testbed.booking.models import Booking, BookingState
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


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
