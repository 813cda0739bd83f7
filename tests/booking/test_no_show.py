"""Nobody came: the rest of the time goes to others, never while somebody is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import time_machine

from testbed.booking import tasks
from testbed.booking.change import change
from testbed.booking.finish import finish
from testbed.booking.models import (
    Allocation,
    Booking,
    BookingState,
    Penalty,
    PenaltyKind,
    UseMode,
)
from testbed.booking.no_show import arrive, begin, due_at, release_no_shows
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.material.models import Carrier, Lot, LotState
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from tests.booking.conftest import kst, setting

pytestmark = pytest.mark.django_db
START = kst(8, 10)
END = START + timedelta(hours=2)
DUE = START + timedelta(minutes=30)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def awaited() -> None:
    setting("no_show", minutes=30)
    setting("needs_approval", required=False)


def at(moment: datetime) -> time_machine.travel:
    return time_machine.travel(moment, tick=False)


def placed(actor: User, target: Target, lot: Lot | None = None) -> Booking:
    with at(kst(1, 9)):
        return place(
            actor=actor, target=target, starts_at=START, ends_at=END, answers=Answers(lot=lot)
        )


class TestRelease:
    def test_exactly_when_the_minutes_are_over(
        self, awaited: None, alice: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        assert due_at(booking) == DUE
        assert release_no_shows(now=DUE - INSTANT) == 0
        assert release_no_shows(now=DUE) == 1
        booking.refresh_from_db()
        assert booking.state == BookingState.NO_SHOW
        assert not Allocation.objects.filter(booking=booking, live=True).exists()
        penalty = Penalty.objects.get()
        assert (penalty.kind, penalty.total_won) == (PenaltyKind.NO_SHOW, 0)
        assert JournalEntry.objects.filter(action="booking.no_show").count() == 1
        assert release_no_shows(now=DUE) == 0

    def test_it_costs_by_its_own_percentages(self, alice: User, sem_target: Target) -> None:
        setting("needs_approval", required=False)
        setting("no_show", minutes=30, fee_percent=100, debt_percent=50)
        setting("late_cancel", hours_before=0, fee_percent=10, debt_percent=100)
        placed(alice, sem_target)
        release_no_shows(now=DUE)
        assert (Penalty.objects.get().fee_won, Penalty.objects.get().debt_minutes) == (560_000, 60)

    def test_after_a_late_move_it_costs_no_less_than_cancelling_did(
        self, awaited: None, alice: User, sem_target: Target
    ) -> None:
        setting("late_cancel", hours_before=30, fee_percent=20, debt_percent=50)
        booking = placed(alice, sem_target)
        with at(START - timedelta(hours=1)):
            change(
                actor=alice,
                booking=booking,
                target=sem_target,
                starts_at=START + timedelta(days=2),
                ends_at=END + timedelta(days=2),
            )
        release_no_shows(now=DUE + timedelta(days=2))
        assert (Penalty.objects.get().fee_won, Penalty.objects.get().debt_minutes) == (112_000, 60)

    def test_without_the_rule_never(self, alice: User, sem_target: Target) -> None:
        setting("needs_approval", required=False)
        booking = placed(alice, sem_target)
        assert due_at(booking) is None
        assert release_no_shows(now=END - INSTANT) == 0

    def test_switched_off_for_the_tool_never(
        self, awaited: None, alice: User, sem_target: Target, cd_sem: Tool
    ) -> None:
        off = setting("no_show", cd_sem)
        off.is_active = False
        off.save()
        placed(alice, sem_target)
        assert release_no_shows(now=END - INSTANT) == 0

    def test_a_request_that_waits_never(self, alice: User, sem_target: Target) -> None:
        setting("no_show", minutes=30)
        assert placed(alice, sem_target).state == BookingState.PENDING
        assert release_no_shows(now=DUE) == 0

    def test_the_shortest_patience_decides_in_a_cell(
        self, awaited: None, alice: User, cell_target: Target, scanner: Tool
    ) -> None:
        setting("no_show", scanner, minutes=10)
        booking = placed(alice, cell_target)
        assert release_no_shows(now=START + timedelta(minutes=10) - INSTANT) == 0
        assert release_no_shows(now=START + timedelta(minutes=10)) == 1
        assert not Allocation.objects.filter(booking=booking, live=True).exists()

    def test_what_is_over_stays_and_a_short_one_never_is_due(
        self, alice: User, sem_target: Target
    ) -> None:
        setting("needs_approval", required=False)
        setting("no_show", minutes=120)
        booking = placed(alice, sem_target)
        assert due_at(booking) is None
        assert release_no_shows(now=END - INSTANT) == release_no_shows(now=END) == 0

    def test_not_while_a_tool_is_down(
        self, awaited: None, alice: User, sem_target: Target, cd_sem: Tool
    ) -> None:
        placed(alice, sem_target)
        states.enter(tool=cd_sem, state=E10State.UNSCHEDULED_DOWN, reason="vacuum")
        assert release_no_shows(now=DUE) == 0

    def test_a_requested_test_whose_lot_is_here_waits_for_the_facility(
        self,
        awaited: None,
        alice: User,
        company_a: Company,
        sem_target: Target,
        lot_of: Callable[..., Lot],
    ) -> None:
        booking = placed(alice, sem_target, lot_of(company_a, alice))
        Lot.objects.update(
            state=LotState.CHECKED_IN,
            checked_in_at=kst(2),
            carrier=Carrier.objects.create(code="F"),
        )
        assert release_no_shows(now=DUE) == 0
        Booking.objects.filter(pk=booking.pk).update(use_mode=UseMode.SELF_OPERATED)
        assert release_no_shows(now=DUE) == 1

    def test_the_task(self, awaited: None, alice: User, sem_target: Target) -> None:
        placed(alice, sem_target)
        with at(DUE):
            assert tasks.release_no_shows() == 1


class TestSomebodyIsThere:
    def test_a_run_that_started_keeps_it(
        self, awaited: None, alice: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        begin(booking, START)
        begin(booking, END)
        booking.refresh_from_db()
        assert booking.begun_at == START
        assert release_no_shows(now=DUE) == 0

    def test_the_technician_notes_that_they_are_here(
        self, awaited: None, alice: User, technician: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        with at(START):
            arrive(actor=technician, booking=booking)
        with at(DUE):
            assert arrive(actor=technician, booking=booking).begun_at == START
            assert tasks.release_no_shows() == 0
            finish(actor=technician, booking=booking)
        assert JournalEntry.objects.filter(action="booking.arrived").count() == 1

    @pytest.mark.parametrize(
        ("moment", "awaited_now"),
        [
            (START - timedelta(hours=2) - INSTANT, False),
            (START - timedelta(hours=2), True),
            (END - INSTANT, True),
            (END, False),
        ],
    )
    def test_from_two_hours_before_until_the_end(
        self,
        awaited: None,
        alice: User,
        technician: User,
        sem_target: Target,
        moment: datetime,
        awaited_now: bool,
    ) -> None:
        booking = placed(alice, sem_target)
        with at(moment):
            if awaited_now:
                assert arrive(actor=technician, booking=booking).begun_at == moment
            else:
                with pytest.raises(Refusal, match="not_awaited"):
                    arrive(actor=technician, booking=booking)

    def test_not_by_the_company_and_not_once_released(
        self, awaited: None, alice: User, technician: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        release_no_shows(now=DUE)
        with at(DUE):
            with pytest.raises(Refusal, match="not_allowed"):
                arrive(actor=alice, booking=booking)
            with pytest.raises(Refusal, match="not_awaited"):
                arrive(actor=technician, booking=booking)
