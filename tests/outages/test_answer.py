"""What a company answers to a booking that the facility moved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from testbed.booking.change import change
from testbed.booking.models import Booking, BookingState, Penalty
from testbed.booking.target import Target
from testbed.notices.models import Notice
from testbed.outages.announce import announce
from testbed.outages.answer import accept, choose, decline, proposals, sweep
from testbed.outages.models import Fate, Rebooking, RebookingState
from testbed.outages.rebook import Chosen
from testbed.outages.withdraw import withdraw
from testbed.refusals import Refusal
from tests.booking.conftest import setting, tomorrow
from tests.outages.conftest import book, live_claims, terms

if TYPE_CHECKING:
    from testbed.people.models import User
    from testbed.tools.models import Tool

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_approval(db: None) -> None:
    row = setting("needs_approval")
    row.is_active = False
    row.save()


@pytest.fixture
def moved(administrator: User, alice: User, cd_sem: Tool) -> Rebooking:
    """Alice's booking of ten o'clock, moved to nine."""
    booking = book(alice, cd_sem, 10)
    fates = {booking.pk: Chosen(Fate.MOVED, tomorrow(9))}
    announce(actor=administrator, terms=terms(cd_sem), fates=fates)
    return Rebooking.objects.get()


@pytest.fixture
def offered(administrator: User, alice: User, cd_sem: Tool) -> Rebooking:
    """Alice's booking of ten o'clock, without a time."""
    booking = book(alice, cd_sem, 10)
    announce(actor=administrator, terms=terms(cd_sem), fates={booking.pk: Chosen(Fate.OFFERED)})
    return Rebooking.objects.get()


def test_accepting(alice: User, moved: Rebooking) -> None:
    row = accept(actor=alice, rebooking=moved)
    assert (row.state, row.decided_by) == (RebookingState.ACCEPTED, alice)
    assert accept(actor=alice, rebooking=moved).decided_at == row.decided_at
    booking = Booking.objects.get()
    assert (booking.starts_at, booking.moved_by_facility_at) == (tomorrow(9), None)
    with pytest.raises(Refusal) as refused:
        decline(actor=alice, rebooking=moved)
    assert refused.value.code == "answered"


def test_choosing_another_time(alice: User, cd_sem: Tool, moved: Rebooking) -> None:
    assert tomorrow(12) in [slot.starts_at for slot in proposals(moved)]
    assert tomorrow(9) not in [slot.starts_at for slot in proposals(moved)]
    row = choose(actor=alice, rebooking=moved, starts_at=tomorrow(12))
    assert row.state == RebookingState.CHANGED
    booking = Booking.objects.get()
    assert (booking.state, booking.starts_at) == (BookingState.CONFIRMED, tomorrow(12))
    assert (tomorrow(9), tomorrow(10), "booking") not in live_claims(cd_sem)
    assert Notice.objects.filter(kind="booking_changed", reader=alice).count() == 1


def test_an_offer_takes_a_time_with_the_state_it_had(
    alice: User, cd_sem: Tool, offered: Rebooking
) -> None:
    """The tool needs an approval by now; the booking had its own before the facility took it."""
    row = setting("needs_approval", cd_sem)
    assert row.is_active
    choose(actor=alice, rebooking=offered, starts_at=tomorrow(13))
    booking = Booking.objects.get()
    assert (booking.state, booking.starts_at) == (BookingState.CONFIRMED, tomorrow(13))
    assert live_claims(cd_sem)[-1] == (tomorrow(13), tomorrow(14), "booking")


def test_choosing_what_is_closed_is_refused(alice: User, moved: Rebooking) -> None:
    with pytest.raises(Refusal) as refused:
        choose(actor=alice, rebooking=moved, starts_at=tomorrow(11))
    assert refused.value.status == 409
    assert refused.value.extra["nearest_slots"]
    moved.refresh_from_db()
    assert moved.state == RebookingState.OPEN


def test_an_offer_has_nothing_to_accept(alice: User, offered: Rebooking) -> None:
    with pytest.raises(Refusal) as refused:
        accept(actor=alice, rebooking=offered)
    assert refused.value.code == "no_time_yet"


@pytest.mark.parametrize("kind", ["moved", "offered"])
def test_giving_back_is_free_at_any_hour(
    request: pytest.FixtureRequest, alice: User, cd_sem: Tool, kind: str
) -> None:
    rebooking = request.getfixturevalue(kind)
    setting("late_cancel", hours_before=72, fee_percent=100, debt_percent=100)
    assert decline(actor=alice, rebooking=rebooking).state == RebookingState.DECLINED
    assert Booking.objects.get().state == BookingState.CANCELLED
    assert [kind for _start, _end, kind in live_claims(cd_sem)] == ["closure"]
    assert not Penalty.objects.exists()


def test_strangers_and_readers_answer_nothing(
    charlie: User, bob: User, administrator: User, moved: Rebooking
) -> None:
    assert not Rebooking.objects.visible_to(charlie).exists()
    with pytest.raises(Refusal) as refused:
        accept(actor=charlie, rebooking=moved)
    assert refused.value.code == "not_found"
    for person in (bob, administrator):
        with pytest.raises(Refusal) as refused:
            accept(actor=person, rebooking=moved)
        assert refused.value.code == "not_allowed"


def test_without_an_answer_it_stays(alice: User, moved: Rebooking) -> None:
    assert sweep() == 0
    assert sweep(now=tomorrow(9)) == 1
    moved.refresh_from_db()
    assert moved.state == RebookingState.LAPSED
    booking = Booking.objects.get()
    assert (booking.state, booking.moved_by_facility_at) == (BookingState.CONFIRMED, None)


def test_an_offer_without_an_answer_ends_free(alice: User, offered: Rebooking) -> None:
    assert offered.answer_by is not None
    assert sweep(now=offered.answer_by - timedelta(minutes=1)) == 0
    assert sweep(now=offered.answer_by) == 1
    assert Booking.objects.get().state == BookingState.CANCELLED
    assert Rebooking.objects.get().state == RebookingState.LAPSED
    assert not Penalty.objects.exists()


def test_an_ordinary_change_answers_too(alice: User, cd_sem: Tool, moved: Rebooking) -> None:
    change(
        actor=alice, booking=moved.booking, target=Target(tool=cd_sem),
        starts_at=tomorrow(15), ends_at=tomorrow(16),
    )  # fmt: skip
    assert not Rebooking.objects.waiting().exists()
    assert sweep() == 1
    moved.refresh_from_db()
    assert moved.state == RebookingState.CHANGED


def test_a_second_closure_takes_the_first_ones_place(
    administrator: User, alice: User, cd_sem: Tool, moved: Rebooking
) -> None:
    announce(
        actor=administrator, terms=terms(cd_sem, start=8),
        fates={moved.booking_id: Chosen(Fate.MOVED, tomorrow(12))},
    )  # fmt: skip
    moved.refresh_from_db()
    assert moved.state == RebookingState.LAPSED
    assert Rebooking.objects.waiting().count() == 1


def test_a_withdrawn_closure_offers_the_old_time_again(
    administrator: User, alice: User, moved: Rebooking
) -> None:
    withdraw(actor=administrator, outage=moved.outage)
    told = Notice.objects.filter(reader=alice, kind="closure").latest("pk")
    assert "10:00–11:00" in str(told.texts["en"])
    assert proposals(moved)[0].starts_at == tomorrow(10)
    choose(actor=alice, rebooking=moved, starts_at=tomorrow(10))
    assert Booking.objects.get().starts_at == tomorrow(10)


def test_too_late_to_answer(alice: User, moved: Rebooking) -> None:
    Rebooking.objects.update(answer_by=timezone.now())
    with pytest.raises(Refusal) as refused:
        accept(actor=alice, rebooking=moved)
    assert refused.value.code == "answered"
