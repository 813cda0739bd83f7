"""The pages on which a booking moves: find a slot, check the new price, confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from testbed.booking.change import change, demand_changeable, preview
from testbed.booking.desk_forms import answerer, overriding, yielding
from testbed.booking.forms import ChangeForm, ClaimForm
from testbed.booking.intervals import Interval
from testbed.booking.more_slots import more, shown
from testbed.booking.on_behalf import booker_for
from testbed.booking.override import aside, demand_override
from testbed.booking.place import target_of
from testbed.booking.rules import refusing
from testbed.booking.slots import find_slots, nearest
from testbed.booking.version import version_of
from testbed.booking.views import by_day, own_bookings
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.booking.change import Preview
    from testbed.booking.models import Booking
    from testbed.booking.rules import Broken
    from testbed.booking.slots import Slot
    from testbed.booking.target import Target


@require_http_methods(["GET", "POST"])
@login_required
def change_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/change/`: GET finds slots; POST checks one, and with `confirm` moves."""
    booking = get_object_or_404(own_bookings(request), pk=pk)
    booker_for(person(request), booking)
    demand_changeable(booking, timezone.now())
    if request.method == "GET":
        return _show_search(request, booking, ChangeForm(request.GET, **_about(request, booking)))
    claim = ClaimForm(request.POST, user=person(request))
    if not claim.is_valid():
        messages.error(request, _("This slot could not be read; choose it again."))
        return redirect("change_booking", pk=pk)
    span = Interval(claim.cleaned_data["starts_at"], claim.cleaned_data["ends_at"])
    step = _confirm if "confirm" in request.POST else _check
    try:
        return step(request, booking, claim.cleaned_data["what"], span)
    except Refusal as refused:
        return _show_refused(request, booking, claim.cleaned_data["what"], span, refused)


def _about(request: HttpRequest, booking: Booking) -> dict[str, Any]:
    return {"user": person(request), "booking": booking}


def _confirm(
    request: HttpRequest, booking: Booking, target: Target, span: Interval
) -> HttpResponse:
    moved = change(
        actor=person(request),
        booking=booking,
        target=target,
        starts_at=span.start,
        ends_at=span.end,
        override=overriding(request),
        expected=request.POST.get("expected", ""),
    )
    messages.success(request, _("Changed. This page shows what happens next."))
    return redirect("booking", pk=moved.pk)


def _check(request: HttpRequest, booking: Booking, target: Target, span: Interval) -> HttpResponse:
    seen = preview(actor=person(request), booking=booking, target=target, span=span)
    given = overriding(request)
    demand_override(person(request), given)
    yields = aside(None, given)
    if any(one.code not in yields or not one.yields for one in refusing(seen.broken)):
        return _show_refused(request, booking, target, span, seen=seen)
    context = {
        "booking": booking,
        "version": version_of(booking, (claim.tool_id for claim in booking.allocations.all())),
        "target": target,
        "span": span,
        "preview": seen,
        **_ticked(request),
    }
    return render(request, "booking/change_check.html", context)


def _show_refused(
    request: HttpRequest,
    booking: Booking,
    target: Target,
    span: Interval,
    refused: Refusal | None = None,
    seen: Preview | None = None,
) -> HttpResponse:
    """The search again, with every reason and the nearest slots that would do."""
    near = nearest(actor=answerer(request, booking), target=target, span=span, without=booking)
    form = ChangeForm(None, **_about(request, booking))
    told_no = [one.as_json() for one in seen.broken] if seen else []
    told_no += refused.extra.get("broken_rules", []) if refused else []
    if refused and refused.code == "reason_missing":
        told_no = [one.as_json() for one in _broken_by(request, booking, target, span)]
    told: dict[str, Any] = {
        "refused": refused,
        "broken": seen.broken if seen else [],
        "nearest": near,
        "asked": target,
        "span": span,
        "yielding": yielding(request, told_no),
        **_ticked(request),
    }
    status = refused.status if refused else 409
    return _show_search(request, booking, form, status=status, **told)


def _broken_by(
    request: HttpRequest, booking: Booking, target: Target, span: Interval
) -> list[Broken]:
    return preview(actor=person(request), booking=booking, target=target, span=span).broken


def _ticked(request: HttpRequest) -> dict[str, Any]:
    """The boxes and the reason as staff sent them."""
    return {
        "ticked": request.POST.getlist("override"),
        "override_reason": request.POST.get("override_reason", ""),
    }


def _show_search(
    request: HttpRequest, booking: Booking, form: ChangeForm, status: int = 200, **told: Any
) -> HttpResponse:
    context: dict[str, Any] = {"booking": booking, "form": form, **told}
    if form.targets and form.is_valid():
        found = find_slots(
            actor=answerer(request, booking),
            target=form.target,
            minutes=form.cleaned_data["minutes"],
            start=form.range.start,
            end=form.range.end,
            limit=shown(request),
            without=booking,
        )
        slots = [slot for slot in found.slots if not _is_present(booking, form.target, slot)]
        context |= {
            "target": form.target,
            "exact": form.exact,
            "found": found,
            "days": by_day(slots),
            "more": more(request, found.slots),
        }
    return render(request, "booking/change.html", context, status=status)


def _is_present(booking: Booking, target: Target, slot: Slot) -> bool:
    """The slot that the booking has already."""
    same_time = (slot.starts_at, slot.ends_at) == (booking.starts_at, booking.ends_at)
    return same_time and target.key == target_of(booking).key
