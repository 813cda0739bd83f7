"""What giving a booking back costs, that it is the cost that was shown, and taking it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from testbed.booking import penalties
from testbed.booking.approve import approve
from testbed.booking.cancel import cancel, preview
from testbed.booking.change import change
from testbed.booking.hold import hold
from testbed.booking.models import Booking, BookingState, Penalty, PenaltyKind
from testbed.booking.penalties import NOTHING, Charge, Cost, Terms, cost_at
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.tools import states
from testbed.tools.models import E10State, Tool
from tests.booking.conftest import kst, setting, tomorrow

pytestmark = pytest.mark.django_db
Book = Callable[..., Booking]
# Two hours of the CD-SEM: 700,000 won, an SME pays 20 % less; half of that, and VAT on it.
FEE, VAT = 280_000, 28_000


@pytest.fixture
def strict() -> None:
    """Three days' notice; later than that half of the price, and half of the time as debt."""
    setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=50)
    setting("needs_approval", required=False)


class TestTheCost:
    def test_late_it_costs_what_the_rule_says(
        self, strict: None, alice: User, booked: Book
    ) -> None:
        cost = preview(actor=alice, booking=booked(alice))
        assert (cost.supply_won, cost.vat_won, cost.total_won) == (FEE, VAT, FEE + VAT)
        assert (cost.debt_minutes, cost.why_free) == (60, "")
        assert cost.free_until == tomorrow(10) - timedelta(hours=72)

    def test_early_it_is_free_until_a_time_that_is_told(
        self, strict: None, alice: User, sem_target: Target
    ) -> None:
        start = tomorrow(10) + timedelta(days=10)
        booking = place(
            actor=alice, target=sem_target, starts_at=start,
            ends_at=start + timedelta(hours=2), answers=Answers(test_wafers=5),
        )  # fmt: skip
        cost = preview(actor=alice, booking=booking)
        assert (cost.is_free, cost.why_free) == (True, "early")
        assert cost.free_until == start - timedelta(hours=72)

    def test_without_the_rule_it_is_always_free(
        self, alice: User, administrator: User, booked: Book
    ) -> None:
        booking = approve(actor=administrator, booking=booked(alice))
        cost = preview(actor=alice, booking=booking)
        assert (cost, cost.free_until) == (Cost(why_free="no_rule"), None)

    def test_the_facilitys_wafers_cost_nothing(
        self, strict: None, alice: User, sem_target: Target
    ) -> None:
        booking = place(
            actor=alice, target=sem_target, starts_at=tomorrow(10), ends_at=tomorrow(12),
            answers=Answers(test_wafers=5),
        )  # fmt: skip
        assert booking.quote["supply_won"] == 2 * FEE + 5 * 87_000
        assert preview(actor=alice, booking=booking).supply_won == FEE

    def test_each_tool_of_a_cell_by_its_own_rule(
        self, alice: User, booked: Book, cell_target: Target, track: Tool, scanner: Tool
    ) -> None:
        setting("needs_approval", required=False)
        setting("late_cancel", track, hours_before=1, fee_percent=100, debt_percent=100)
        setting("late_cancel", scanner, hours_before=72, fee_percent=10, debt_percent=0)
        cost = preview(actor=alice, booking=booked(alice, target=cell_target))
        assert cost.supply_won == 2 * 2_400_000 * 80 // 100 // 10
        assert (cost.debt_minutes, cost.free_until) == (0, tomorrow(10) - timedelta(hours=72))

    def test_a_hold_a_request_and_the_staff_are_free(
        self, alice: User, administrator: User, booked: Book, sem_target: Target
    ) -> None:
        setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=50)
        held = hold(actor=alice, target=sem_target, starts_at=tomorrow(6), ends_at=tomorrow(8))
        pending = booked(alice)
        assert preview(actor=alice, booking=held).why_free == "held"
        assert preview(actor=alice, booking=pending).why_free == "pending"
        approve(actor=administrator, booking=pending)
        pending.refresh_from_db()
        assert not preview(actor=alice, booking=pending).is_free
        assert preview(actor=administrator, booking=pending).why_free == "by_staff"

    def test_a_tool_that_is_down_excuses(
        self, strict: None, alice: User, booked: Book, cd_sem: Tool
    ) -> None:
        booking = booked(alice)
        states.enter(tool=cd_sem, state=E10State.UNSCHEDULED_DOWN, reason="vacuum")
        assert preview(actor=alice, booking=booking).why_free == "tool_down"
        cancel(actor=alice, booking=booking)
        assert not Penalty.objects.exists()

    def test_moving_it_away_late_does_not_make_it_free(
        self, strict: None, alice: User, booked: Book, sem_target: Target
    ) -> None:
        booking, start = booked(alice), tomorrow(10) + timedelta(days=10)
        change(
            actor=alice, booking=booking, target=sem_target,
            starts_at=start, ends_at=start + timedelta(hours=2),
        )  # fmt: skip
        booking.refresh_from_db()
        assert preview(actor=alice, booking=booking).supply_won == FEE

    def test_moving_it_early_keeps_it_free(
        self, strict: None, alice: User, booked: Book, sem_target: Target
    ) -> None:
        start = tomorrow(10) + timedelta(days=10)
        booking = place(
            actor=alice, target=sem_target, starts_at=start,
            ends_at=start + timedelta(hours=2), answers=Answers(),
        )  # fmt: skip
        later = start + timedelta(days=1)
        change(
            actor=alice, booking=booking, target=sem_target,
            starts_at=later, ends_at=later + timedelta(hours=2),
        )  # fmt: skip
        booking.refresh_from_db()
        assert preview(actor=alice, booking=booking).why_free == "early"

    def test_the_rule_of_the_day_it_was_made_counts(self, alice: User, booked: Book) -> None:
        setting("needs_approval", required=False)
        booking = booked(alice)
        rule = setting("late_cancel", hours_before=72, fee_percent=50, debt_percent=0)
        rule.effective_from = timezone.now()
        rule.save()
        assert preview(actor=alice, booking=booking).why_free == "no_rule"


