"""A booking's questions and answers, and the form of the open one, for its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testbed.booking.desk_forms import AnswerForm
from testbed.booking.question_models import Question
from testbed.booking.questions import may_answer
from testbed.people.visitor import person

if TYPE_CHECKING:
    from django.http import HttpRequest

    from testbed.booking.models import Booking


def questions_of(
    request: HttpRequest, booking: Booking, form: AnswerForm | None = None
) -> dict[str, Any]:
    """What a booking's page shows of its questions: all of them, the open one, its form."""
    found = Question.objects.visible_to(request.user).filter(booking=booking)
    questions = list(found.select_related("asked_by", "answered_by"))
    waiting = next((one for one in questions if one.answered_at is None), None)
    answers = waiting is not None and may_answer(person(request), booking)
    if answers and form is None:
        form = AnswerForm(None, booking=booking, user=person(request))
    return {
        "questions": questions,
        "open_question": waiting,
        "answer_form": form if answers else None,
    }
