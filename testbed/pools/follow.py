"""What becomes of seats when a booking is given back or moved (receivers of booking's signals)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import signals
from testbed.booking.models import LIVE_STATES, Booking, BookingState
from testbed.material.models import Lot
from testbed.people import journal
from testbed.pools import tell
from testbed.pools.models import Pool, PoolState, Seat
from testbed.pools.seats import name_tools
from testbed.pools.split import guests_of, write_quotes
from testbed.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.people.models import User


def connect() -> None:
    """Listen (called once, when the product starts)."""
    signals.giving_back.connect(given_back, dispatch_uid="pools.given_back")
    signals.moving.connect(about_to_move, dispatch_uid="pools.about_to_move")
    signals.moved.connect(moved, dispatch_uid="pools.moved")


def given_back(sender: object, booking_ids: Iterable[int], **_more: Any) -> None:
    """A guest leaves its seats; a host takes its guests with it, at no cost to them."""
    ids = list(booking_ids)
    for seat_booking in Booking.objects.filter(pk__in=ids, host__isnull=False):
        _leave(seat_booking)
    for pool in Pool.objects.filter(host__in=ids).exclude(state=PoolState.WITHDRAWN):
        _dissolve(pool)


def _leave(guest: Booking) -> None:
    host = Booking.objects.select_for_update().get(pk=guest.host_id)
    pool = Pool.objects.select_for_update().get(host=host)
    if pool.state == PoolState.FIXED:
        raise Refusal(
            "split_fixed",
            _("The split of the cost is fixed; the others' prices rest on your wafers."),
            next_step=_("Ask the facility; your seats stay yours."),
        )
    _free(pool, guest)
    pool.host = host
    write_quotes(host, without=guest)
    tell.left(pool, guest.wafer_count)


def _free(pool: Pool, guest: Booking) -> None:
    Seat.objects.filter(pool=pool, booking=guest).delete()
    # A lot that is here already sits in the shared carrier; its pool stays on it until it leaves.
    Lot.objects.filter(bookings=guest, carrier=None).update(pool="")


def _dissolve(pool: Pool) -> None:
    now = timezone.now()
    for guest in guests_of(pool.host):
        guest.state = BookingState.CANCELLED
        guest.decided_at = now
        guest.save(update_fields=["state", "decided_at"])
        _free(pool, guest)
        journal.record(actor=None, action="pool.dissolved", subject=guest, company=guest.company)
        tell.dissolved(pool, guest)
    pool.state = PoolState.WITHDRAWN
    pool.save(update_fields=["state"])


def about_to_move(sender: object, booking: Booking, actor: User | None, **_more: Any) -> None:
    """A guest moves only with its host; a company does not move its guests."""
    if booking.host_id:
        raise Refusal(
            "moves_with_carrier",
            _("Your wafers ride in another's carrier; the time is that booking's."),
            next_step=_("Leave the pool and book a time of your own."),
        )
    by_company = actor is not None and not actor.is_staff_member
    if by_company and booking.guests.filter(state__in=LIVE_STATES).exists():
        raise Refusal(
            "has_guests",
            _("Other companies' wafers ride in this carrier, so it cannot be moved."),
            next_step=_("Ask the facility to move it, or cancel it; your guests pay nothing then."),
        )


def moved(sender: object, booking: Booking, **_more: Any) -> None:
    """Guests go along; until the new start they may leave again at no cost."""
    guests = guests_of(booking)
    if not guests:
        return
    for guest in guests:
        guest.starts_at, guest.ends_at = booking.starts_at, booking.ends_at
        guest.cell = booking.cell
        guest.save(update_fields=["starts_at", "ends_at", "cell"])
        guest.allocations.all().delete()
        name_tools(guest, booking)
    pool = Pool.objects.select_for_update().get(host=booking)
    pool.state, pool.closes_at = PoolState.OPEN, booking.starts_at
    pool.save(update_fields=["state", "closes_at"])
    write_quotes(booking)
    for guest in guests:
        tell.moved(pool, guest)