class TestCancelling:
    def test_what_was_shown_is_charged_once(self, strict: None, alice: User, booked: Book) -> None:
        booking = booked(alice)
        agreed = preview(actor=alice, booking=booking).charge
        gone = cancel(actor=alice, booking=booking, agreed=agreed)
        assert gone.state == BookingState.CANCELLED
        penalty = Penalty.objects.get()
        assert (penalty.kind, penalty.fee_won) == (PenaltyKind.LATE_CANCEL, FEE)
        assert (penalty.vat_won, penalty.total_won) == (VAT, FEE + VAT)
        assert (penalty.debt_minutes, penalty.user) == (60, alice)
        entry = JournalEntry.objects.get(action="booking.cancelled")
        assert entry.details == {"total_won": FEE + VAT, "debt_minutes": 60}
        with pytest.raises(Refusal, match="over"):
            cancel(actor=alice, booking=booking, agreed=agreed)

    @pytest.mark.parametrize("agreed", [NOTHING, Charge(FEE + VAT, 0), Charge(1, 60)])
    def test_another_cost_than_the_agreed_one_cancels_nothing(
        self, strict: None, alice: User, booked: Book, agreed: Charge
    ) -> None:
        booking = booked(alice)
        with pytest.raises(Refusal, match="cost_changed") as refused:
            cancel(actor=alice, booking=booking, agreed=agreed)
        assert refused.value.extra["cost"]["total_won"] == FEE + VAT
        booking.refresh_from_db()
        assert booking.state == BookingState.CONFIRMED
        assert not Penalty.objects.exists()

    def test_a_cost_that_fell_meanwhile_is_told_too(
        self, strict: None, alice: User, booked: Book, cd_sem: Tool
    ) -> None:
        booking = booked(alice)
        agreed = preview(actor=alice, booking=booking).charge
        states.enter(tool=cd_sem, state=E10State.UNSCHEDULED_DOWN, reason="vacuum")
        with pytest.raises(Refusal, match="cost_changed"):
            cancel(actor=alice, booking=booking, agreed=agreed)

    def test_the_facility_as_the_reason_costs_nothing(
        self, strict: None, alice: User, administrator: User, booked: Book
    ) -> None:
        cancel(actor=administrator, booking=booked(alice, 10))
        cancel(actor=alice, booking=booked(alice, 15), excused=True)
        assert not Penalty.objects.exists()

    def test_once_its_people_are_here_it_is_not_cancelled(
        self, strict: None, alice: User, booked: Book
    ) -> None:
        booking = booked(alice)
        Booking.objects.filter(pk=booking.pk).update(begun_at=timezone.now())
        with pytest.raises(Refusal, match="already_started"):
            cancel(actor=alice, booking=booking)


