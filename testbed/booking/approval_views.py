"""The approval desk: what waits for the facility's answer, and what it asks the company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from testbed.booking import approve as decisions
from testbed.booking.desk import head, waiting
from testbed.booking.desk_forms import QuestionForm
from testbed.booking.forms import RefusalForm
from testbed.booking.models import Booking
from testbed.booking.questions import ask
from testbed.booking.status import is_asked
from testbed.people.permissions import demand, may
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from datetime import timedelta

    from django import forms
    from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True)
class Row:
    """A request on the desk with its age and its two forms; `opened` names the one in use."""

    booking: Booking
    age: timedelta
    refusal: forms.Form
    question: forms.Form
    opened: str = ""

    @property
    def is_asked(self) -> bool:
        return is_asked(self.booking)


@dataclass(frozen=True)
class InUse:
    """The form that was sent and could not be done: its request, its name, itself."""

    pk: int
    name: str
    form: forms.Form


@require_GET
@login_required
def approvals(request: HttpRequest) -> HttpResponse:
    """`/approvals/`: what waits for the facility's answer, oldest first."""
    demand(request.user, "approve_booking")
    return _show_desk(request)


def _show_desk(
    request: HttpRequest, refused: Refusal | None = None, used: InUse | None = None
) -> HttpResponse:
    now = timezone.now()
    bookings = list(waiting(request.user))
    rows = [_row(one, now - one.created_at, used) for one in bookings]
    context = {
        "waiting": [row for row in rows if not row.is_asked],
        "asked": [row for row in rows if row.is_asked],
        "head": head(bookings, now),
        "refused": refused,
        "may_book_on_behalf": may(request.user, "book_on_behalf"),
        "may_manage_companies": may(request.user, "manage_companies"),
    }
    status = refused.status if refused else 200
    return render(request, "booking/approvals.html", context, status=status)


def _row(booking: Booking, age: timedelta, used: InUse | None) -> Row:
    refusal: forms.Form = RefusalForm(auto_id=f"id_%s_{booking.pk}")
    question: forms.Form = QuestionForm(auto_id=f"id_%s_{booking.pk}")
    if used is None or used.pk != booking.pk:
        return Row(booking, age, refusal, question)
    if used.name == "refuse":
        return Row(booking, age, used.form, question, used.name)
    return Row(booking, age, refusal, used.form, used.name)


@require_POST
@login_required
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    found = _pending(request, pk)
    try:
        decisions.approve(actor=person(request), booking=found)
    except Refusal as refused:
        return _show_desk(request, refused)
    messages.success(request, _("%(booking)s is confirmed.") % {"booking": found})
    return redirect("approvals")


@require_POST
@login_required
def refuse(request: HttpRequest, pk: int) -> HttpResponse:
    found = _pending(request, pk)
    form = RefusalForm(request.POST, auto_id=f"id_%s_{pk}")
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        decisions.refuse(actor=person(request), booking=found, reason=reason)
    except Refusal as refused:
        return _show_desk(request, refused, InUse(pk, "refuse", form))
    said = _("%(booking)s is refused; the company sees why.") % {"booking": found}
    messages.success(request, said)
    return redirect("approvals")


@require_POST
@login_required
def ask_company(request: HttpRequest, pk: int) -> HttpResponse:
    found = _pending(request, pk)
    form = QuestionForm(request.POST, auto_id=f"id_%s_{pk}")
    text = form.cleaned_data["question"] if form.is_valid() else ""
    try:
        ask(actor=person(request), booking=found, text=text)
    except Refusal as refused:
        return _show_desk(request, refused, InUse(pk, "ask", form))
    said = _("%(booking)s waits for the company's answer now.") % {"booking": found}
    messages.success(request, said)
    return redirect("approvals")


def _pending(request: HttpRequest, pk: int) -> Booking:
    found: Booking = get_object_or_404(Booking.objects.visible_to(request.user), pk=pk)
    demand(request.user, "approve_booking")
    return found
