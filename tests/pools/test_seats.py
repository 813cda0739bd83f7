"""Opening, taking, leaving and fixing the slots of a shared carrier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from testbed.booking.cancel import cancel
from testbed.booking.change import change
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.target import Target
from testbed.material.check_in import check_in
from testbed.material.models import Carrier, Wafer
from testbed.notices.models import Notice
from testbed.people.models import User
from testbed.pools import seats
from testbed.pools.models import Pool, PoolState, Seat
from testbed.prices import fees
from testbed.refusals import Refusal
from testbed.tools.models import ContaminationClass, Tool
from tests.pools.conftest import Joiner


def service_won(booking: Booking) -> int:
    """The undiscounted tool time of a booking's quote."""
    booking.refresh_from_db()
    lines = booking.quote["lines"]
    return sum(line["amount_won"] for line in lines if line["code"] in ("service", "share"))


def test_who_joins_gets_a_booking_seats_and_a_share(
    pool: Pool, host: Booking, charlie: User, lot_of_charlie: Joiner, cd_sem: Tool
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(2))
    assert (guest.state, guest.host, guest.route) == (BookingState.CONFIRMED, host, host.route)
    assert list(guest.seats.values_list("slot", flat=True)) == [4, 5]
    assert guest.lot is not None
    assert list(guest.lot.wafers.order_by("slot").values_list("slot", flat=True)) == [4, 5]
    assert seats.free_slots(pool) == [6, 7, 8]
    whole = fees.service_won(rate_won_per_hour=cd_sem.rate_won_per_hour, seconds=3_600)
    assert service_won(host) + service_won(guest) == whole
    assert service_won(guest) == pytest.approx(whole * 2 / 5, abs=1)
    assert guest.quote["size_class"] != host.quote.get("size_class"), "each its own discount"
    assert not Allocation.objects.live().filter(booking=guest).exists()
    assert [row.tool for row in guest.allocations.all()] == [cd_sem]


def test_leaving_before_the_split_costs_nothing_and_frees_the_slots(
    pool: Pool, host: Booking, charlie: User, lot_of_charlie: Joiner, cd_sem: Tool
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(2))
    cancel(actor=charlie, booking=guest)
    assert seats.free_slots(pool) == [4, 5, 6, 7, 8]
    assert service_won(host) == cd_sem.rate_won_per_hour
    assert guest.lot is not None
    guest.lot.refresh_from_db()
    assert guest.lot.pool == ""
    seats.join(actor=charlie, pool=pool, lot=guest.lot)


def test_after_the_split_is_fixed_nobody_leaves_or_joins(
    pool: Pool, alice: User, charlie: User, lot_of_charlie: Joiner
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(2))
    seats.fix(actor=alice, pool=pool)
    with pytest.raises(Refusal, match="split_fixed"):
        cancel(actor=charlie, booking=guest)
    guest.refresh_from_db()
    assert guest.state == BookingState.CONFIRMED
    with pytest.raises(Refusal, match="pool_closed"):
        seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(1))


def test_the_time_fixes_the_split_by_itself_once(
    pool: Pool, charlie: User, lot_of_charlie: Joiner
) -> None:
    seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(1))
    assert seats.fix_due(timezone.now()) == 0
    later = pool.closes_at + timedelta(seconds=1)
    assert (seats.fix_due(later), seats.fix_due(later)) == (1, 0)
    pool.refresh_from_db()
    assert pool.state == PoolState.FIXED


def test_a_host_that_cancels_takes_its_guests_with_it_at_no_cost(
    pool: Pool, host: Booking, alice: User, charlie: User, lot_of_charlie: Joiner
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(2))
    seats.fix(actor=alice, pool=pool)
    cancel(actor=alice, booking=host)
    guest.refresh_from_db()
    pool.refresh_from_db()
    assert (guest.state, pool.state) == (BookingState.CANCELLED, PoolState.WITHDRAWN)
    assert not guest.penalties.exists()
    assert not Seat.objects.exists()
    told = Notice.objects.filter(reader=charlie, kind="pool").latest("pk")
    assert "carrier does not go" in told.texts["en"]["subject"]


def move(actor: User, booking: Booking, hours: int, tool: Tool) -> Booking:
    start = booking.starts_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    return change(
        actor=actor, booking=booking, target=Target(tool=tool), starts_at=start,
        ends_at=start + timedelta(hours=1),
    )  # fmt: skip


def test_a_company_moves_neither_its_guests_nor_itself_as_a_guest(
    pool: Pool, host: Booking, alice: User, charlie: User, lot_of_charlie: Joiner, cd_sem: Tool
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(1))
    with pytest.raises(Refusal, match="has_guests"):
        move(alice, host, 24, cd_sem)
    with pytest.raises(Refusal, match="moves_with_carrier"):
        move(charlie, guest, 24, cd_sem)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"state": BookingState.PENDING}, "not_poolable"),
        ({"lot": None}, "not_poolable"),
        ({"route": None}, "not_poolable"),
        ({"starts_at": timezone.now() - timedelta(hours=1)}, "not_poolable"),
    ],
)
def test_only_a_confirmed_booking_with_lot_and_route_ahead_opens_slots(
    host: Booking, alice: User, spoil: dict[str, Any], code: str
) -> None:
    if spoil.get("state") == BookingState.PENDING:
        Booking.objects.filter(pk=host.pk).update(state="pending")
    else:
        Booking.objects.filter(pk=host.pk).update(**spoil)
    with pytest.raises(Refusal, match=code):
        seats.open_seats(
            actor=alice, booking=host, seats=1, closes_at=timezone.now() + timedelta(hours=1)
        )


