"""Pages of a whole route: find combinations, hold one, answer once, see the chain, give it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from rest_framework.exceptions import ValidationError

from testbed.booking import kept_answers, route_place
from testbed.booking.bundles import held_until, steps_in
from testbed.booking.chain_chart import picture
from testbed.booking.chain_watch import broken_limits
from testbed.booking.desk_forms import BehalfForm, answerer, booker, overriding, setting_aside
from testbed.booking.forms import AnswersForm
from testbed.booking.hold import extensions_left
from testbed.booking.models import Booking, BookingState, Bundle
from testbed.booking.penalties import Charge
from testbed.booking.place import target_of
from testbed.booking.route_forms import RouteSearchForm, by_hand
from testbed.booking.route_shapes import ChosenStepsSerializer
from testbed.booking.route_slots import Combination, find_route_slots
from testbed.booking.whose_rules import rules_for
from testbed.people.permissions import may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from testbed.people.models import User

SHOWN = 5
LONGEST_WISH = 4_000


def bundle_of(request: HttpRequest, pk: int) -> Bundle:
    found: Bundle = get_object_or_404(Bundle.objects.visible_to(request.user), pk=pk)
    return found


@require_GET
@login_required
def book_route(request: HttpRequest) -> HttpResponse:
    """`/book/route/`: when can I have the whole route?"""
    form = RouteSearchForm(request.GET, user=booker(request))
    return _show_search(request, form)


def _show_search(
    request: HttpRequest, form: RouteSearchForm, refused: Refusal | None = None
) -> HttpResponse:
    actor = booker(request)
    context: dict[str, Any] = {
        "form": form,
        "may_book": may(actor, "book"),
        "wish": request.POST.get("steps", "")[:LONGEST_WISH],
        **for_whom(request, actor),
        **setting_aside(request, refused),
    }
    if form.is_asked and form.is_valid():
        try:
            steps, exact = form.steps(), form.exact()
            context["exact"] = {"steps": exact, "wish": wish_for(exact)} if exact else None
            found = find_route_slots(
                actor=actor, steps=steps, start=form.range.start, end=form.range.end,
                limit=SHOWN,
            )  # fmt: skip
            context |= {"found": found, "steps": steps, "offers": offers(found.combinations)}
        except Refusal as no:
            refused = refused or no
    context["refused"] = refused
    status = refused.status if refused else 200
    return render(request, "booking/route.html", context, status=status)


def for_whom(request: HttpRequest, actor: User) -> dict[str, Any]:
    """What `behalf_choice.html` needs: whom staff book for, and the choice of somebody else."""
    behalf = actor if actor != request.user else None
    may_choose = may(request.user, "book_on_behalf")
    return {"behalf": behalf, "behalf_form": BehalfForm(behalf) if may_choose else None}


def offers(combinations: Sequence[Combination]) -> list[dict[str, Any]]:
    """Each combination with what its button sends."""
    return [{"combination": one, "wish": wish_of(one)} for one in combinations]


def wish_of(combination: Combination) -> str:
    """A combination as a form field carries it; read back by `wished`."""
    names = ("target", "starts_at", "ends_at", "within_minutes")
    steps = route_place.combination_json(combination)["steps"]
    return json.dumps([{name: step[name] for name in names} for step in steps])


def wish_for(steps: Sequence[route_place.Chosen]) -> str:
    """Steps at exact times as a form field carries them; read back by `wished`."""
    return json.dumps(
        [
            {
                "target": step.target.key,
                "starts_at": step.starts_at.isoformat(),
                "ends_at": step.ends_at.isoformat(),
                "within_minutes": step.within_minutes,
            }
            for step in steps
        ]
    )


def wished(request: HttpRequest) -> list[route_place.Chosen] | None:
    """The steps that a button sent, or None when they cannot be read."""
    try:
        steps = json.loads(request.POST.get("steps", "")[:LONGEST_WISH])
        form = ChosenStepsSerializer(data={"steps": steps}, context={"request": request})
        form.is_valid(raise_exception=True)
    except (ValueError, RecursionError, ValidationError):
        return None
    chosen: list[route_place.Chosen] = form.validated_data["steps"]
    return chosen


@require_POST
@login_required
def hold_route(request: HttpRequest) -> HttpResponse:
    """A combination's button: hold all its steps, or say why not beside others."""
    actor, who = person(request), booker(request)
    steps = wished(request)
    if steps is None:
        messages.error(request, _("This combination could not be read; choose it again."))
        return redirect("book_route")
    try:
        bundle = route_place.hold_route(
            actor=actor, steps=steps, on_behalf_of=None if who == actor else who,
            override=overriding(request),
        )  # fmt: skip
    except Refusal as refused:
        form = RouteSearchForm(request.POST, user=who)
        return _show_search(request, form, refused)
    if "carried" in request.POST:
        kept_answers.carry(request, bundle)
    said = urlencode(_looked_for(request.POST))
    return redirect(f"{reverse('bundle', args=[bundle.pk])}{'?' if said else ''}{said}")


def _looked_for(said: QueryDict) -> dict[str, str]:
    """The route and the number of wafers that the search was for: the form begins with them."""
    asked = {name: said.get(name, "") for name in ("route", "wafers")}
    return {name: text for name, text in asked.items() if text.isdecimal() and len(text) < 10}


