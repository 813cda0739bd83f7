"""Hold, submit, approve, refuse, cancel, expire: each verb both ways."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from testbed.booking import approve as decisions
from testbed.booking.cancel import cancel
from testbed.booking.expire import sweep
from testbed.booking.hold import extend, hold
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.material.models import Lot, LotState
from testbed.people.models import Company, JournalEntry, User
from testbed.process.models import Operation, Recipe, Route
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from tests.booking.conftest import setting, tomorrow

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db


def held(actor: User, target: Target, hour: int = 10) -> Booking:
    return hold(actor=actor, target=target, starts_at=tomorrow(hour), ends_at=tomorrow(hour + 2))


def age(booking: Booking) -> None:
    """Let the hold's time run out."""
    Booking.objects.filter(pk=booking.pk).update(
        hold_expires_at=timezone.now() - timedelta(seconds=1)
    )


def journal_of(booking: Booking) -> list[str]:
    entries = JournalEntry.objects.filter(subject_kind="booking.booking", subject_id=booking.pk)
    return list(entries.order_by("pk").values_list("action", flat=True))


def test_holding_a_cell_claims_each_of_its_tools(
    alice: User, cell_target: Target, track: Tool, scanner: Tool
) -> None:
    booking = held(alice, cell_target)
    claims = Allocation.objects.filter(booking=booking)
    assert {claim.tool_id for claim in claims} == {track.pk, scanner.pk}
    assert booking.state == BookingState.HELD
    assert booking.hold_expires_at is not None
    assert booking.quote["supply_won"] == (600_000 + 2_400_000) * 2 * 80 // 100
    assert journal_of(booking) == ["booking.held"]


def test_a_taken_slot_is_refused_with_the_nearest_free_ones(
    alice: User, charlie: User, cell_target: Target, scanner: Tool
) -> None:
    held(alice, cell_target)
    with pytest.raises(Refusal) as refused:
        held(charlie, Target(tool=scanner))
    assert refused.value.code == "tool_taken"
    assert refused.value.status == 409
    nearest = refused.value.extra["nearest_slots"]
    assert {slot["starts_at"] for slot in nearest} >= {
        tomorrow(8).isoformat(),
        tomorrow(12).isoformat(),
    }


def test_a_cell_is_taken_when_one_of_its_tools_is(
    alice: User, charlie: User, cell_target: Target, scanner: Tool
) -> None:
    held(alice, Target(tool=scanner))
    with pytest.raises(Refusal, match="tool_taken"):
        held(charlie, cell_target)
    assert Booking.objects.count() == 1


def test_slots_that_touch_do_not_collide(alice: User, sem_target: Target) -> None:
    held(alice, sem_target, 8)
    held(alice, sem_target, 12)
    assert held(alice, sem_target, 10).state == BookingState.HELD


def test_only_engineers_of_a_company_book(
    bob: User, administrator: User, technician: User, sem_target: Target
) -> None:
    for actor in (bob, administrator, technician):
        with pytest.raises(Refusal) as refused:
            held(actor, sem_target)
        assert (refused.value.code, refused.value.status) == ("not_allowed", 403)


def test_all_broken_rules_are_told_together(alice: User, sem_target: Target) -> None:
    start = timezone.now() - timedelta(days=1, minutes=1)
    with pytest.raises(Refusal) as refused:
        hold(actor=alice, target=sem_target, starts_at=start, ends_at=start + timedelta(minutes=7))
    codes = {one["code"] for one in refused.value.extra["broken_rules"]}
    assert refused.value.code == "rules_broken"
    assert codes == {"not_past", "grid", "lead_time", "minimum_length"}


def test_submit_waits_for_approval_and_fixes_the_price(
    alice: User, company_a: Company, sem_target: Target, lot_of: Callable[..., Lot]
) -> None:
    lot = lot_of(company_a, alice)
    booking = submit(
        actor=alice,
        booking=held(alice, sem_target),
        answers=Answers(lot=lot, wafer_count=3, test_wafers=2, purpose="FEM"),
    )
    assert booking.state == BookingState.PENDING
    assert booking.hold_expires_at is None
    assert booking.quote["supply_won"] == 700_000 * 80 // 100 + 2 * 87_000
    assert journal_of(booking) == ["booking.held", "booking.placed"]


