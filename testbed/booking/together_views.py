"""Pages on which a booking is shared with colleagues and repeated weekly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from testbed.booking.desk_forms import overriding, setting_aside
from testbed.booking.forms import ColleagueForm
from testbed.booking.hand_over import demand_open
from testbed.booking.on_behalf import booker_for
from testbed.booking.repeat import demand_repeatable, preview, repeat, weekly
from testbed.booking.share import colleagues, share, unshare
from testbed.booking.together_forms import RepeatForm
from testbed.booking.views import own_bookings, show_booking
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.booking.models import Booking


@require_http_methods(["GET", "POST"])
@login_required
def share_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/share/`: GET shows who shares it and asks with whom, POST does it."""
    booking = get_object_or_404(own_bookings(request), pk=pk)
    demand(request.user, "book")
    demand_open(booking, timezone.now())
    data = request.POST if request.method == "POST" else None
    form = ColleagueForm(data, colleagues=colleagues(booking))
    if not form.is_valid():
        return _show_share(request, booking, form)
    colleague = form.cleaned_data["colleague"]
    try:
        share(actor=person(request), booking=booking, colleague=colleague)
    except Refusal as refused:
        return _show_share(request, booking, form, refused)
    messages.success(request, _("%(name)s shares the booking now.") % {"name": colleague})
    return redirect("share_booking", pk=pk)


def _show_share(
    request: HttpRequest, booking: Booking, form: ColleagueForm, refused: Refusal | None = None
) -> HttpResponse:
    context = {
        "booking": booking,
        "form": form,
        "refused": refused,
        "sharers": booking.sharers.select_related("user"),
        "anybody": colleagues(booking).exists(),
    }
    status = refused.status if refused else 200
    return render(request, "booking/share.html", context, status=status)


@require_POST
@login_required
def unshare_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends the share of the colleague whose number is in `user`; one's own for everybody."""
    booking = get_object_or_404(own_bookings(request), pk=pk)
    number = request.POST.get("user", "")
    rows = booking.sharers.select_related("user")
    sharer = next((one for one in rows if str(one.user_id) == number), None)
    if sharer is not None:
        unshare(actor=person(request), booking=booking, colleague=sharer.user)
        messages.success(request, _("%(name)s shares it no more.") % {"name": sharer.user})
    return redirect("booking", pk=pk)


@require_http_methods(["GET", "POST"])
@login_required
def repeat_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/repeat/?every=&times=&until=`: GET tells of each time, POST books them."""
    booking = get_object_or_404(own_bookings(request).select_related("bundle"), pk=pk)
    booker_for(person(request), booking)
    try:
        demand_repeatable(booking)
    except Refusal as refused:
        return show_booking(request, booking, refused)
    data = request.POST if request.method == "POST" else request.GET
    asked = bool({"times", "until"} & set(data))
    form = RepeatForm(data if asked else None)
    if not form.is_valid():
        return _show_repeat(request, booking, form)
    try:
        rhythm = weekly(booking=booking, **form.cleaned_data)
        if request.method == "GET":
            found = preview(actor=person(request), booking=booking, rhythm=rhythm)
            return _show_repeat(request, booking, form, occurrences=found)
        override = overriding(request)
        done = repeat(actor=person(request), booking=booking, rhythm=rhythm, override=override)
    except Refusal as refused:
        _put_to_fields(form, refused)
        more: dict[str, Any] = {"refused": refused}
        if refused.code == "reason_missing":
            # The times and the boxes stay on the page while the reason is written.
            more["occurrences"] = preview(actor=person(request), booking=booking, rhythm=rhythm)
        return _show_repeat(request, booking, form, **more)
    _tell(request, sum(one.booking is not None for one in done), len(done))
    query = request.POST.copy()
    for name in ("csrfmiddlewaretoken", "override", "override_reason"):
        query.pop(name, None)
    return redirect(f"{reverse('repeat_booking', args=[pk])}?{query.urlencode()}")


def _show_repeat(
    request: HttpRequest, booking: Booking, form: RepeatForm, **more: Any
) -> HttpResponse:
    found = more.get("occurrences", ())
    refused = more.get("refused")
    each = [one.broken for one in found if not (one.booking or one.is_free)]
    context = {
        **setting_aside(request, refused, each),
        "booking": booking,
        "form": form,
        "free": sum(one.is_free for one in found),
        "total": len(found),
        **more,
    }
    status = refused.status if refused else 200
    return render(request, "booking/repeat.html", context, status=status)


def _put_to_fields(form: RepeatForm, refused: Refusal) -> None:
    for name, sentences in refused.fields.items():
        for one in sentences:
            form.add_error(name if name in form.fields else None, one)


def _tell(request: HttpRequest, placed: int, asked: int) -> None:
    said = _("%(placed)s of %(asked)s times are booked; what speaks against the others is below.")
    everything = _("All %(asked)s times are booked.")
    values = {"placed": placed, "asked": asked}
    messages.success(request, (everything if placed == asked else said) % values)