@require_http_methods(["GET", "POST"])
@login_required
def bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bundles/<id>/`: while it is held the countdown and the form, later the chain."""
    found = bundle_of(request, pk)
    if request.method == "POST":
        kept_answers.keep(request, found)
        step = STEPS.get(request.POST.get("step", ""), _submit)
        return step(request, found)
    return _show(request, found)


def _form(request: HttpRequest, steps: Sequence[Booking], data: QueryDict | None) -> AnswersForm:
    """The same form as a single booking's; its lots and colleagues are the booker's."""
    user, begun = answerer(request, steps[0]), _looked_for(request.GET)
    initial = {"route": begun.get("route"), "wafer_count": begun.get("wafers", 0)}
    bundle = steps[0].bundle
    if bundle is not None:
        initial |= kept_answers.kept(request, bundle)
    return AnswersForm(data, initial=initial, user=user, booking=steps[0], steps=steps)


def _show(
    request: HttpRequest,
    found: Bundle,
    form: AnswersForm | None = None,
    refused: Refusal | None = None,
) -> HttpResponse:
    steps, now = steps_in(found), timezone.now()
    until = held_until(steps, now)
    if until and form is None:
        form = _form(request, steps, None)
    context = {
        "behalf": found.booked_by if until and person(request).is_staff_member else None,
        "extensions_left": min((_extensions_left(step) for step in steps), default=0),
        **setting_aside(request, refused),
        "bundle": found,
        "steps": steps,
        "live": [step for step in steps if step.is_live and not step.is_stale(now)],
        "broken_limits": broken_limits(steps),
        "picture": picture([step for step in steps if step.is_live]),
        "gone": [step for step in steps if not step.is_live],
        "until": until,
        "ran_out": _ran_out(request, found, steps, now),
        "form": form if until else None,
        "refused": refused,
        "total_won": _total(steps),
        "may_book": may(request.user, "book") or may(request.user, "book_on_behalf"),
    }
    return render(
        request, "booking/bundle.html", context, status=refused.status if refused else 200
    )


def _ran_out(
    request: HttpRequest, found: Bundle, steps: Sequence[Booking], now: datetime
) -> dict[str, Any] | None:
    """How to hold the same times again, and what to search for, once the chain's hold is over.

    None while it is held, or when it became something else.
    """
    if not steps or any(one.state_at(now) != BookingState.EXPIRED for one in steps):
        return None
    same = [
        route_place.Chosen(target_of(one), one.starts_at, one.ends_at, one.within_minutes)
        for one in steps
    ]
    typed = kept_answers.kept(request, found)
    looked = {"route": typed.get("route", ""), "wafers": typed.get("wafer_count", "")}
    again = _looked_for(QueryDict(urlencode(looked)))
    again = again if "route" in again else by_hand(same)
    if person(request).is_staff_member:
        again["for"] = str(found.booked_by.pk)
    return {"wish": wish_for(same), "again": again, "query": urlencode(again)}


def _extensions_left(step: Booking) -> int:
    tools = [claim.tool for claim in step.allocations.all()]
    return extensions_left(step, rules_for(step), tools)


def _total(steps: Sequence[Booking]) -> int:
    return sum(int((step.quote or {}).get("total_won", 0)) for step in steps)


def _submit(request: HttpRequest, found: Bundle) -> HttpResponse:
    steps = steps_in(found)
    if not steps:
        return _show(request, found)
    form = _form(request, steps, request.POST)
    if not form.is_valid():
        return _show(request, found, form)
    try:
        route_place.submit_route(
            actor=person(request), bundle=found, answers=form.answers(),
            override=overriding(request),
        )  # fmt: skip
    except Refusal as refused:
        for name, sentences in refused.fields.items():
            for one in sentences:
                form.add_error(name if name in form.fields else None, one)
        return _show(request, found, form, refused)
    kept_answers.forget(request)
    messages.success(request, _("Every step is booked. This page shows what happens next."))
    return redirect("bundle", pk=found.pk)


def _extend(request: HttpRequest, found: Bundle) -> HttpResponse:
    try:
        route_place.extend_route(actor=person(request), bundle=found)
    except Refusal as refused:
        return _show(request, found, refused=refused)
    messages.success(request, _("The hold starts anew."))
    return redirect("bundle", pk=found.pk)


STEPS = {"submit": _submit, "extend": _extend}


@require_http_methods(["GET", "POST"])
@login_required
def cancel_bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """Two steps: GET tells what follows and what it costs, POST does it."""
    found = bundle_of(request, pk)
    actor = person(request)
    if request.method == "GET":
        return render(request, "booking/bundle_cancel.html", _cancel_context(actor, found))
    try:
        agreed = Charge(
            total_won=int(request.POST.get("total_won", "0")[:12]),
            debt_minutes=int(request.POST.get("debt_minutes", "0")[:9]),
        )
        route_place.cancel_route(
            actor=actor, bundle=found, agreed=agreed, expected=request.POST.get("expected", "")
        )
    except ValueError:
        return redirect("cancel_bundle", pk=pk)
    except Refusal as refused:
        context = _cancel_context(actor, found) | {"refused": refused}
        return render(request, "booking/bundle_cancel.html", context, status=refused.status)
    messages.success(request, _("Cancelled. The time is free for others."))
    return redirect("bundle", pk=pk)


def _cancel_context(actor: User, found: Bundle) -> dict[str, Any]:
    try:
        cost = route_place.cost_of_cancelling(actor=actor, bundle=found)
    except Refusal:
        cost = None
    steps = steps_in(found)
    return {
        "bundle": found,
        "steps": steps,
        "cost": cost,
        "version": route_place.version_of_chain(steps),
    }
