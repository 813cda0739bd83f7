"""The company's page of a booking that the facility moved: accept, choose another, give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from testbed.booking.route_views import wish_of, wished
from testbed.outages import answer, chain
from testbed.outages.forms import StartForm
from testbed.outages.models import Rebooking
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def _one(request: HttpRequest, pk: int) -> Rebooking:
    found: Rebooking = get_object_or_404(
        Rebooking.objects.visible_to(request.user).with_names(), pk=pk
    )
    return found


@require_safe
@login_required
def rebooking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/rebookings/<id>/`: why, the old and the new time, and what one may do now."""
    return _show(request, _one(request, pk))


def _show(request: HttpRequest, row: Rebooking, refused: Refusal | None = None) -> HttpResponse:
    is_open = row.is_waiting() and not row.is_late(timezone.now())
    context = {
        "row": row,
        "is_open": is_open,
        "may_answer": is_open and may(request.user, "book"),
        "slots": answer.proposals(row) if is_open else [],
        "chains": [(one, wish_of(one)) for one in chain.proposals(row)] if is_open else [],
        "is_chain": chain.rest_of(row.booking, timezone.now()) is not None,
        "refused": refused,
    }
    status = refused.status if refused else 200
    return render(request, "outages/rebooking.html", context, status=status)


@require_POST
@login_required
def accept_rebooking(request: HttpRequest, pk: int) -> HttpResponse:
    return _answered(request, pk, answer.accept, _("Accepted. The new time is yours."))


@require_POST
@login_required
def decline_rebooking(request: HttpRequest, pk: int) -> HttpResponse:
    return _answered(request, pk, answer.decline, _("Given back; it costs nothing."))


@require_POST
@login_required
def choose_rebooking(request: HttpRequest, pk: int) -> HttpResponse:
    row = _one(request, pk)
    demand(request.user, "book")
    form = StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This slot could not be read; choose it again."))
        return redirect("rebooking", pk=row.pk)
    start = form.cleaned_data["starts_at"]
    said = _("The booking has the time you chose.")
    return _answered(request, pk, answer.choose, said, starts_at=start)


@require_POST
@login_required
def choose_rebooking_chain(request: HttpRequest, pk: int) -> HttpResponse:
    """A combination's button: every step of the chain that is still to come at its new time."""
    row = _one(request, pk)
    demand(request.user, "book")
    steps = wished(request)
    if steps is None:
        messages.error(request, _("This combination could not be read; choose it again."))
        return redirect("rebooking", pk=row.pk)
    said = _("The whole chain has the times you chose.")
    return _answered(request, pk, chain.choose, said, steps=steps)


def _answered(request: HttpRequest, pk: int, verb: Any, said: str, **chosen: Any) -> HttpResponse:
    row = _one(request, pk)
    try:
        verb(actor=person(request), rebooking=row, **chosen)
    except Refusal as refused:
        if refused.status == 403:
            raise
        return _show(request, _one(request, pk), refused)
    messages.success(request, said)
    return redirect("booking", pk=row.booking_id)
