"""The desk asks for more, the company answers; requests that nobody answers lapse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from testbed.booking.approve import approve, refuse
from testbed.booking.lapse import lapse_unanswered
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.question_models import Question
from testbed.booking.questions import Corrections, answer, ask
from testbed.booking.status import status
from testbed.booking.target import Target
from testbed.material.models import Wafer
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from tests.booking.conftest import setting
from tests.conftest import make_tool

Book = Callable[..., Booking]


def refused(work: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as stopped:
        work()
    return stopped.value


def next_step(booking: Booking) -> str:
    shown = Booking.objects.with_names().get(pk=booking.pk)
    return str(status(shown, timezone.now()).next_step)


@pytest.fixture
def asked(booked: Book, alice: User, administrator: User) -> Question:
    return ask(actor=administrator, booking=booked(alice), text="Which resist is on them?")


def test_asked_and_answered(asked: Question, alice: User, administrator: User) -> None:
    booking = asked.booking
    assert booking.state == BookingState.PENDING
    assert "answer it" in next_step(booking) or "답" in next_step(booking)
    done = answer(actor=alice, question=asked, text="An ArF resist, 90 nm.")
    assert (done.answered_by, done.answer) == (alice, "An ArF resist, 90 nm.")
    assert done.answered_at is not None
    assert not Question.objects.open().exists()
    actions = JournalEntry.objects.filter(subject_id=booking.pk).order_by("pk")
    assert [one.action for one in actions][-2:] == ["booking.asked", "booking.answered"]
    again = ask(actor=administrator, booking=booking, text="And who coats them?")
    assert list(booking.questions.all()) == [done, again]


def test_the_company_puts_its_request_right(
    asked: Question, alice: User, company_a: Company, lot_of: Any
) -> None:
    lot = lot_of(company_a, alice)
    fixed = Corrections(purpose="Dose to size", wafer_count=2, lot=lot)
    price = asked.booking.quote
    answer(actor=alice, question=asked, text="See the lot.", corrections=fixed)
    booking = Booking.objects.get(pk=asked.booking_id)
    assert (booking.purpose, booking.wafer_count, booking.lot) == ("Dose to size", 2, lot)
    assert booking.quote == price
    entry = JournalEntry.objects.get(action="booking.answered")
    assert entry.details["changed"] == ["lot", "wafer_count", "purpose"]


def test_a_lot_can_be_taken_off_again(
    asked: Question, alice: User, company_a: Company, lot_of: Any
) -> None:
    Booking.objects.filter(pk=asked.booking_id).update(lot=lot_of(company_a, alice))
    answer(
        actor=alice, question=asked, text="It comes later.",
        corrections=Corrections(without_lot=True),
    )  # fmt: skip
    assert Booking.objects.get(pk=asked.booking_id).lot is None


def test_corrections_keep_the_rules(
    asked: Question, alice: User, charlie: User, company_a: Company, company_b: Company,
    lot_of: Any,
) -> None:  # fmt: skip
    many = Corrections(wafer_count=26)
    told = refused(
        lambda: answer(actor=alice, question=asked, text="More of them", corrections=many)
    )
    assert told.code == "answers_not_valid"
    foreign = Corrections(lot=lot_of(company_b, charlie, code="LOT-B"))
    told = refused(
        lambda: answer(actor=alice, question=asked, text="This one", corrections=foreign)
    )
    assert told.code == "answers_not_valid"
    dirty = lot_of(company_a, alice)
    Wafer.objects.filter(lot=dirty).update(contamination_class=4)
    told = refused(
        lambda: answer(
            actor=alice, question=asked, text="This one", corrections=Corrections(lot=dirty)
        )
    )
    assert told.code == "contamination"
    assert Question.objects.open().get() == asked


def test_one_question_at_a_time(asked: Question, process_engineer: User) -> None:
    told = refused(lambda: ask(actor=process_engineer, booking=asked.booking, text="And the lot?"))
    assert told.code == "already_asked"


def test_one_answer_only(asked: Question, alice: User) -> None:
    answer(actor=alice, question=asked, text="An ArF resist.")
    told = refused(lambda: answer(actor=alice, question=asked, text="No, another."))
    assert told.code == "already_answered"


@pytest.mark.parametrize("text", ["", "  ?  ", "x" * 501])
def test_texts_have_a_length(asked: Question, alice: User, administrator: User, text: str) -> None:
    assert refused(lambda: answer(actor=alice, question=asked, text=text)).status == 422
    told = refused(lambda: ask(actor=administrator, booking=asked.booking, text=text))
    assert (told.code, told.status) == ("text_missing", 422)


def test_who_asks_and_who_answers(
    asked: Question, alice: User, bob: User, charlie: User, administrator: User, technician: User
) -> None:
    for actor in (alice, technician):
        told = refused(lambda who=actor: ask(actor=who, booking=asked.booking, text="Why so?"))
        assert told.code == "not_allowed"
    for actor, code in (
        (bob, "not_allowed"),
        (administrator, "not_allowed"),
        (charlie, "not_found"),
    ):
        told = refused(lambda who=actor: answer(actor=who, question=asked, text="Because."))
        assert told.code == code


def test_a_decision_ends_the_asking(asked: Question, alice: User, administrator: User) -> None:
    refuse(actor=administrator, booking=asked.booking, reason="Not on this tool")
    assert (
        refused(lambda: answer(actor=alice, question=asked, text="But why?")).code == "not_pending"
    )
    told = refused(lambda: ask(actor=administrator, booking=asked.booking, text="One more thing"))
    assert told.code == "not_pending"


def test_the_second_at_the_desk_reads_who_was_first(
    booked: Book, alice: User, administrator: User, process_engineer: User
) -> None:
    booking = booked(alice)
    approve(actor=administrator, booking=booking)
    told = refused(lambda: approve(actor=process_engineer, booking=booking))
    assert told.code == "not_pending"
    assert administrator.name in str(told.message)


def test_the_database_keeps_questions_and_answers(asked: Question, alice: User) -> None:
    rows = Question.objects.filter(pk=asked.pk)
    for change in ({"text": "Another one"}, {"asked_by": alice}):
        with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(IntegrityError, match="question_answer_whole"), transaction.atomic():
        rows.update(answer="Half of it")
    with pytest.raises(IntegrityError, match="question_one_open"), transaction.atomic():
        Question.objects.create(booking=asked.booking, asked_by=asked.asked_by, text="Twice")
    answer(actor=alice, question=asked, text="An ArF resist.")
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        rows.update(answer="Something else")
    with pytest.raises(ProgrammingError, match="Cannot delete"), transaction.atomic():
        rows.delete()


def test_a_suspended_company_is_not_confirmed(
    booked: Book, alice: User, company_a: Company, administrator: User
) -> None:
    booking = booked(alice)
    Company.objects.filter(pk=company_a.pk).update(suspended_at=timezone.now())
    told = refused(lambda: approve(actor=administrator, booking=booking))
    assert told.code == "company_suspended"
    refuse(actor=administrator, booking=booking, reason="Suspended")


def test_what_nobody_answers_lapses(booked: Book, alice: User) -> None:
    late, ahead = booked(alice, 10), booked(alice, 14)
    start = late.starts_at
    assert lapse_unanswered(now=start - timedelta(seconds=1)) == 0
    assert lapse_unanswered(now=start) == 1
    assert lapse_unanswered(now=start) == 0
    late.refresh_from_db()
    ahead.refresh_from_db()
    assert (late.state, ahead.state) == (BookingState.EXPIRED, BookingState.PENDING)
    assert not Allocation.objects.filter(booking=late, live=True).exists()
    assert JournalEntry.objects.get(action="booking.lapsed").company == alice.company
    assert next_step(late) != next_step(ahead)


def test_one_asked_for_in_its_running_minutes_waits_until_its_end(
    alice: User, sem_target: Target
) -> None:
    now = timezone.now()
    booking = Booking.objects.create(
        company=alice.company, booked_by=alice, state=BookingState.PENDING,
        starts_at=now - timedelta(minutes=10), ends_at=now + timedelta(minutes=50),
    )  # fmt: skip
    assert lapse_unanswered(now=now) == 0
    assert lapse_unanswered(now=booking.ends_at) == 1


def test_a_confirmed_one_does_not_lapse(booked: Book, alice: User) -> None:
    setting("needs_approval", required=False)
    booking = booked(alice)
    assert lapse_unanswered(now=booking.ends_at) == 0


def test_a_desk_reads_age_not_answers(booked: Book, alice: User, administrator: User) -> None:
    other = Target(tool=make_tool("film"))
    old, new = booked(alice, 10), booked(alice, 10, other)
    question = ask(actor=administrator, booking=old, text="Which resist is on them?")
    pending = Booking.objects.with_asked().filter(state=BookingState.PENDING)
    desk = pending.order_by("is_asked", "created_at", "pk")
    assert list(desk) == [new, old]
    answer(actor=alice, question=question, text="An ArF resist.")
    assert list(desk.all()) == [old, new]
