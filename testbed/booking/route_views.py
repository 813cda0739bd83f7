"""Pages of a whole route: find combinations, hold one, answer once, see the chain, give it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from rest_framework.exceptions import ValidationError

from testbed.booking import route_place
from testbed.booking.bundles import held_until, steps_in
from testbed.booking.chain_chart import picture
from testbed.booking.chain_watch import broken_limits
from testbed.booking.desk_forms import BehalfForm, answerer, booker, overriding, setting_aside
from testbed.booking.forms import AnswersForm
from testbed.booking.hold import extensions_left
from testbed.booking.models import Booking, Bundle
from testbed.booking.penalties import Charge
from testbed.booking.route_forms import RouteSearchForm
from testbed.booking.route_shapes import ChosenStepsSerializer
from testbed.booking.route_slots import Combination, find_route_slots
from testbed.booking.whose_rules import rules_for
from testbed.people.permissions import may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse, QueryDict

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
    return redirect("bundle", pk=bundle.pk)


@require_http_methods(["GET", "POST"])
@login_required
def bundle(request: HttpRequest, pk: int) -> HttpResponse:
    """`/bundles/<id>/`: while it is held the countdown and the form, later the chain."""
    found = bundle_of(request, pk)
    if request.method == "POST":
        step = STEPS.get(request.POST.get("step", ""), _submit)
        return step(request, found)
    return _show(request, found)


def _form(request: HttpRequest, steps: Sequence[Booking], data: QueryDict | None) -> AnswersForm:
    """The same form as a single booking's; its lots and colleagues are the booker's."""
    user = answerer(request, steps[0])
    return AnswersForm(data, user=user, booking=steps[0], steps=steps)


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
        "form": form if until else None,
        "refused": refused,
        "total_won": _total(steps),
        "may_book": may(request.user, "book") or may(request.user, "book_on_behalf"),
    }
    return render(
        request, "booking/bundle.html", context, status=refused.status if refused else 200
    )


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