@pytest.mark.parametrize(("count", "hours"), [(0, 1), (23, 1), (3, -1), (3, 60)])
def test_numbers_and_times_that_cannot_be(
    host: Booking, alice: User, count: int, hours: int
) -> None:
    with pytest.raises(Refusal, match="not_valid"):
        seats.open_seats(
            actor=alice, booking=host, seats=count,
            closes_at=timezone.now() + timedelta(hours=hours),
        )  # fmt: skip


def test_a_route_with_an_own_recipe_is_not_shared(host: Booking, alice: User) -> None:
    assert host.route is not None
    recipe = host.route.operations.get().recipe
    recipe.company = alice.company
    recipe.save()
    with pytest.raises(Refusal, match="not_poolable"):
        seats.open_seats(
            actor=alice, booking=host, seats=1, closes_at=timezone.now() + timedelta(hours=1)
        )


@pytest.mark.parametrize("spoil", [{"lot": None}, {"state": BookingState.PENDING}, {}])
def test_the_page_says_why_not_and_what_to_do_instead(
    host: Booking, alice: User, sign_in: Callable[[User], Client], spoil: dict[str, Any]
) -> None:
    Booking.objects.filter(pk=host.pk).update(**spoil)
    page = sign_in(alice).get(f"/bookings/{host.pk}/pool/")
    why = page.context["why_not"]
    assert (why is None) == (spoil == {})
    if why:
        shown = page.content.decode()
        assert escape(str(why.sentence)) in shown
        assert escape(str(why.next_step)) in shown


def test_slots_are_opened_once(pool: Pool, host: Booking, alice: User) -> None:
    with pytest.raises(Refusal, match="already_pooled"):
        seats.open_seats(
            actor=alice, booking=host, seats=1, closes_at=timezone.now() + timedelta(hours=1)
        )


def test_which_lots_may_join(
    pool: Pool, alice: User, charlie: User, lot_of_charlie: Joiner, host: Booking
) -> None:
    assert host.lot is not None
    with pytest.raises(Refusal, match="not_valid"):
        seats.join(actor=charlie, pool=pool, lot=host.lot)
    dirty = lot_of_charlie(1)
    dirty.wafers.update(contamination_class=ContaminationClass.COPPER)
    with pytest.raises(Refusal, match="not_valid"):
        seats.join(actor=charlie, pool=pool, lot=dirty)
    with pytest.raises(Refusal, match="not_enough_seats"):
        seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(6))
    with pytest.raises(Refusal, match="not_valid"):
        seats.join(actor=alice, pool=pool, lot=host.lot)
    assert not Seat.objects.exists()


def test_a_suspended_company_does_not_join(
    pool: Pool, charlie: User, lot_of_charlie: Joiner
) -> None:
    lot = lot_of_charlie(1)
    assert charlie.company is not None
    charlie.company.is_active = False
    charlie.company.save()
    with pytest.raises(Refusal):
        seats.join(actor=charlie, pool=pool, lot=lot)
    assert not Seat.objects.exists()


def test_readers_and_strangers(pool: Pool, host: Booking, bob: User, charlie: User) -> None:
    with pytest.raises(Refusal, match="not_allowed"):
        seats.open_seats(actor=bob, booking=host, seats=1, closes_at=timezone.now())
    with pytest.raises(Refusal, match="not_found"):
        seats.fix(actor=charlie, pool=pool)


def test_a_pools_lots_share_one_carrier_and_others_do_not(
    pool: Pool, host: Booking, charlie: User, technician: User, lot_of_charlie: Joiner
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(2))
    stranger = lot_of_charlie(1)
    carrier = Carrier.objects.create(code="FOUP-07")
    assert host.lot is not None
    assert guest.lot is not None
    host.lot.refresh_from_db()
    guest.lot.refresh_from_db()
    check_in(actor=technician, lot=host.lot, carrier=carrier)
    check_in(actor=technician, lot=guest.lot, carrier=carrier)
    slots = Wafer.objects.filter(lot__carrier=carrier).values_list("slot", flat=True)
    assert sorted(slots) == [1, 2, 3, 4, 5]
    with pytest.raises(Refusal, match="carrier_full"):
        check_in(actor=technician, lot=stranger, carrier=carrier)
    stranger.carrier = carrier
    with pytest.raises(IntegrityError, match="carrier_taken"), transaction.atomic():
        stranger.save()
    stranger.pool = pool.code
    with pytest.raises(IntegrityError, match="slot_taken"), transaction.atomic():
        stranger.save()


def test_the_database_keeps_seats_to_the_guests_own_wafers(
    pool: Pool, host: Booking, charlie: User, lot_of_charlie: Joiner
) -> None:
    guest = seats.join(actor=charlie, pool=pool, lot=lot_of_charlie(1))
    assert host.lot is not None
    foreign = host.lot.wafers.first()
    assert foreign is not None
    with pytest.raises(IntegrityError, match="company"), transaction.atomic():
        Seat.objects.create(pool=pool, slot=9, booking=guest, wafer=foreign)
