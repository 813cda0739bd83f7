"""What comes free goes to whose turn it is, as a real hold, and on to the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given, strategies

from testbed.booking.cancel import cancel
from testbed.booking.hours import KST
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import Answers, submit
from testbed.booking.target import Target
from testbed.people.models import JournalEntry, User
from testbed.refusals import Refusal
from testbed.waiting import listen, terms
from testbed.waiting.models import Offer, OfferState, Wish, WishState
from testbed.waiting.offer import close_over, sweep
from testbed.waiting.queue import with_places
from testbed.waiting.terms import after_working, turn
from testbed.waiting.wish import decline, wait_for, withdraw
from tests.booking.conftest import setting, tomorrow
from tests.waiting.conftest import free

Waits = Callable[..., Wish]
pytestmark = pytest.mark.django_db


def places() -> dict[int, int]:
    rows = with_places(Wish.objects.waiting(), timezone.now())
    return {wish.pk: wish.place for wish in rows}


def state(wish: Wish) -> str:
    wish.refresh_from_db()
    return str(wish.state)


def test_the_oldest_wish_gets_a_hold_and_is_told(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    first, second = waits(alice), waits(charlie)
    assert sweep() == 0
    free(full, 10, 12)
    assert sweep() == 1
    assert sweep() == 0
    [offer] = Offer.objects.all()
    assert (offer.wish, offer.booking.state) == (first, BookingState.HELD)
    assert (offer.booking.starts_at, offer.booking.ends_at) == (tomorrow(10), tomorrow(12))
    assert offer.booking.booked_by == alice
    assert offer.booking.hold_expires_at == offer.expires_at <= tomorrow(10)
    assert (state(first), state(second)) == (WishState.OFFERED, WishState.WAITING)
    assert [one.kind for one in alice.notices.all()] == ["waiting_offer"]
    assert not charlie.notices.exists()
    assert JournalEntry.objects.filter(action="waiting.offered", actor=None).count() == 1


def test_submitted_it_is_taken(waits: Waits, full: Allocation, alice: User) -> None:
    wish = waits(alice)
    free(full, 10, 12)
    sweep()
    offer = Offer.objects.get()
    submit(actor=alice, booking=offer.booking, answers=Answers(purpose="waited for"))
    close_over(timezone.now())
    offer.refresh_from_db()
    assert (offer.state, state(wish)) == (OfferState.TAKEN, WishState.TAKEN)


def test_declined_it_goes_to_the_next_and_does_not_come_again(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    first, second = waits(alice), waits(charlie)
    free(full, 10, 12)
    sweep()
    decline(actor=alice, offer=Offer.objects.get())
    assert sweep() == 1
    assert state(second) == WishState.OFFERED
    decline(actor=charlie, offer=Offer.objects.open().get())
    assert sweep() == 0
    assert (state(first), state(second)) == (WishState.WAITING, WishState.WAITING)


def test_run_out_it_goes_to_the_next(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    first, second = waits(alice), waits(charlie)
    free(full, 10, 12)
    sweep()
    Booking.objects.update(hold_expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep() == 1
    assert (state(first), state(second)) == (WishState.LAPSED, WishState.OFFERED)
    assert alice.notices.count() == 2


def test_a_hold_cancelled_on_its_own_page_is_a_no(
    waits: Waits, full: Allocation, alice: User
) -> None:
    wish = waits(alice)
    free(full, 10, 12)
    sweep()
    cancel(actor=alice, booking=Offer.objects.get().booking)
    assert sweep() == 0
    assert state(wish) == WishState.WAITING


def test_one_open_offer_a_company(
    waits: Waits, full: Allocation, alice: User, charlie: User, dana: User
) -> None:
    waits(charlie)
    waits(dana)
    third = waits(alice)
    free(full, 10, 14)
    assert sweep() == 2
    assert set(Offer.objects.values_list("company", flat=True)) == {
        charlie.company_id, alice.company_id,
    }  # fmt: skip
    [told] = Offer.objects.get(wish=third).passed_over
    assert told["because"] == "open_offer"


def test_who_was_offered_a_time_lately_comes_after_who_was_not(
    waits: Waits, full: Allocation, alice: User, charlie: User, dana: User
) -> None:
    waits(charlie)
    waiting = waits(dana)
    last = waits(alice)
    free(full, 10, 12)
    sweep()
    decline(actor=charlie, offer=Offer.objects.get())
    assert sweep() == 1
    assert state(last) == WishState.OFFERED
    assert state(waiting) == WishState.WAITING
    # A day later all are equal again.
    Offer.objects.filter(company=charlie.company).update(
        offered_at=timezone.now() - timedelta(hours=25)
    )
    decline(actor=alice, offer=Offer.objects.open().get())
    assert sweep() == 1
    assert state(waiting) == WishState.OFFERED


def test_a_company_without_a_hold_left_is_passed_over_and_keeps_its_place(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    first, second = waits(alice), waits(charlie)
    setting("open_holds", maximum=0)
    free(full, 10, 12)
    assert sweep() == 0
    assert (state(first), state(second)) == (WishState.WAITING, WishState.WAITING)
    Booking.objects.all().delete()


def test_days_and_hours_are_kept(waits: Waits, full: Allocation, alice: User) -> None:
    tomorrows_bit = 1 << tomorrow(10).weekday()
    waits(alice, weekdays=127 ^ tomorrows_bit, latest=tomorrow(20) + timedelta(days=0))
    wish = waits(alice, from_hour=13, until_hour=17)
    free(full, 10, 16)
    assert sweep() == 1
    offer = Offer.objects.get()
    assert offer.wish == wish
    assert offer.booking.starts_at == tomorrow(13)


def test_withdrawing_gives_an_open_offer_back(
    waits: Waits, full: Allocation, alice: User, charlie: User
) -> None:
    wish = waits(alice)
    free(full, 10, 12)
    sweep()
    withdraw(actor=alice, wish=wish)
    assert state(wish) == WishState.WITHDRAWN
    assert Offer.objects.get().state == OfferState.DECLINED
    with pytest.raises(Refusal, match="wish_over"):
        withdraw(actor=alice, wish=wish)
    with pytest.raises(Refusal, match="not_found"):
        withdraw(actor=charlie, wish=wish)


def test_a_range_that_passed_lapses(waits: Waits, alice: User) -> None:
    wish = waits(alice)
    close_over(tomorrow(21))
    assert state(wish) == WishState.LAPSED


def test_ones_own_place_is_known(waits: Waits, alice: User, charlie: User, dana: User) -> None:
    waiting = [waits(charlie), waits(dana), waits(alice)]
    assert places() == {wish.pk: number for number, wish in enumerate(waiting, start=1)}


def test_what_is_free_is_booked_and_not_waited_for(
    waits: Waits, full: Allocation, alice: User
) -> None:
    free(full, 10, 12)
    with pytest.raises(Refusal) as refused:
        waits(alice)
    assert refused.value.code == "free_already"
    [slot] = refused.value.extra["nearest_slots"]
    assert slot["starts_at"] == tomorrow(10).astimezone(KST).isoformat()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"minutes": 0}, "minutes"),
        ({"latest": datetime(2020, 1, 1, tzinfo=KST)}, "latest"),
        ({"latest": datetime(2099, 1, 1, tzinfo=KST)}, "latest"),
        ({"weekdays": 0}, "weekdays"),
        ({"from_hour": 9}, "from_hour"),
        ({"from_hour": 9, "until_hour": 25}, "from_hour"),
        ({"from_hour": 9, "until_hour": 10}, "until_hour"),
    ],
)
def test_a_wish_that_cannot_come_true_is_told_why(
    waits: Waits, alice: User, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refusal) as refused:
        waits(alice, **asked)
    assert refused.value.code == "wish_not_valid"
    assert field in refused.value.fields


def test_a_length_no_day_allows_is_refused_in_the_rule_s_words(
    target: Target, full: Allocation, alice: User
) -> None:
    setting("maximum_length", minutes=60)
    with pytest.raises(Refusal) as refused:
        wait_for(actor=alice, target=target, minutes=120, earliest=tomorrow(8), latest=tomorrow(20))
    assert refused.value.code == "maximum_length"


def test_ten_wishes_a_company(waits: Waits, alice: User) -> None:
    for _turn in range(10):
        waits(alice)
    with pytest.raises(Refusal, match="too_many_wishes"):
        waits(alice)


def test_the_database_keeps_one_open_offer(waits: Waits, full: Allocation, alice: User) -> None:
    wish = waits(alice)
    free(full, 10, 12)
    sweep()
    offer = Offer.objects.get()
    other = Booking.objects.create(
        company=wish.company, booked_by=alice, state=BookingState.CONFIRMED,
        starts_at=tomorrow(15), ends_at=tomorrow(16),
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="offer_one_open"), transaction.atomic():
        Offer.objects.create(
            wish=wish, company=wish.company, booking=other,
            offered_at=offer.offered_at, expires_at=offer.expires_at,
        )  # fmt: skip


def test_only_time_that_came_free_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(listen.app, "send_task", lambda name, args, **more: rung.append(args))
    listen.on_line_changed(tool_ids=frozenset({3, 1}), freed=False)
    listen.on_line_changed(tool_ids=frozenset({3, 1}), freed=True)
    assert rung == [([1, 3],)]

    def dead(*args: Any, **more: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(listen.app, "send_task", dead)
    listen.on_line_changed(tool_ids=frozenset({1}), freed=True)


MOMENTS = strategies.integers(0, 200).map(
    lambda hours: datetime(2027, 3, 1, tzinfo=KST) + timedelta(hours=hours)
)


@given(
    people=strategies.lists(
        strategies.tuples(strategies.none() | MOMENTS, MOMENTS), min_size=1, max_size=8
    ),
    now=MOMENTS,
)
def test_the_law_of_the_queue(
    people: list[tuple[datetime | None, datetime]], now: datetime
) -> None:
    """No company offered a time lately stands before one that was not; else the oldest first."""
    rows = [(offered, since, pk) for pk, (offered, since) in enumerate(people)]
    rows.sort(key=lambda row: turn(
        was_offered_at=row[0], waits_since=row[1], pk=row[2], now=now,
    ))  # fmt: skip

    def lately(row: tuple[datetime | None, datetime, int]) -> bool:
        return row[0] is not None and row[0] > now - timedelta(hours=24)

    for one, other in pairwise(rows):
        assert (lately(one), one[1], one[2]) <= (lately(other), other[1], other[2])


@given(start=MOMENTS, minutes=strategies.integers(1, 3_000))
def test_an_offer_stands_for_working_time(start: datetime, minutes: int) -> None:
    """Counted minute by minute, exactly so many working minutes lie between."""
    end = after_working(start, timedelta(minutes=minutes), ())
    counted, at = 0, start
    while at < end:
        counted += terms.OPENS <= at.hour < terms.CLOSES and at.weekday() < 5
        at += timedelta(minutes=1)
    assert counted == minutes


def test_an_offer_made_at_night_lasts_into_the_next_working_morning() -> None:
    friday_night = datetime(2027, 3, 5, 23, 30, tzinfo=KST)
    monday = friday_night.date() + timedelta(days=3)
    assert after_working(friday_night, timedelta(hours=1), ()) == datetime(
        2027, 3, 8, 10, tzinfo=KST
    )
    assert after_working(friday_night, timedelta(hours=1), {monday}) == datetime(
        2027, 3, 9, 10, tzinfo=KST
    )