class TestTheBoundary:
    TERMS = (Terms(kst(2, 9), 1_000, 30), Terms(kst(3, 9), 500, 60))

    @pytest.mark.parametrize(
        ("moment", "won", "minutes"),
        [
            (kst(2, 9), 0, 0),
            (kst(2, 9) + timedelta(microseconds=1), 1_000, 30),
            (kst(3, 9), 1_000, 30),
            (kst(3, 9) + timedelta(microseconds=1), 1_500, 60),
        ],
    )
    def test_the_last_free_moment_is_free(self, moment: Any, won: int, minutes: int) -> None:
        cost = cost_at(self.TERMS, moment)
        assert (cost.supply_won, cost.debt_minutes, cost.free_until) == (won, minutes, kst(2, 9))

    @given(
        st.lists(
            st.builds(
                Terms,
                st.datetimes(timezones=st.just(kst(1).tzinfo)),
                st.integers(0, 10**9),
                st.integers(0, 10**5),
            ),
            max_size=4,
        ),
        st.datetimes(timezones=st.just(kst(1).tzinfo)),
        st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365)),
    )
    def test_waiting_never_makes_it_cheaper(
        self, terms: list[Terms], moment: Any, wait: timedelta
    ) -> None:
        try:
            later = moment + wait
        except OverflowError:
            return
        before, after = cost_at(terms, moment), cost_at(terms, later)
        assert before.supply_won <= after.supply_won
        assert before.debt_minutes <= after.debt_minutes


class TestWaiving:
    @pytest.fixture
    def penalty(self, strict: None, alice: User, booked: Book) -> Penalty:
        booking = booked(alice)
        cancel(actor=alice, booking=booking, agreed=preview(actor=alice, booking=booking).charge)
        return Penalty.objects.get()

    def test_a_row_of_the_opposite_figures(self, administrator: User, penalty: Penalty) -> None:
        waiver = penalties.waive(actor=administrator, penalty=penalty, reason=" road closed ")
        assert (waiver.fee_won, waiver.debt_minutes) == (-FEE, -60)
        assert (waiver.total_won, waiver.reason) == (-FEE - VAT, "road closed")
        assert (waiver.reverses, waiver.waived_by) == (penalty, administrator)
        assert penalties.sums(Penalty.objects.all()) == penalties.Sums(0, 0, 0)
        assert JournalEntry.objects.filter(action="penalty.waived").exists()

    def test_once_and_never_a_waiver(self, administrator: User, penalty: Penalty) -> None:
        waiver = penalties.waive(actor=administrator, penalty=penalty, reason="road closed")
        with pytest.raises(Refusal, match="already_waived"):
            penalties.waive(actor=administrator, penalty=penalty, reason="again")
        with pytest.raises(Refusal, match="not_a_penalty"):
            penalties.waive(actor=administrator, penalty=waiver, reason="again")

    def test_by_the_administrator_with_a_reason(
        self, alice: User, process_engineer: User, administrator: User, penalty: Penalty
    ) -> None:
        for nobody in (alice, process_engineer):
            with pytest.raises(Refusal, match="not_allowed"):
                penalties.waive(actor=nobody, penalty=penalty, reason="please")
        for empty in ("  ", "x" * 201):
            with pytest.raises(Refusal, match="reason_missing"):
                penalties.waive(actor=administrator, penalty=penalty, reason=empty)

    def test_the_database_keeps_what_was_written(
        self, administrator: User, penalty: Penalty
    ) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            Penalty.objects.update(fee_won=0)
        with pytest.raises(DatabaseError), transaction.atomic():
            Penalty.objects.all().delete()
        same = {
            "booking": penalty.booking, "company": penalty.company, "user": penalty.user,
            "kind": penalty.kind,
        }  # fmt: skip
        for wrong in ({"fee_won": -1, "kind": "no_show"}, {"fee_won": 1}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Penalty.objects.create(**same | wrong)

    def test_the_sum_of_what_stands(self, penalty: Penalty, charlie: User) -> None:
        found = penalties.sums(Penalty.objects.visible_to(penalty.user))
        assert (found.total_won, found.debt_minutes) == (FEE + VAT, 60)
        assert penalties.sums(Penalty.objects.visible_to(charlie)).total_won == 0


def test_the_percentages_that_were_borrowed_are_handed_over(cd_sem: Tool) -> None:
    """What a facility had set before the rules had figures of their own goes on as it was."""
    lend = import_module("testbed.booking.migrations.0013_price_of_silence").lend
    setting("late_cancel", hours_before=24, fee_percent=30, debt_percent=50)
    setting("late_cancel", cd_sem, hours_before=24, fee_percent=80)
    wide, near = setting("no_show", minutes=60), setting("no_show", cd_sem, minutes=20)
    own = setting("reconfirm", fee_percent=5)
    lend(apps, None)
    for one, percentages in ((wide, (30, 50)), (near, (80, 50)), (own, (5, 50))):
        one.refresh_from_db()
        given = (one.parameters["fee_percent"], one.parameters["debt_percent"])
        assert given == percentages
    assert near.parameters["minutes"] == 20
