"""Booking pages: find, hold, answer, check, submit; the list, one booking, cancel."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from testbed.booking import kept_answers
from testbed.booking.broken_answers import broken_by
from testbed.booking.bundles import is_chained
from testbed.booking.cancel import demand_cancellable
from testbed.booking.capability import find_slots_on_any
from testbed.booking.change import may_change
from testbed.booking.desk_forms import BehalfForm, answerer, booker, overriding, yielding
from testbed.booking.finish import finish, is_running
from testbed.booking.forms import AnswersForm, ClaimForm, SearchForm
from testbed.booking.hand_over import may_hand_over
from testbed.booking.history import change_of
from testbed.booking.hold import extend, extensions_left, hold
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState
from testbed.booking.more_slots import more, shown
from testbed.booking.override import aside, demand_override, told
from testbed.booking.place import demand_answers, submit, target_of
from testbed.booking.question_panel import questions_of
from testbed.booking.request import gather, price
from testbed.booking.rules import NEEDS_APPROVAL, check_all, refusing
from testbed.booking.slots import Found, Slot, find_slots, nearest
from testbed.booking.whose_rules import rules_for
from testbed.people.journal import sentence
from testbed.people.models import JournalEntry
from testbed.people.permissions import may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from testbed.booking.querysets import BookingQuerySet
    from testbed.booking.rules import Broken
    from testbed.booking.target import Target
    from testbed.people.models import User

TABS = ("open", "past", "closed")
GONE = (
    BookingState.CANCELLED,
    BookingState.REFUSED,
    BookingState.EXPIRED,
    BookingState.RELEASED,
    BookingState.NO_SHOW,
)


def own_bookings(request: HttpRequest) -> BookingQuerySet:
    visible: BookingQuerySet = Booking.objects.visible_to(request.user).with_names()
    return visible


@dataclass(frozen=True)
class Verdict:
    """What is said about one exact time: its price, and every rule it breaks."""

    span: Interval
    quote: dict[str, Any]
    broken: list[Broken]
    nearest: list[Slot] = field(default_factory=list)

    @property
    def as_slot(self) -> dict[str, Any]:
        return {"starts_at": self.span.start, "ends_at": self.span.end}

    @property
    def is_free(self) -> bool:
        return not refusing(self.broken)


@require_GET
@login_required
def book(request: HttpRequest) -> HttpResponse:
    """`/book/`: when can I have it?"""
    form = SearchForm(request.GET, user=booker(request))
    return _show_search(request, form)


def _show_search(
    request: HttpRequest,
    form: SearchForm,
    refused: Refusal | None = None,
    near: Iterable[Slot] = (),
) -> HttpResponse:
    actor = booker(request)
    context: dict[str, Any] = {"form": form, "refused": refused, "nearest": list(near)}
    context |= _desk(request, actor, refused)
    is_valid = bool(form.targets) and form.is_valid()
    if is_valid and form.able_targets:
        able = _search_any(actor, form, shown(request))
        context |= {
            "able": able,
            "more": more(request, able.slots),
            "may_book": may(actor, "book"),
        }
    elif is_valid:
        found = _search(actor, form, shown(request))
        verdict = _verdict(actor, form.target, form.exact) if form.exact else None
        context |= {
            "target": form.target,
            "found": found,
            "days": by_day(found.slots),
            "more": more(request, found.slots),
            "verdict": verdict,
            "may_book": may(actor, "book"),
        }
        if verdict and not refused:
            context["yielding"] = yielding(request, [one.as_json() for one in verdict.broken])
            context["asked"] = {"what": form.target.key, **verdict.as_slot}
    status = refused.status if refused else 200
    return render(request, "booking/book.html", context, status=status)


def _desk(request: HttpRequest, actor: User, refused: Refusal | None) -> dict[str, Any]:
    """What the search shows to staff: for whom they book, and which rules they may set aside."""
    behalf = actor if actor != request.user else None
    may_choose = may(request.user, "book_on_behalf")
    return {
        "behalf": behalf,
        "behalf_form": BehalfForm(behalf) if may_choose else None,
        "yielding": yielding(request, refused.extra.get("broken_rules", [])) if refused else [],
        "asked": request.POST,
        "ticked": request.POST.getlist("override"),
        "override_reason": request.POST.get("override_reason", ""),
    }


def _search(actor: User, form: SearchForm, limit: int) -> Found:
    return find_slots(
        actor=actor,
        target=form.target,
        minutes=form.cleaned_data["minutes"],
        start=form.range.start,
        end=form.range.end,
        limit=limit,
    )


def _search_any(actor: User, form: SearchForm, limit: int) -> Found:
    """Slots on any tool with the capability, by start, then price; at one exact start if asked."""
    span = form.exact or form.range
    return find_slots_on_any(
        actor=actor,
        targets=form.able_targets,
        minutes=form.cleaned_data["minutes"],
        start=span.start,
        end=span.end,
        limit=limit,
    )


def by_day(slots: Iterable[Slot]) -> list[tuple[Any, list[Slot]]]:
    by_day = groupby(slots, key=lambda slot: timezone.localtime(slot.starts_at, KST).date())
    return [(day, list(of_day)) for day, of_day in by_day]


def _verdict(actor: User, target: Target, span: Interval) -> Verdict:
    tools = target.tools()
    request = gather(
        actor=actor, tools=tools, starts_at=span.start, ends_at=span.end, now=timezone.now()
    )
    # Whoever only looks is told about the time, not that he may not book.
    about = () if may(actor, "book") else ("tool", "length", "time")
    broken = check_all(request, about=about)
    quote = price(company=actor.company, tools=tools, starts_at=span.start, ends_at=span.end)
    near = nearest(actor=actor, target=target, span=span) if refusing(broken) else []
    return Verdict(span, quote.as_json(), broken, near)


@require_POST
@login_required
def hold_slot(request: HttpRequest) -> HttpResponse:
    """A slot's button: hold it and go to its form, or say why not beside other slots."""
    actor, who = person(request), booker(request)
    claim = ClaimForm(request.POST, user=actor)
    if not claim.is_valid():
        messages.error(request, _("This slot could not be read; choose it again."))
        return redirect("book")
    target: Target = claim.cleaned_data["what"]
    span = Interval(claim.cleaned_data["starts_at"], claim.cleaned_data["ends_at"])
    try:
        booking = hold(
            actor=actor,
            target=target,
            starts_at=span.start,
            ends_at=span.end,
            on_behalf_of=who if who != actor else None,
            override=overriding(request),
        )
    except Refusal as refused:
        near = nearest(actor=who, target=target, span=span)
        if refused.code == "reason_missing":
            # The boxes stay on the page while the reason is written.
            broken = _verdict(who, target, span).broken
            refused.extra["broken_rules"] = [one.as_json() for one in broken]
        return _show_search(request, SearchForm(request.POST, user=who), refused, near)
    if "carried" in request.POST:
        kept_answers.carry(request, booking)
    return redirect("hold", pk=booking.pk)


