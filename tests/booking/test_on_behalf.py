"""Staff at the desk book for a company's engineer."""

from __future__ import annotations

from typing import Any

import pytest

from testbed.booking.change import change
from testbed.booking.hold import extend, hold
from testbed.booking.models import Booking, BookingState
from testbed.booking.place import Answers, place, submit
from testbed.booking.target import Target
from testbed.material.models import Lot
from testbed.people.models import Company, JournalEntry, User
from testbed.refusals import Refusal
from tests.booking.conftest import setting, tomorrow

Wish = dict[str, Any]


@pytest.fixture
def wish(sem_target: Target) -> Wish:
    return {"target": sem_target, "starts_at": tomorrow(10), "ends_at": tomorrow(12)}


def test_the_engineer_is_the_booker_and_staff_are_named(
    administrator: User, alice: User, company_a: Company, wish: Wish
) -> None:
    booking = place(actor=administrator, **wish, answers=Answers(), on_behalf_of=alice)
    assert (booking.company, booking.booked_by) == (company_a, alice)
    assert booking.placed_by == administrator
    entry = JournalEntry.objects.get(action="booking.placed")
    assert (entry.actor, entry.company) == (administrator, company_a)
    assert entry.details["on_behalf_of"] == alice.pk


def test_from_hold_to_booking(administrator: User, alice: User, wish: Wish) -> None:
    held = hold(actor=administrator, **wish, on_behalf_of=alice)
    assert held.placed_by == administrator
    extended = extend(actor=administrator, booking=held)
    assert extended.hold_extensions == 1
    placed = submit(actor=administrator, booking=held, answers=Answers())
    assert (placed.state, placed.booked_by) == (BookingState.PENDING, alice)


def test_an_own_booking_names_no_placer(alice: User, wish: Wish) -> None:
    assert place(actor=alice, **wish, answers=Answers()).placed_by is None


def test_the_price_is_the_companys(administrator: User, alice: User, wish: Wish) -> None:
    own = hold(actor=alice, **wish)
    wish |= {"starts_at": tomorrow(14), "ends_at": tomorrow(16)}
    behalf = hold(actor=administrator, **wish, on_behalf_of=alice)
    assert behalf.quote == own.quote
    assert behalf.quote["size_class"] == "sme"


def test_quotas_count_for_the_company(
    administrator: User, process_engineer: User, alice: User, charlie: User, wish: Wish
) -> None:
    setting("company_hours_day", hours=2)
    place(actor=administrator, **wish, answers=Answers(), on_behalf_of=alice)
    wish |= {"starts_at": tomorrow(14), "ends_at": tomorrow(16)}
    with pytest.raises(Refusal) as stopped:
        place(actor=process_engineer, **wish, answers=Answers(), on_behalf_of=alice)
    assert stopped.value.code == "company_hours_day"
    place(actor=process_engineer, **wish, answers=Answers(), on_behalf_of=charlie)


def test_another_companys_lot_is_not_taken(
    administrator: User, alice: User, charlie: User, company_b: Company, lot_of: Any, wish: Wish
) -> None:
    lot: Lot = lot_of(company_b, charlie)
    with pytest.raises(Refusal) as stopped:
        place(actor=administrator, **wish, answers=Answers(lot=lot), on_behalf_of=alice)
    assert stopped.value.code == "answers_not_valid"


@pytest.mark.parametrize("who", ["alice", "bob", "charlie", "technician", "auditor"])
def test_who_may_not(who: str, request: pytest.FixtureRequest, alice: User, wish: Wish) -> None:
    actor = request.getfixturevalue(who)
    with pytest.raises(Refusal) as stopped:
        hold(actor=actor, **wish, on_behalf_of=alice)
    assert (stopped.value.code, stopped.value.status) == ("not_allowed", 403)


@pytest.mark.parametrize("whom", ["bob", "technician"])
def test_for_whom_nobody_books(
    whom: str, request: pytest.FixtureRequest, administrator: User, wish: Wish
) -> None:
    with pytest.raises(Refusal) as stopped:
        hold(actor=administrator, **wish, on_behalf_of=request.getfixturevalue(whom))
    assert (stopped.value.code, stopped.value.status) == ("not_an_engineer", 422)


def test_a_closed_account_is_nobody(administrator: User, alice: User, wish: Wish) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(Refusal) as stopped:
        hold(actor=administrator, **wish, on_behalf_of=alice)
    assert stopped.value.code == "not_an_engineer"


def test_staff_without_a_company_book_nothing_for_themselves(
    administrator: User, wish: Wish
) -> None:
    with pytest.raises(Refusal) as stopped:
        hold(actor=administrator, **wish)
    assert stopped.value.code == "not_allowed"


def test_staff_move_a_companys_booking(
    administrator: User, technician: User, alice: User, booked: Any, sem_target: Target
) -> None:
    booking: Booking = booked(alice)
    later = {"target": sem_target, "starts_at": tomorrow(14), "ends_at": tomorrow(16)}
    with pytest.raises(Refusal):
        change(actor=technician, booking=booking, **later)
    moved = change(actor=administrator, booking=booking, **later)
    assert (moved.starts_at, moved.booked_by) == (tomorrow(14), alice)
    entry = JournalEntry.objects.get(action="booking.changed")
    assert (entry.actor, entry.details["on_behalf_of"]) == (administrator, alice.pk)
