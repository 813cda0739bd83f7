"""Several people at the desk, and a company that answers, in the same moment."""

from __future__ import annotations

import pytest

from testbed.booking.approve import approve, refuse
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import Answers, place
from testbed.booking.question_models import Question
from testbed.booking.questions import answer, ask
from testbed.booking.target import Target
from testbed.people.models import Company, JournalEntry, User
from testbed.people.suspend import suspend
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import tomorrow
from tests.races.conftest import Race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pending(alice: User, cd_sem: Tool) -> Booking:
    return place(
        actor=alice, target=Target(tool=cd_sem), starts_at=tomorrow(10), ends_at=tomorrow(12),
        answers=Answers(),
    )  # fmt: skip


def test_one_decision_only(
    race: Race, administrator: User, process_engineer: User, pending: Booking
) -> None:
    works = [
        lambda: approve(actor=administrator, booking=pending),
        lambda: refuse(actor=process_engineer, booking=pending, reason="No wafers here"),
    ]
    outcomes = race(lambda number: works[number % 2](), 8)
    won = [one for one in outcomes if isinstance(one, Booking)]
    told = [one for one in outcomes if isinstance(one, Refusal)]
    assert (len(won), len(told)) == (1, 7)
    assert {one.code for one in told} == {"not_pending"}
    assert all(str(won[0].decided_by) in str(one.message) for one in told)
    decided = JournalEntry.objects.filter(action__in=["booking.approved", "booking.refused"])
    assert decided.count() == 1
    pending.refresh_from_db()
    live = Allocation.objects.filter(booking=pending, live=True).exists()
    assert live is (pending.state == BookingState.CONFIRMED)


def test_one_question_and_one_answer(
    race: Race, administrator: User, alice: User, pending: Booking
) -> None:
    asked = race(lambda number: ask(actor=administrator, booking=pending, text="Which one?"), 8)
    (question,) = [one for one in asked if isinstance(one, Question)]
    assert {one.code for one in asked if isinstance(one, Refusal)} == {"already_asked"}
    answers = race(
        lambda number: answer(actor=alice, question=question, text=f"Number {number}"), 8
    )
    assert sum(isinstance(one, Question) for one in answers) == 1
    assert {one.code for one in answers if isinstance(one, Refusal)} == {"already_answered"}


def test_one_suspension_only(
    race: Race, administrator: User, company_a: Company, pending: Booking
) -> None:
    outcomes = race(
        lambda number: suspend(actor=administrator, company=company_a, reason="Not paid"), 8
    )
    assert sum(isinstance(one, Company) for one in outcomes) == 1
    assert {one.code for one in outcomes if isinstance(one, Refusal)} == {"already_suspended"}
