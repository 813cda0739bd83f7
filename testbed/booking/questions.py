"""Asking a company for more before its request is decided, and its answer.

The booking stays pending meanwhile. It leaves the top of the desk until it is answered, and then
returns to the place that its age gives it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify
from testbed.booking.broken_answers import broken_by
from testbed.booking.change import answers_of
from testbed.booking.explain import refusal
from testbed.booking.models import Booking, BookingState
from testbed.booking.place import demand_answers
from testbed.booking.question_models import LONGEST, Question
from testbed.people import journal
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_stubs_ext import StrOrPromise

    from testbed.booking.place import Answers
    from testbed.material.models import Lot
    from testbed.people.models import User
    from testbed.tools.models import Tool

SHORTEST = 5


@dataclass(frozen=True)
class Corrections:
    """What the company may put right in a request while it answers; None leaves it as it is.

    A price does not depend on any of them.
    """

    purpose: str | None = None
    wafer_count: int | None = None
    lot: Lot | None = None
    without_lot: bool = False

    def applied_to(self, answers: Answers) -> Answers:
        """The form's answers with the corrections in them."""
        lot = None if self.without_lot else self.lot or answers.lot
        purpose = answers.purpose if self.purpose is None else self.purpose
        count = answers.wafer_count if self.wafer_count is None else self.wafer_count
        return replace(answers, lot=lot, purpose=purpose, wafer_count=count)


def ask(*, actor: User, booking: Booking, text: str) -> Question:
    """Ask the company about its pending request (5 to 500 characters).

    Raises Refusal: "not_pending" (409) when it is decided, "already_asked" (409) while another
    question waits, "text_missing" (422).
    """
    demand(actor, "approve_booking")
    text = _read(text, "question", _("A question has 5 to 500 characters; the company reads it."))
    return in_transaction(lambda: _ask(actor, booking, text))


def _ask(actor: User, booking: Booking, text: str) -> Question:
    pending, _tools = line.lock_booking(actor, booking)
    demand_pending(pending)
    if pending.questions.open().exists():
        raise Refusal(
            "already_asked",
            _("A question to the company already waits for its answer."),
            next_step=_("Wait for the answer, or decide without it."),
        )
    question = Question.objects.create(booking=pending, asked_by=actor, text=text)
    journal.record(
        actor=actor, action="booking.asked", subject=pending, company=pending.company,
        question=question.pk,
    )  # fmt: skip
    notify.asked(pending, text)
    return question


def answer(
    *, actor: User, question: Question, text: str, corrections: Corrections | None = None
) -> Question:
    """Answer for the company, once, and put the request right with it.

    Raises Refusal: "not_pending" (409) when the request is decided, "already_answered" (409),
    "text_missing" (422), "answers_not_valid" (422), or broken rules about the answers.
    """
    demand(actor, "book")
    text = _read(text, "answer", _("An answer has 5 to 500 characters; the facility reads it."))
    return in_transaction(lambda: _answer(actor, question, text, corrections or Corrections()))


def _answer(actor: User, question: Question, text: str, corrections: Corrections) -> Question:
    pending, tools = line.lock_booking(actor, question.booking)
    demand_pending(pending)
    # The booking's lock orders two colleagues; the second reads what the first has written.
    asked = Question.objects.visible_to(actor).get(pk=question.pk)
    if asked.answered_at is not None:
        raise Refusal(
            "already_answered",
            _("This question has already been answered."),
            next_step=_("See the booking's page for the answer."),
        )
    changed = _put_right(actor, pending, tools, corrections)
    asked.answer, asked.answered_by, asked.answered_at = text, actor, timezone.now()
    asked.save(update_fields=["answer", "answered_by", "answered_at"])
    journal.record(
        actor=actor, action="booking.answered", subject=pending, company=pending.company,
        question=asked.pk, changed=changed,
    )  # fmt: skip
    notify.answered(pending)
    return asked


def _put_right(
    actor: User, booking: Booking, tools: Sequence[Tool], corrections: Corrections
) -> list[str]:
    """Write the corrections; the names of the fields that changed."""
    before = answers_of(booking)
    after = corrections.applied_to(before)
    changed = [
        one.name for one in fields(after) if getattr(before, one.name) != getattr(after, one.name)
    ]
    if not changed:
        return []
    demand_answers(booking, tools, after)
    _demand_rules(actor, booking, tools, after)
    booking.lot, booking.wafer_count, booking.purpose = after.lot, after.wafer_count, after.purpose
    booking.save(update_fields=["lot", "wafer_count", "purpose"])
    return changed


def _demand_rules(actor: User, booking: Booking, tools: Sequence[Tool], answers: Answers) -> None:
    """Only rules about the answers: time and tool stay as they were asked for."""
    broken = broken_by(answers, actor=actor, booking=booking, tools=tools, now=timezone.now())
    broken = [one for one in broken if one.code not in booking.overridden]
    if broken:
        raise refusal(broken, [])


def _read(text: str, field: str, sentence: StrOrPromise) -> str:
    text = text.strip()
    if not SHORTEST <= len(text) <= LONGEST:
        raise Refusal("text_missing", sentence, status=422, fields={field: [sentence]})
    return text


def demand_pending(booking: Booking) -> None:
    """Raise Refusal("not_pending", 409) unless the booking waits for the facility's answer."""
    if booking.state == BookingState.PENDING:
        return
    by = booking.decided_by
    if by is not None and booking.state in (BookingState.CONFIRMED, BookingState.REFUSED):
        sentence = _("%(name)s has already answered this request: %(state)s.")
        raise Refusal(
            "not_pending",
            sentence % {"name": by, "state": BookingState(booking.state).label},
            next_step=_("See its page for where it stands now."),
        )
    raise Refusal(
        "not_pending",
        _("This booking is not waiting for an answer any more."),
        next_step=_("See its page for where it stands now."),
    )


def may_answer(actor: User, booking: Booking) -> bool:
    """True for the company's engineer while the request waits."""
    return booking.state == BookingState.PENDING and may(actor, "book")
