"""One's own place in the queue, what is offered, and joining; for the staff the whole list."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal
from testbed.waiting.forms import WaitForm
from testbed.waiting.models import EVERY_DAY, Offer, OfferState, Watch, Wish
from testbed.waiting.queue import with_places
from testbed.waiting.terms import law
from testbed.waiting.watch import search_path, stop, watch
from testbed.waiting.wish import decline, take, wait_for, withdraw

if TYPE_CHECKING:
    from django.db import models
    from django.http import HttpRequest, HttpResponse

    from testbed.people.models import User

CLOSED_SHOWN = 10


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def waiting(request: HttpRequest) -> HttpResponse:
    """`/waiting/`: POST with `withdraw`, `take`, `decline` or `stop` ends one of them."""
    if request.method == "POST":
        return _end(request)
    actor, now = person(request), timezone.now()
    wishes = Wish.objects.visible_to(actor).open().with_names()
    offers = (
        Offer.objects.visible_to(actor)
        .open()
        .select_related("booking", "company", "wish__tool", "wish__cell")
    )
    context = {
        "wishes": with_places(wishes, now),
        "offers": [one for one in offers if one.state_at(now) == OfferState.OPEN],
        "watches": Watch.objects.visible_to(actor).active().with_names(),
        "closed": _closed(actor),
        "log": _log(actor),
        "law": law(),
        "may_book": may(actor, "book"),
    }
    return render(request, "waiting/waiting.html", context)


def _closed(actor: User) -> models.QuerySet[Wish]:
    rows = Wish.objects.visible_to(actor).exclude(closed_at=None).with_names()
    closed: models.QuerySet[Wish] = rows.exclude(state="offered").order_by("-closed_at")
    return closed[:CLOSED_SHOWN]


REASONS = {
    "open_offer": gettext_lazy("its company has an open offer"),
    "offered_lately": gettext_lazy("its company was offered a time lately"),
    "no_time_fits": gettext_lazy("no free time fits it"),
}


def _log(actor: User) -> list[tuple[Offer, list[tuple[int, Any]]]]:
    """The latest offers and why older wishes were passed over: for the staff who answer for it."""
    if not actor.is_staff_member:
        return []
    rows = Offer.objects.visible_to(actor).select_related("booking", "company", "wish__tool",
                                                          "wish__cell")[:CLOSED_SHOWN]  # fmt: skip
    rule = _("a rule: %(code)s")
    return [
        (
            offer,
            [
                (one["wish"], REASONS.get(one["because"], rule % {"code": one["because"]}))
                for one in offer.passed_over
            ],
        )
        for offer in rows
    ]


def _end(request: HttpRequest) -> HttpResponse:
    actor = person(request)
    if "withdraw" in request.POST:
        wish = _mine(request, Wish.objects.visible_to(actor), "withdraw")
        withdraw(actor=actor, wish=wish)
        messages.success(request, _("Withdrawn from the waiting list."))
    elif "take" in request.POST:
        offer = _mine(request, Offer.objects.visible_to(actor), "take")
        take(actor=actor, offer=offer)
        messages.success(request, _("Booked with the answers of your wish."))
        return redirect("booking", pk=offer.booking_id)
    elif "decline" in request.POST:
        offer = _mine(request, Offer.objects.visible_to(actor), "decline")
        decline(actor=actor, offer=offer)
        messages.success(request, _("Declined. You keep your place for another time."))
    else:
        stop(actor=actor, asked=_mine(request, Watch.objects.visible_to(actor), "stop"))
        messages.success(request, _("You will not be told of it any more."))
    return redirect("waiting")


def _mine(request: HttpRequest, rows: models.QuerySet[Any], name: str) -> Any:
    wanted = request.POST.get(name, "")
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
    found = rows.filter(pk=number).first()
    if found is None:
        raise Http404
    return found


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def wait(request: HttpRequest) -> HttpResponse:
    """`/waiting/new/?what=&minutes=&first=&last=`: POST with `tell` only asks to be told."""
    actor = person(request)
    if request.method == "GET":
        return _show(request, WaitForm(None, user=actor, asked=request.GET))
    demand(actor, "book")
    form = WaitForm(request.POST, user=actor, asked=request.GET)
    if not form.is_valid():
        return _show(request, form)
    try:
        if "tell" in request.POST:
            _watch(actor, form)
            messages.success(request, _("You will be told when such a time comes free."))
        elif form.target is None:
            form.add_error("what", _("Choose one tool or cell to wait for."))
            return _show(request, form)
        else:
            _wait(actor, form)
            messages.success(request, _("You are on the waiting list."))
    except Refusal as refusal:
        return _show(request, form, refusal)
    return redirect("waiting")


def _wait(actor: User, form: WaitForm) -> None:
    if form.target is not None:
        wait_for(
            actor=actor,
            target=form.target,
            minutes=form.cleaned_data["minutes"],
            earliest=form.earliest,
            latest=form.latest,
            weekdays=form.days or EVERY_DAY,
            from_hour=form.cleaned_data["from_hour"],
            until_hour=form.cleaned_data["until_hour"],
            answers=form.answers(),
        )


def _watch(actor: User, form: WaitForm) -> None:
    watch(
        actor=actor,
        minutes=form.cleaned_data["minutes"],
        earliest=form.earliest,
        latest=form.latest,
        target=form.target,
        area=form.area,
    )


def _show(request: HttpRequest, form: WaitForm, refused: Refusal | None = None) -> HttpResponse:
    book = ""
    if refused is not None:
        for name, sentences in refused.fields.items():
            known = {"latest": "last", "earliest": "first"}.get(name, name)
            form.add_error(known if known in form.fields else None, list(map(str, sentences)))
        if refused.code == "free_already" and form.target is not None:
            minutes, first = form.cleaned_data["minutes"], refused.extra["nearest_slots"][0]
            book = search_path(form.target, minutes, datetime.fromisoformat(first["starts_at"]))
    status = refused.status if refused else 422 if form.is_bound else 200
    context = {
        "form": form, "refused": refused, "book": book, "law": law(),
        "may_book": may(person(request), "book"),
    }  # fmt: skip
    return render(request, "waiting/new.html", context, status=status)
