"""Pages of pools: those that are open, one of them, opening a booking's slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from testbed.booking.models import Booking
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.pools import seats
from testbed.pools.forms import JoinForm, OpenForm
from testbed.pools.models import Pool, PoolState
from testbed.pools.split import guests_of, quote_for, tools_of
from testbed.pools.strip import counts, strip
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.people.models import User
    from testbed.prices.quote import Quote


def _pools(request: HttpRequest) -> Any:
    return Pool.objects.visible_to(request.user).with_host()


@require_safe
@login_required
def pools(request: HttpRequest) -> HttpResponse:
    """`/pools/`: open ones, soonest first, then those one is in."""
    user = person(request)
    now = timezone.now()
    open_ones = _pools(request).joinable().filter(closes_at__gt=now)
    others = _pools(request).exclude(pk__in=open_ones.values("pk"))
    return render(
        request,
        "pools/pools.html",
        {
            "open_pools": [_card(pool, user) for pool in open_ones],
            "other_pools": [_card(pool, user) for pool in others.order_by("-host__starts_at")[:50]],
            "may_book": may(user, "book"),
        },
    )


def _card(pool: Pool, viewer: User) -> dict[str, Any]:
    free = len(seats.free_slots(pool))
    price = None
    if viewer.company and free and pool.state == PoolState.OPEN:
        price = quote_for(pool.host, guests_of(pool.host), viewer.company, 1)
    return {"pool": pool, "tools": tools_of(pool.host), "free": free, "price": price}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def pool(request: HttpRequest, pk: int) -> HttpResponse:
    """`/pools/<id>/`: slots, price, rules; POST joins with a lot."""
    found = get_object_or_404(_pools(request), pk=pk)
    user = person(request)
    if request.method == "POST":
        demand(user, "book")
    form = JoinForm(request.POST if request.method == "POST" else None, viewer=user)
    if not form.is_valid():
        return _show(request, found, form)
    lot, purpose = form.cleaned_data["lot"], form.cleaned_data["purpose"]
    try:
        guest = seats.join(actor=user, pool=found, lot=lot, purpose=purpose)
    except Refusal as refused:
        for sentence in refused.fields.get("lot", ()):
            form.add_error("lot", str(sentence))
        return _show(request, found, form, refused)
    said = _("%(booking)s: your wafers ride in this carrier. Send them with the slot map below.")
    messages.success(request, said % {"booking": guest})
    return redirect("pool", pk=pk)


def _show(
    request: HttpRequest, found: Pool, form: JoinForm, refused: Refusal | None = None
) -> HttpResponse:
    user, host = person(request), found.host
    slots = strip(found, user)
    context = {
        "pool": found,
        "host": host,
        "tools": tools_of(host),
        "slots": slots,
        "counts": counts(slots),
        "free": sum(slot.kind == "free" for slot in slots),
        "prices": _prices(found, user),
        "is_host": user.company_id == host.company_id or user.is_staff_member,
        "ours": host.guests.filter(company=user.company_id).order_by("pk"),
        "form": form,
        "refused": refused,
        "may_join": _may_join(found, user),
    }
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "pools/pool.html", context, status=status)


def _may_join(found: Pool, user: User) -> bool:
    is_open = found.state == PoolState.OPEN and found.closes_at > timezone.now()
    return is_open and may(user, "book") and user.company_id != found.host.company_id


def _prices(found: Pool, viewer: User) -> list[tuple[int, Quote]]:
    """(wafers, price) of one more guest with one wafer, some, or as many as go in."""
    free = len(seats.free_slots(found))
    if viewer.company is None or not free or found.state != PoolState.OPEN:
        return []
    guests = guests_of(found.host)
    wafers = sorted({1, min(5, free), free})
    return [(count, quote_for(found.host, guests, viewer.company, count)) for count in wafers]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def open_seats(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/pool/`: open the empty slots, or go to the pool that is there."""
    rows = Booking.objects.visible_to(request.user).select_related("lot", "route", "company")
    booking: Booking = get_object_or_404(rows, pk=pk)
    demand(request.user, "book")
    there = Pool.objects.filter(host=booking).first()
    if there is not None:
        return redirect("pool", pk=there.pk)
    form = OpenForm(request.POST if request.method == "POST" else None, booking=booking)
    refused = None
    if form.is_valid():
        try:
            made = seats.open_seats(actor=person(request), booking=booking, **form.cleaned_data)
        except Refusal as refusal:
            refused = refusal
            for name, sentences in refusal.fields.items():
                form.add_error(name, [str(one) for one in sentences])
        else:
            messages.success(request, _("The empty slots are open to other companies now."))
            return redirect("pool", pk=made.pk)
    return _show_open(request, booking, form, refused)


def _show_open(
    request: HttpRequest, booking: Booking, form: OpenForm, refused: Refusal | None
) -> HttpResponse:
    context = {
        "booking": booking,
        "form": form,
        "refused": refused,
        "why_not": seats.why_not_poolable(booking, timezone.now()),
    }
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "pools/open.html", context, status=status)


@require_POST
@login_required
def fix_pool(request: HttpRequest, pk: int) -> HttpResponse:
    """The host closes its pool early."""
    found = get_object_or_404(_pools(request), pk=pk)
    try:
        seats.fix(actor=person(request), pool=found)
    except Refusal as refusal:
        if refusal.status in (403, 404):
            raise
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("Nobody joins any more; the prices stand."))
    return redirect("pool", pk=pk)
