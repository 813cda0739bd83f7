"""The pages of closures: the list, announcing with a fate for every booking, the supplies."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from testbed.outages import utilities as supplies
from testbed.outages.announce import announce, change
from testbed.outages.forms import OutageForm, UtilityForm, fates_of, initial_for, initial_of
from testbed.outages.models import Outage, OutageOccurrence, Rebooking, SupplyFailure, Utility
from testbed.outages.plan import look
from testbed.outages.terms import terms_of
from testbed.outages.withdraw import end_early, withdraw
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

SHOWN = 60
AHEAD = timedelta(days=366)


@require_safe
@login_required
def outages(request: HttpRequest) -> HttpResponse:
    """`/outages/`: every time that is closed from now on, which tools, and why."""
    now = timezone.now()
    rows = OutageOccurrence.objects.visible_to(request.user).live().between(now, now + AHEAD)
    context = {
        "rows": rows.with_names()[:SHOWN],
        "now": now,
        "waiting": Rebooking.objects.visible_to(request.user).waiting().with_names(),
        "may_announce": may(request.user, "maintain_tools"),
    }
    return render(request, "outages/outages.html", context)


def _outages(request: HttpRequest) -> QuerySet[Outage]:
    return Outage.objects.visible_to(request.user).with_names()


@require_safe
@login_required
def outage(request: HttpRequest, pk: int) -> HttpResponse:
    """One closure: its times, and for the staff what became of each booking in its way."""
    found = get_object_or_404(_outages(request), pk=pk)
    now = timezone.now()
    times = [one for one in found.occurrences.all() if one.live]
    closes = may(request.user, "close_tools" if found.kind == "closure" else "maintain_tools")
    is_open = closes and found.withdrawn_at is None
    context = {
        "outage": found,
        "times": times,
        "now": now,
        "rebookings": Rebooking.objects.visible_to(request.user).filter(outage=found).with_names(),
        "may_withdraw": is_open and any(one.ends_at > now for one in times),
        "may_end": is_open and any(one.starts_at < now < one.ends_at for one in times),
    }
    return render(request, "outages/outage.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def new_outage(request: HttpRequest) -> HttpResponse:
    """`/outages/new/`: GET asks, POST shows who is in the way, and with `confirm` closes."""
    demand(request.user, "maintain_tools")
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@login_required
def edit_outage(request: HttpRequest, pk: int) -> HttpResponse:
    """The same for a closure that is announced."""
    demand(request.user, "maintain_tools")
    return _form(request, get_object_or_404(_outages(request), pk=pk))


def _form(request: HttpRequest, found: Outage | None) -> HttpResponse:
    user = person(request)
    if request.method == "GET":
        given = initial_of(terms_of(found)) if found else initial_for(request.GET, user)
        return _show_form(request, OutageForm(initial=given, user=user), found)
    form = OutageForm(request.POST, user=user)
    if not form.is_valid():
        return _show_form(request, form, found)
    try:
        if "confirm" in request.POST:
            return _close(request, form, found)
        return _show_plan(request, form, found)
    except Refusal as refused:
        if refused.extra.get("plan"):
            return _show_plan(request, form, found, refused)
        return _show_form(request, form, found, refused)


def _close(request: HttpRequest, form: OutageForm, found: Outage | None) -> HttpResponse:
    actor, terms, fates = person(request), form.terms(), fates_of(request.POST)
    if found is None:
        closed = announce(actor=actor, terms=terms, fates=fates)
    else:
        closed = change(actor=actor, outage=found, terms=terms, fates=fates)
    messages.success(request, _("It stands. Everybody whose booking it moves has been told."))
    return redirect("outage", pk=closed.pk)


def _show_form(
    request: HttpRequest, form: OutageForm, found: Outage | None, refused: Refusal | None = None
) -> HttpResponse:
    for name, sentences in (refused.fields if refused else {}).items():
        form.add_error(name if name in form.fields else None, list(sentences))
    status = refused.status if refused else 422 if form.errors else 200
    context = {"form": form, "outage": found, "refused": refused}
    return render(request, "outages/form.html", context, status=status)


def _show_plan(
    request: HttpRequest, form: OutageForm, found: Outage | None, refused: Refusal | None = None
) -> HttpResponse:
    """Who is in the way as it is now; after a refusal, why nothing was closed."""
    terms = form.terms()
    plan = look(actor=person(request), terms=terms)
    context = {
        "form": form,
        "outage": found,
        "terms": terms,
        "plan": plan,
        "refused": refused,
        "more_times": max(0, len(plan.times) - 12),
    }
    status = refused.status if refused else 200
    return render(request, "outages/plan.html", context, status=status)


@require_POST
@login_required
def withdraw_outage(request: HttpRequest, pk: int) -> HttpResponse:
    return _done(request, pk, withdraw, _("Withdrawn; the time is free again."))


@require_POST
@login_required
def end_outage(request: HttpRequest, pk: int) -> HttpResponse:
    return _done(request, pk, end_early, _("Ended; the rest of the time is free again."))


def _done(request: HttpRequest, pk: int, verb: Any, said: str) -> HttpResponse:
    demand(request.user, "maintain_tools")
    found = get_object_or_404(_outages(request), pk=pk)
    try:
        verb(actor=person(request), outage=found)
    except Refusal as refused:
        messages.error(request, f"{refused.message} {refused.next_step}")
    else:
        messages.success(request, said)
    return redirect("outage", pk=pk)


@require_http_methods(["GET", "POST"])
@login_required
def utilities(request: HttpRequest) -> HttpResponse:
    """`/utilities/`: what the building supplies and which tools need it; POST adds one."""
    user = person(request)
    form = UtilityForm(request.POST if request.method == "POST" else None, user=user)
    refused: Refusal | None = None
    if request.method == "POST":
        demand(user, "close_tools")
        if form.is_valid():
            try:
                supplies.add(actor=user, **form.cleaned_data)
            except Refusal as said:
                refused = said
            else:
                messages.success(request, _("The supply is in the list."))
                return redirect("utilities")
    now = timezone.now()
    out = OutageOccurrence.objects.live().filter(starts_at__lte=now, ends_at__gt=now)
    down = SupplyFailure.objects.open()
    context = {
        "utilities": Utility.objects.visible_to(user).prefetch_related("tools"),
        "out": set(out.values_list("outage__utility_id", flat=True)),
        "down": set(down.values_list("utility_id", flat=True)),
        "may_report": may(user, "maintain_tools"),
        "form": form,
        "refused": refused,
        "may_edit": may(user, "close_tools"),
    }
    status = refused.status if refused else 422 if form.errors else 200
    return render(request, "outages/utilities.html", context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def utility(request: HttpRequest, code: str) -> HttpResponse:
    """`/utilities/<code>/`: other names, other tools."""
    demand(request.user, "close_tools")
    user = person(request)
    found = get_object_or_404(Utility.objects.visible_to(user), code=code)
    data = request.POST if request.method == "POST" else None
    form = UtilityForm(data, user=user, utility=found)
    if form.is_valid():
        supplies.edit(actor=user, utility=found, **form.cleaned_data)
        messages.success(request, _("Kept. Closures that are announced keep their tools."))
        return redirect("utilities")
    context = {"utility": found, "form": form}
    return render(request, "outages/utility.html", context, status=422 if form.errors else 200)
