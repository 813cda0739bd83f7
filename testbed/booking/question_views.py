"""The company's answer to a question of the facility's, given on the booking's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from testbed.booking.desk_forms import AnswerForm
from testbed.booking.question_models import Question
from testbed.booking.question_panel import questions_of
from testbed.booking.questions import answer
from testbed.booking.views import own_bookings, show_booking
from testbed.people.permissions import demand
from testbed.people.visitor import person
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from testbed.booking.models import Booking


@require_POST
@login_required
def answer_question(request: HttpRequest, pk: int) -> HttpResponse:
    """`/questions/<id>/answer/`: the answer, and what is put right in the request with it."""
    question = get_object_or_404(Question.objects.visible_to(request.user), pk=pk)
    demand(request.user, "book")
    booking = get_object_or_404(own_bookings(request), pk=question.booking_id)
    form = AnswerForm(request.POST, booking=booking, user=person(request))
    if not form.is_valid():
        return _again(request, booking, form)
    try:
        answer(
            actor=person(request),
            question=question,
            text=form.cleaned_data["answer"],
            corrections=form.corrections(),
        )
    except Refusal as refused:
        for name, sentences in refused.fields.items():
            form.add_error(name if name in form.fields else None, list(sentences))
        return _again(request, booking, form, refused)
    messages.success(request, _("Sent. The facility reads your answer."))
    return redirect("booking", pk=booking.pk)


def _again(
    request: HttpRequest, booking: Booking, form: AnswerForm, refused: Refusal | None = None
) -> HttpResponse:
    """The booking's page with the form as it was filled in."""
    shown = questions_of(request, booking, form)
    return show_booking(request, booking, refused, status=422, **shown)