def test_submit_confirms_where_no_approval_is_needed(alice: User, sem_target: Target) -> None:
    setting("needs_approval", required=False)
    booking = submit(actor=alice, booking=held(alice, sem_target), answers=Answers())
    assert booking.state == BookingState.CONFIRMED


def test_one_tool_that_needs_approval_is_enough(
    alice: User, cell_target: Target, scanner: Tool
) -> None:
    setting("needs_approval", required=False)
    setting("needs_approval", tool=scanner, required=True)
    booking = submit(actor=alice, booking=held(alice, cell_target), answers=Answers())
    assert booking.state == BookingState.PENDING


def test_somebody_elses_lot_is_not_named(
    alice: User, charlie: User, company_b: Company, sem_target: Target, lot_of: Callable[..., Lot]
) -> None:
    theirs = lot_of(company_b, charlie, code="SECRET-7")
    with pytest.raises(Refusal) as refused:
        submit(actor=alice, booking=held(alice, sem_target), answers=Answers(lot=theirs))
    assert set(refused.value.fields) == {"lot"}
    assert "SECRET" not in str(refused.value.fields)


def test_answers_that_do_not_fit_are_told_together(
    alice: User, company_a: Company, sem_target: Target, lot_of: Callable[..., Lot]
) -> None:
    lot = lot_of(company_a, alice, wafers=3)
    recipe = Recipe.objects.create(code="bake", title="bake", tool_kind="track")
    route = Route.objects.create(code="r1", name_ko="경로", name_en="Route")
    Operation.objects.create(
        route=route, position=1, name_ko="굽기", name_en="Bake", tool_kind="track", recipe=recipe
    )
    answers = Answers(lot=lot, route=route, wafer_count=4, test_wafers=26, use_mode="both")
    with pytest.raises(Refusal) as refused:
        submit(actor=alice, booking=held(alice, sem_target), answers=answers)
    assert set(refused.value.fields) == {"wafer_count", "route", "test_wafers", "use_mode"}


def test_a_returned_lot_cannot_be_booked(
    alice: User, company_a: Company, sem_target: Target, lot_of: Callable[..., Lot]
) -> None:
    lot = lot_of(company_a, alice)
    Lot.objects.filter(pk=lot.pk).update(state=LotState.RETURNED)
    lot.refresh_from_db()
    with pytest.raises(Refusal, match="answers_not_valid"):
        submit(actor=alice, booking=held(alice, sem_target), answers=Answers(lot=lot))


def test_a_company_suspended_between_hold_and_submit_is_stopped(
    alice: User, company_a: Company, sem_target: Target
) -> None:
    booking = held(alice, sem_target)
    Company.objects.filter(pk=company_a.pk).update(is_active=False)
    with pytest.raises(Refusal, match="company_active"):
        submit(actor=alice, booking=booking, answers=Answers())
    booking.refresh_from_db()
    assert booking.state == BookingState.HELD


def test_a_hold_that_ran_out_cannot_be_submitted_or_extended(
    alice: User, sem_target: Target
) -> None:
    booking = held(alice, sem_target)
    age(booking)
    with pytest.raises(Refusal, match="hold_expired"):
        submit(actor=alice, booking=booking, answers=Answers())
    with pytest.raises(Refusal, match="hold_expired"):
        extend(actor=alice, booking=booking)


def test_a_hold_that_ran_out_gives_its_slot_to_the_next(
    alice: User, charlie: User, cell_target: Target, scanner: Tool
) -> None:
    stale = held(alice, cell_target)
    age(stale)
    assert held(charlie, Target(tool=scanner)).state == BookingState.HELD
    stale.refresh_from_db()
    assert stale.state == BookingState.EXPIRED
    assert journal_of(stale) == ["booking.held", "booking.expired"]
    assert not Allocation.objects.filter(booking=stale, live=True).exists()


