"""What people press on a lot's way: hold wafers, propose or decide, confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.process.models import Operation
from testbed.runs import holds
from testbed.runs.hold_models import HoldKind, LotHold
from testbed.runs.holds import Decision
from testbed.runs.way_views import found_lot, number, routes_of, slots_of, told

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_POST
@login_required
def hold_wafers(request: HttpRequest, code: str) -> HttpResponse:
    lot = found_lot(request, code)
    return told(
        request, lot, _("The wafers are on hold."),
        lambda: holds.place(
            actor=person(request), lot=lot, slots=slots_of(request),
            reason=request.POST.get("reason", ""),
        ),
    )  # fmt: skip


@require_POST
@login_required
def decide_lot_hold(request: HttpRequest, pk: int) -> HttpResponse:
    hold = _found(request, pk)
    demand(request.user, "decide_holds")
    choice, again = request.POST.get("choice", ""), None
    if choice == "rework":
        rows = Operation.objects.filter(route__in=routes_of(hold.lot))
        again = get_object_or_404(rows, pk=number(request, "operation"))
    decision = Decision(choice, request.POST.get("note", ""), again)
    said = _("Proposed: another person confirms.")
    if hold.kind == HoldKind.QUEUE_TIME:
        said = _("The hold is closed.")
    return told(
        request, hold.lot, said,
        lambda: holds.decide(actor=person(request), hold=hold, decision=decision),
    )  # fmt: skip


@require_POST
@login_required
def confirm_lot_hold(request: HttpRequest, pk: int) -> HttpResponse:
    hold = _found(request, pk)
    return told(
        request, hold.lot, _("The hold is closed."),
        lambda: holds.confirm(actor=person(request), hold=hold),
    )  # fmt: skip


def _found(request: HttpRequest, pk: int) -> LotHold:
    rows = LotHold.objects.visible_to(request.user).select_related("lot__company")
    hold: LotHold = get_object_or_404(rows, pk=pk)
    return hold
