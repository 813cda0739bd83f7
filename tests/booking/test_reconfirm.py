"""Bookings made long ahead are confirmed again, or their time goes to others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from testbed.booking import tasks
from testbed.booking.approve import approve
from testbed.booking.change import change
from testbed.booking.models import (
    Allocation,
    Booking,
    BookingState,
    Penalty,
    PenaltyKind,
    RuleSetting,
)
from testbed.booking.place import Answers, place
from testbed.booking.reconfirm import may_reconfirm, opens_at, reconfirm, release_unconfirmed
from testbed.booking.target import Target
from testbed.material.models import Carrier, Lot, LotState
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import kst, setting

pytestmark = pytest.mark.django_db
# Booked on Monday the 1st for the 8th: asked from the 6th until the 7th, both at 10:00.
START, OPENS, CLOSES = kst(8, 10), kst(6, 10), kst(7, 10)


@pytest.fixture
def asked() -> None:
    setting("reconfirm", hours_before=24, window_hours=24).save()
    setting("needs_approval", required=False)


def at(moment: object) -> time_machine.travel:
    return time_machine.travel(moment, tick=False)  # type: ignore[arg-type]


def placed(actor: User, target: Target, lot: Lot | None = None) -> Booking:
    with at(kst(1, 9)):
        return place(
            actor=actor, target=target, starts_at=START,
            ends_at=START + timedelta(hours=2), answers=Answers(lot=lot),
        )  # fmt: skip


def on(code: str, tool: Tool | None = None, **parameters: int) -> None:
    setting(code, tool, **parameters)


class TestTheDeadline:
    def test_it_is_set_when_the_booking_is_confirmed(
        self, asked: None, alice: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        assert (booking.reconfirm_by, booking.reconfirmed_at) == (CLOSES, None)
        assert opens_at(booking) == OPENS

    def test_without_the_rule_nothing_is_asked(self, alice: User, sem_target: Target) -> None:
        assert placed(alice, sem_target).reconfirm_by is None

    def test_a_request_is_asked_once_it_is_approved(
        self, alice: User, administrator: User, sem_target: Target
    ) -> None:
        on("reconfirm", hours_before=24, window_hours=24)
        booking = placed(alice, sem_target)
        assert (booking.state, booking.reconfirm_by) == (BookingState.PENDING, None)
        with at(kst(2, 9)):
            assert approve(actor=administrator, booking=booking).reconfirm_by == CLOSES

    def test_what_is_confirmed_within_the_window_is_fresh(
        self, alice: User, administrator: User, sem_target: Target
    ) -> None:
        on("reconfirm", hours_before=24, window_hours=24)
        booking = placed(alice, sem_target)
        with at(OPENS):
            assert approve(actor=administrator, booking=booking).reconfirm_by is None

    def test_a_moved_booking_gets_a_new_one(
        self, asked: None, alice: User, sem_target: Target
    ) -> None:
        booking, later = placed(alice, sem_target), START + timedelta(days=7)
        with at(OPENS):
            reconfirm(actor=alice, booking=booking)
        with at(kst(6, 11)):
            moved = change(
                actor=alice, booking=booking, target=sem_target,
                starts_at=later, ends_at=later + timedelta(hours=2),
            )  # fmt: skip
        assert (moved.reconfirm_by, moved.reconfirmed_at) == (CLOSES + timedelta(days=7), None)

    def test_the_tool_that_closes_first_decides_in_a_cell(
        self, alice: User, cell_target: Target, track: Tool, scanner: Tool
    ) -> None:
        setting("needs_approval", required=False)
        on("reconfirm", track, hours_before=24, window_hours=24)
        on("reconfirm", scanner, hours_before=48, window_hours=12)
        booking = placed(alice, cell_target)
        assert booking.reconfirm_by == START - timedelta(hours=48)
        assert opens_at(booking) == START - timedelta(hours=60)


class TestSayingItAgain:
    @pytest.mark.parametrize(
        ("moment", "code"),
        [
            (OPENS - timedelta(microseconds=1), "too_early"),
            (OPENS, ""),
            (CLOSES - timedelta(microseconds=1), ""),
            (CLOSES, "too_late"),
        ],
    )
    def test_from_the_windows_first_moment_until_before_its_end(
        self, asked: None, alice: User, sem_target: Target, moment: object, code: str
    ) -> None:
        booking = placed(alice, sem_target)
        with at(moment):
            assert may_reconfirm(alice, booking, timezone.now()) is not bool(code)
            if code:
                with pytest.raises(Refusal, match=code):
                    reconfirm(actor=alice, booking=booking)
            else:
                assert reconfirm(actor=alice, booking=booking).reconfirmed_at == moment

    def test_twice_changes_nothing(self, asked: None, alice: User, sem_target: Target) -> None:
        booking = placed(alice, sem_target)
        with at(OPENS):
            reconfirm(actor=alice, booking=booking)
        with at(CLOSES):
            assert reconfirm(actor=alice, booking=booking).reconfirmed_at == OPENS
        assert JournalEntry.objects.filter(action="booking.reconfirmed").count() == 1

    def test_by_the_companys_engineers_alone(
        self, asked: None, alice: User, bob: User, charlie: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        with at(OPENS):
            with pytest.raises(Refusal, match="not_allowed"):
                reconfirm(actor=bob, booking=booking)
            with pytest.raises(Refusal, match="not_found"):
                reconfirm(actor=charlie, booking=booking)

    def test_what_is_not_asked_says_so(self, alice: User, sem_target: Target) -> None:
        with at(OPENS), pytest.raises(Refusal, match="not_asked"):
            reconfirm(actor=alice, booking=placed(alice, sem_target))


class TestRelease:
    def test_at_the_deadline_the_time_goes_to_others(
        self, asked: None, alice: User, charlie: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        assert release_unconfirmed(now=CLOSES - timedelta(microseconds=1)) == 0
        assert release_unconfirmed(now=CLOSES) == 1
        booking.refresh_from_db()
        assert booking.state == BookingState.RELEASED
        assert not Allocation.objects.filter(booking=booking, live=True).exists()
        penalty = Penalty.objects.get()
        assert (penalty.kind, penalty.total_won) == (PenaltyKind.NOT_RECONFIRMED, 0)
        assert JournalEntry.objects.filter(action="booking.released").count() == 1
        assert release_unconfirmed(now=CLOSES) == 0
        assert placed(charlie, sem_target).is_live

    def test_it_costs_by_its_own_percentages(
        self, asked: None, alice: User, sem_target: Target
    ) -> None:
        setting("late_cancel", hours_before=30, fee_percent=90, debt_percent=10)
        rule = RuleSetting.objects.get(code="reconfirm")
        rule.parameters |= {"fee_percent": 10, "debt_percent": 100}
        rule.save()
        placed(alice, sem_target)
        release_unconfirmed(now=CLOSES)
        penalty = Penalty.objects.get()
        assert (penalty.fee_won, penalty.debt_minutes) == (56_000, 120)

    def test_what_was_confirmed_again_stays(
        self, asked: None, alice: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        with at(OPENS):
            reconfirm(actor=alice, booking=booking)
        assert release_unconfirmed(now=CLOSES) == 0

    def test_never_what_has_begun_or_whose_hour_has_come(
        self, asked: None, alice: User, sem_target: Target
    ) -> None:
        booking = placed(alice, sem_target)
        assert release_unconfirmed(now=START) == 0
        Booking.objects.filter(pk=booking.pk).update(begun_at=kst(7, 9))
        assert release_unconfirmed(now=CLOSES) == 0
        with pytest.raises(IntegrityError), transaction.atomic():
            Booking.objects.filter(pk=booking.pk).update(state=BookingState.RELEASED)

    def test_never_when_the_lot_is_here(
        self,
        asked: None,
        alice: User,
        company_a: Company,
        sem_target: Target,
        lot_of: Callable[..., Lot],
    ) -> None:
        lot = lot_of(company_a, alice)
        placed(alice, sem_target, lot)
        Lot.objects.update(
            state=LotState.CHECKED_IN,
            checked_in_at=kst(2),
            carrier=Carrier.objects.create(code="F"),
        )
        assert release_unconfirmed(now=CLOSES) == 0
        Lot.objects.update(state=LotState.REGISTERED)
        assert release_unconfirmed(now=CLOSES) == 1

    def test_the_task(self, asked: None, alice: User, sem_target: Target) -> None:
        placed(alice, sem_target)
        with at(CLOSES):
            assert tasks.release_unconfirmed() == 1