def test_the_sweep_closes_what_nobody_asked_for(
    alice: User, sem_target: Target, cell_target: Target
) -> None:
    stale, running = held(alice, sem_target), held(alice, cell_target)
    age(stale)
    assert sweep() == 1
    assert sweep() == 0
    running.refresh_from_db()
    assert running.state == BookingState.HELD


def test_extend_once_then_say_why_not(alice: User, sem_target: Target) -> None:
    booking = held(alice, sem_target)
    before = booking.hold_expires_at
    longer = extend(actor=alice, booking=booking)
    assert before is not None
    assert longer.hold_expires_at is not None
    assert longer.hold_expires_at > before
    with pytest.raises(Refusal, match="hold_time"):
        extend(actor=alice, booking=booking)


def test_place_does_it_all_or_nothing(alice: User, sem_target: Target) -> None:
    with pytest.raises(Refusal, match="answers_not_valid"):
        place(
            actor=alice,
            target=sem_target,
            starts_at=tomorrow(10),
            ends_at=tomorrow(12),
            answers=Answers(test_wafers=99),
        )
    assert not Booking.objects.exists()
    assert not JournalEntry.objects.filter(action__startswith="booking").exists()


def test_approval_and_its_answer_only_once(
    alice: User, administrator: User, booked: Callable[..., Booking]
) -> None:
    pending = booked(alice)
    confirmed = decisions.approve(actor=administrator, booking=pending)
    assert confirmed.state == BookingState.CONFIRMED
    assert confirmed.decided_by == administrator
    with pytest.raises(Refusal, match="not_pending"):
        decisions.refuse(actor=administrator, booking=pending, reason="too late")


def test_a_refusal_needs_a_reason_and_frees_the_time(
    alice: User, charlie: User, process_engineer: User, booked: Callable[..., Booking]
) -> None:
    pending = booked(alice)
    with pytest.raises(Refusal, match="reason_missing"):
        decisions.refuse(actor=process_engineer, booking=pending, reason="  ")
    turned_down = decisions.refuse(
        actor=process_engineer, booking=pending, reason="Needs a pellicle check first."
    )
    assert turned_down.state == BookingState.REFUSED
    assert booked(charlie).state == BookingState.PENDING


def test_companies_do_not_approve(alice: User, booked: Callable[..., Booking]) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        decisions.approve(actor=alice, booking=booked(alice))


def test_cancel_frees_the_time_and_only_once(
    alice: User, charlie: User, booked: Callable[..., Booking]
) -> None:
    booking = booked(alice)
    assert cancel(actor=alice, booking=booking).state == BookingState.CANCELLED
    assert booked(charlie).is_live
    with pytest.raises(Refusal, match="over"):
        cancel(actor=alice, booking=booking)


def test_a_stranger_cancels_nothing(
    alice: User, charlie: User, bob: User, booked: Callable[..., Booking]
) -> None:
    booking = booked(alice)
    with pytest.raises(Refusal) as refused:
        cancel(actor=charlie, booking=booking)
    assert refused.value.status == 404
    with pytest.raises(Refusal, match="not_allowed"):
        cancel(actor=bob, booking=booking)


def test_a_running_booking_is_not_cancelled(
    alice: User, administrator: User, booked: Callable[..., Booking]
) -> None:
    booking = decisions.approve(actor=administrator, booking=booked(alice))
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(Refusal, match="already_started"):
        cancel(actor=alice, booking=booking)


def test_a_time_that_has_passed_is_not_approved(
    alice: User, administrator: User, booked: Callable[..., Booking]
) -> None:
    booking = booked(alice)
    past = timezone.now() - timedelta(days=2)
    Booking.objects.filter(pk=booking.pk).update(starts_at=past, ends_at=past + timedelta(hours=2))
    with pytest.raises(Refusal, match="over"):
        decisions.approve(actor=administrator, booking=booking)