@require_http_methods(["GET", "POST"])
@login_required
def held(request: HttpRequest, pk: int) -> HttpResponse:
    """`/book/hold/<id>/`: the countdown, the form, then the answers to check."""
    booking = get_object_or_404(own_bookings(request), pk=pk)
    if booking.state not in (BookingState.HELD, BookingState.EXPIRED):
        return redirect("booking", pk=pk)
    if is_chained(booking) and booking.bundle_id:
        return redirect("bundle", pk=booking.bundle_id)
    if booking.state_at(timezone.now()) == BookingState.EXPIRED:
        return _ran_out(request, booking)
    step = request.POST.get("step", "")
    if request.method == "POST" and step in STEPS:
        return STEPS[step](request, booking)
    return _show_form(request, booking, _form(request, booking))


def _form(request: HttpRequest, booking: Booking) -> AnswersForm:
    """Bound to what was sent; else holding what was answered before."""
    user = answerer(request, booking)
    if request.method == "POST":
        kept_answers.keep(request, booking)
        return AnswersForm(request.POST, user=user, booking=booking)
    return AnswersForm(initial=kept_answers.kept(request, booking), user=user, booking=booking)


def _show_form(
    request: HttpRequest,
    booking: Booking,
    form: AnswersForm,
    refused: Refusal | None = None,
    template: str = "booking/hold.html",
    broken: Iterable[Broken] = (),
) -> HttpResponse:
    tools = [claim.tool for claim in booking.allocations.all()]
    told_no = [one.as_json() for one in broken]
    told_no += refused.extra.get("broken_rules", []) if refused else []
    rulebook = rules_for(booking)
    context = {
        "booking": booking,
        "form": form,
        "refused": refused,
        "quote": _quote(booking, form),
        "extensions_left": extensions_left(booking, rulebook, tools),
        "needs_approval": NEEDS_APPROVAL.applies_to(rulebook, tools),
        "may_book": may(request.user, "book") or may(request.user, "book_on_behalf"),
        "behalf": booking.booked_by if person(request).is_staff_member else None,
        "set_aside": told(booking),
        "yielding": yielding(request, told_no),
        "ticked": request.POST.getlist("override"),
        "override_reason": request.POST.get("override_reason", ""),
    }
    return render(request, template, context, status=refused.status if refused else 200)


def _quote(booking: Booking, form: AnswersForm) -> dict[str, Any]:
    """The price with the wafers of the form, as far as it can be read."""
    wafers = 0
    if form.is_bound and form.is_valid():
        wafers = form.cleaned_data["test_wafers"]
    return price(
        company=booking.company,
        tools=[claim.tool for claim in booking.allocations.all()],
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        test_wafers=wafers,
    ).as_json()


def _edit(request: HttpRequest, booking: Booking) -> HttpResponse:
    return _show_form(request, booking, _form(request, booking))


def _check(request: HttpRequest, booking: Booking) -> HttpResponse:
    form = _form(request, booking)
    broken = _complain(request, booking, form)
    template = "booking/check.html" if form.is_valid() else "booking/hold.html"
    return _show_form(request, booking, form, template=template, broken=broken)


def _complain(request: HttpRequest, booking: Booking, form: AnswersForm) -> list[Broken]:
    """Put every complaint to its field; the rules that the answers break, set aside or not."""
    if not form.is_valid():
        return []
    answers = form.answers()
    tools = [claim.tool for claim in booking.allocations.all()]
    try:
        demand_answers(booking, tools, answers)
    except Refusal as refused:
        _put_to_fields(form, refused)
    given = overriding(request)
    yields = aside(booking, given)
    broken = broken_by(
        answers, actor=booking.booked_by, booking=booking, tools=tools, now=timezone.now()
    )
    for one in broken:
        if one.code not in yields or not one.yields:
            form.add_error(one.rule.field, f"{one.message} {one.next_step}")
    try:
        demand_override(person(request), given)
    except Refusal as refused:
        form.add_error(None, str(refused.message))
    return broken


def _put_to_fields(form: AnswersForm, refused: Refusal) -> None:
    for name, sentences in refused.fields.items():
        for one in sentences:
            form.add_error(name if name in form.fields else None, one)


def _submit(request: HttpRequest, booking: Booking) -> HttpResponse:
    form = _form(request, booking)
    if not form.is_valid():
        return _show_form(request, booking, form)
    try:
        placed = submit(
            actor=person(request),
            booking=booking,
            answers=form.answers(),
            override=overriding(request),
        )
    except Refusal as refused:
        if refused.code == "hold_expired":
            return _ran_out(request, booking)
        _put_to_fields(form, refused)
        return _show_form(request, booking, form, refused)
    kept_answers.forget(request)
    messages.success(request, _("Booked. This page shows what happens next."))
    return redirect("repeat_booking" if "repeat" in request.POST else "booking", pk=placed.pk)


def _extend(request: HttpRequest, booking: Booking) -> HttpResponse:
    form = _form(request, booking)
    try:
        extend(actor=person(request), booking=booking)
    except Refusal as refused:
        return _show_form(request, booking, form, refused)
    messages.success(request, _("The hold starts anew."))
    return redirect("hold", pk=booking.pk)


STEPS = {"edit": _edit, "check": _check, "submit": _submit, "extend": _extend}


def _ran_out(request: HttpRequest, booking: Booking) -> HttpResponse:
    """The hold is over: the same slot if it is still free, else the nearest, answers kept."""
    if request.method == "POST":
        kept_answers.keep(request, booking)
    actor, target = answerer(request, booking), target_of(booking)
    span = Interval(booking.starts_at, booking.ends_at)
    context = {
        "booking": booking,
        "target": target,
        "verdict": _verdict(actor, target, span),
        "may_book": may(actor, "book"),
        "behalf": actor if person(request).is_staff_member else None,
    }
    return render(request, "booking/expired.html", context, status=409)


@require_GET
@login_required
def bookings(request: HttpRequest) -> HttpResponse:
    """`/bookings/?whose=mine`: what lies ahead, what is over, what came to nothing."""
    show = request.GET.get("show", TABS[0])
    show = show if show in TABS else TABS[0]
    mine = request.GET.get("whose") == "mine"
    rows = own_bookings(request).mine(person(request)) if mine else own_bookings(request)
    page = Paginator(_listed(rows, show), 50).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "show": show,
        "mine": mine,
        "whose": "&whose=mine" if mine else "",
        "base": f"show={show}&" + ("whose=mine&" if mine else ""),
        "may_book": may(request.user, "book"),
    }
    return render(request, "booking/bookings.html", context)


def _listed(rows: QuerySet[Booking], show: str) -> QuerySet[Booking]:
    now = timezone.now()
    if show == "past":
        return rows.filter(state=BookingState.CONFIRMED, ends_at__lte=now)
    if show == "closed":
        stale = rows.filter(state=BookingState.HELD, hold_expires_at__lte=now)
        return rows.filter(state__in=GONE) | stale
    ahead = rows.exclude(state__in=GONE).exclude(state=BookingState.HELD, hold_expires_at__lte=now)
    return ahead.filter(ends_at__gt=now).order_by("starts_at", "pk")


@require_GET
@login_required
def booking(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bookings/<id>/`: where it stands, what is needed next, price, history."""
    found = get_object_or_404(own_bookings(request), pk=pk)
    return show_booking(request, found)


def show_booking(
    request: HttpRequest,
    found: Booking,
    refused: Refusal | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """The booking's page; `more` replaces parts of its context."""
    context = {
        **questions_of(request, found),
        "set_aside": told(found),
        "booking": found,
        "history": _history(request, found),
        "refused": refused,
        "may_cancel": _may_cancel(request, found),
        "may_change": may_change(person(request), found, timezone.now()),
        "may_hand_over": may_hand_over(person(request), found, timezone.now()),
        "may_decide": may(request.user, "approve_booking") and found.state == BookingState.PENDING,
        "may_book": may(request.user, "book"),
        "may_finish": may(request.user, "operate") and is_running(found, timezone.now()),
        **more,
    }
    status = refused.status if refused else status
    return render(request, "booking/booking.html", context, status=status)


def _history(request: HttpRequest, found: Booking) -> list[dict[str, Any]]:
    entries = JournalEntry.objects.visible_to(request.user).filter(
        subject_kind=Booking._meta.label_lower, subject_id=found.pk
    )
    return [
        {
            "at": entry.at,
            "actor": entry.actor,
            "sentence": sentence(entry),
            "details": change_of(entry),
        }
        for entry in entries.select_related("actor").order_by("pk")
    ]


def _may_cancel(request: HttpRequest, found: Booking) -> bool:
    if not (may(request.user, "book") or may(request.user, "approve_booking")):
        return False
    try:
        demand_cancellable(found, timezone.now())
    except Refusal:
        return False
    return True


@require_POST
@login_required
def finish_booking(request: HttpRequest, pk: int) -> HttpResponse:
    """The technician ends a running booking early."""
    found = get_object_or_404(own_bookings(request), pk=pk)
    try:
        finish(actor=person(request), booking=found)
    except Refusal as refused:
        return show_booking(request, found, refused)
    said = _("%(booking)s has ended; the rest of its time is free again.") % {"booking": found}
    messages.success(request, said)
    return redirect("booking", pk=pk)
