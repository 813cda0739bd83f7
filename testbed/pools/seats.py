"""Opening, taking and leaving the empty slots of a booked carrier.

Lock order: the host's booking, then its pool. What a guest gets is a booking of its own, with
seats instead of claims: its runs, data and price are its own, the tools' time is the host's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking.explain import RulesBroken, refusal
from testbed.booking.models import Allocation, AllocationKind, Booking, BookingState
from testbed.booking.request import gather
from testbed.booking.rules import check_all, refusing
from testbed.material.models import SLOTS, Lot, LotState, Wafer
from testbed.people import journal
from testbed.people.permissions import demand
from testbed.pools import tell
from testbed.pools.models import Pool, PoolState, Seat
from testbed.pools.split import guests_of, tools_of, write_quotes
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    from testbed.people.models import User


def free_slots(pool: Pool) -> list[int]:
    """The opened slots nobody has taken, lowest first: the host's own wafers keep theirs."""
    lot = pool.host.lot
    own = set(lot.wafers.values_list("slot", flat=True)) if lot else set()
    opened = [slot for slot in range(1, SLOTS + 1) if slot not in own][: pool.seats]
    taken = set(pool.taken.values_list("slot", flat=True))
    return [slot for slot in opened if slot not in taken]


def open_seats(
    *, actor: User, booking: Booking, seats: int, closes_at: datetime, note: str = ""
) -> Pool:
    """Open `seats` empty slots of the booking's carrier to other companies until `closes_at`.

    Raises Refusal: "not_poolable" (409) when the booking is not confirmed, has no lot or route,
    or has begun; "not_valid" (422) with fields for a wrong number or time; "already_pooled".
    """
    demand(actor, "book")
    return in_transaction(lambda: _open(actor, booking, seats, closes_at, note.strip()))


def _open(actor: User, booking: Booking, seats: int, closes_at: datetime, note: str) -> Pool:
    host = _locked(Booking.objects.visible_to(actor), booking.pk)
    _demand_poolable(host)
    if Pool.objects.filter(host=host).exists():
        raise Refusal(
            "already_pooled",
            _("The empty slots of this booking have been opened already."),
            next_step=_("Look at its pool."),
        )
    _demand_valid(host, seats, closes_at)
    pool = Pool.objects.create(
        host=host, seats=seats, closes_at=closes_at, note=note, opened_by=actor
    )
    Lot.objects.filter(bookings=host).update(pool=pool.code)
    journal.record(
        actor=actor, action="pool.opened", subject=pool, company=host.company, seats=seats
    )
    return pool


def _locked(rows: object, pk: int) -> Booking:
    found = rows.select_related("company", "lot", "route").select_for_update(  # type: ignore[attr-defined]
        of=("self",)
    )
    booking: Booking | None = found.filter(pk=pk).first()
    if booking is None:
        raise Refusal("not_found", _("There is no such booking."), status=404)
    return booking


class WhyNot(NamedTuple):
    """Why the slots of a booking cannot be opened, and what its people can do instead."""

    sentence: StrOrPromise
    next_step: StrOrPromise


def why_not_poolable(booking: Booking, now: datetime) -> WhyNot | None:
    """The first reason against it; None when the slots can be opened (two queries at most)."""
    for stands_against, sentence, next_step in AGAINST:
        if stands_against(booking, now):
            return WhyNot(sentence, next_step)
    return None


def _is_unnamed(booking: Booking, _now: datetime) -> bool:
    return booking.lot is None or booking.route is None


def _has_own_recipe(booking: Booking, _now: datetime) -> bool:
    steps = booking.route.operations if booking.route else None
    return steps is not None and steps.filter(recipe__company__isnull=False).exists()


def _is_full(booking: Booking, _now: datetime) -> bool:
    return booking.lot is not None and booking.lot.wafers.count() >= SLOTS


AGAINST: Sequence[tuple[Callable[[Booking, datetime], bool], StrOrPromise, StrOrPromise]] = (
    (
        lambda booking, _now: bool(booking.host_id),
        _("This booking has seats in another's carrier itself."),
        _("Open the slots of a booking of your own tools' time."),
    ),
    (
        lambda booking, _now: booking.state != BookingState.CONFIRMED,
        _("Only a confirmed booking can open its empty slots."),
        _("Come back when the facility has approved it."),
    ),
    (
        _is_unnamed,
        _("The booking names no lot or no route, so others cannot tell what would be done."),
        _("Book another time with its lot and route, open its slots, and cancel this one."),
    ),
    (
        _has_own_recipe,
        _("The route uses a recipe of your own, which others may not run."),
        _("Book a route of the facility's recipes to share a carrier."),
    ),
    (
        lambda booking, now: booking.starts_at <= now,
        _("This booking has already begun."),
        _("Open the slots of a booking that is still to come."),
    ),
    (
        _is_full,
        _("The carrier is full: all 25 slots hold wafers of your own."),
        _("Open the slots of a booking with fewer wafers."),
    ),
)


def _demand_poolable(booking: Booking) -> None:
    why = why_not_poolable(booking, timezone.now())
    if why:
        raise Refusal("not_poolable", why.sentence, next_step=why.next_step)


def _demand_valid(host: Booking, seats: int, closes_at: datetime) -> None:
    fields: dict[str, list[object]] = {}
    most = SLOTS - (host.lot.wafers.count() if host.lot else 0)
    if not 1 <= seats <= most:
        said = _("The carrier has %(most)s empty slots; open 1 to %(most)s of them.")
        fields["seats"] = [said % {"most": most}]
    if not timezone.now() < closes_at <= host.starts_at:
        fields["closes_at"] = [_("Choose a time from now until the booking starts.")]
    if fields:
        raise Refusal(
            "not_valid",
            _("The slots were not opened; see what each field says."),
            status=422,
            fields=fields,
        )


def join(*, actor: User, pool: Pool, lot: Lot, purpose: str = "") -> Booking:
    """Take a seat for every wafer of `lot`; the guest's booking, confirmed like its host's.

    The wafers get the seats' slot numbers, for that is where they will sit. Raises Refusal:
    "pool_closed", "not_enough_seats" (409), "not_valid" (422) with fields, or the broken rules
    about who may book.
    """
    demand(actor, "book")
    try:
        return in_transaction(lambda: _join(actor, pool, lot, purpose.strip()))
    except RulesBroken as stopped:
        raise refusal(stopped.broken, []) from None


def _join(actor: User, pool: Pool, lot: Lot, purpose: str) -> Booking:
    host = _locked(Booking.objects.all(), pool.host_id)
    pool = Pool.objects.select_for_update().get(pk=pool.pk)
    pool.host = host
    own = Lot.objects.visible_to(actor).select_for_update().filter(pk=lot.pk).first()
    _demand_open(pool)
    wafers = _demand_lot(actor, host, own)
    free = free_slots(pool)
    if len(wafers) > len(free):
        raise _not_enough(len(free), len(wafers))
    _demand_rules(actor, host)
    assert own is not None  # noqa: S101 - demanded above
    guest = _booking(actor, host, own, len(wafers), purpose)
    _seat(pool, guest, own, wafers, free)
    write_quotes(host)
    guest.refresh_from_db(fields=["quote"])
    journal.record(
        actor=actor, action="pool.joined", subject=guest, company=guest.company, pool=pool.code
    )
    tell.joined(pool, len(wafers))
    return guest


def _demand_open(pool: Pool) -> None:
    now, host = timezone.now(), pool.host
    confirmed = host.state == BookingState.CONFIRMED
    if pool.state == PoolState.OPEN and now < pool.closes_at and confirmed:
        return
    raise Refusal(
        "pool_closed",
        _("These slots are no longer open."),
        next_step=_("Look for another pool, or book the tools yourself."),
    )


def _demand_lot(actor: User, host: Booking, lot: Lot | None) -> list[Wafer]:
    """The lot's wafers by slot; Refusal "not_valid" unless they may sit beside the host's."""
    why = _why_not_lot(actor, host, lot)
    if why or lot is None:
        raise Refusal(
            "not_valid",
            _("This lot cannot join; see what is said about it."),
            status=422,
            fields={"lot": [why]},
            next_step=_("Choose another lot, or register the wafers that shall join."),
        )
    return list(lot.wafers.order_by("slot"))


def _why_not_lot(actor: User, host: Booking, lot: Lot | None) -> StrOrPromise:
    if lot is None or lot.company_id != actor.company_id:
        return _("Your company has no such lot.")
    if lot.company_id == host.company_id:
        return _("The carrier is your own company's: add the wafers to your lot instead.")
    if lot.state != LotState.REGISTERED or lot.pool:
        return _("Only a lot that is registered, but not here yet and in no other pool, can join.")
    if lot.bookings.filter(state__in=("held", "pending", "confirmed")).exists():
        return _("This lot has a booking of its own.")
    here = set(host.lot.wafers.values_list("contamination_class", flat=True)) if host.lot else set()
    ours = set(lot.wafers.values_list("contamination_class", flat=True))
    if ours - here:
        return _("The wafers are of another contamination class than those in the carrier.")
    return ""


def _not_enough(free: int, wanted: int) -> Refusal:
    return Refusal(
        "not_enough_seats",
        _("Only %(free)s slots are free, for %(wanted)s wafers.")
        % {"free": free, "wanted": wanted},
        next_step=_("Join with fewer wafers, or look for another pool."),
    )


def _demand_rules(actor: User, host: Booking) -> None:
    """The rules about who may book hold for guests too; the time is the host's."""
    request = gather(
        actor=actor,
        tools=tools_of(host),
        starts_at=host.starts_at,
        ends_at=host.ends_at,
        now=timezone.now(),
        is_hold=False,
    )
    broken = refusing(check_all(request, about=("who",)))
    if broken:
        raise RulesBroken(broken)


def _booking(actor: User, host: Booking, lot: Lot, wafers: int, purpose: str) -> Booking:
    guest = Booking.objects.create(
        company=lot.company,
        booked_by=actor,
        cell=host.cell,
        state=BookingState.CONFIRMED,
        starts_at=host.starts_at,
        ends_at=host.ends_at,
        purpose=purpose,
        lot=lot,
        route=host.route,
        wafer_count=wafers,
        host=host,
    )
    name_tools(guest, host)
    return guest


def name_tools(guest: Booking, host: Booking) -> None:
    """The host's tools, as rows that claim nothing."""
    Allocation.objects.bulk_create(
        Allocation(
            tool=tool,
            booking=guest,
            kind=AllocationKind.SEAT,
            starts_at=host.starts_at,
            ends_at=host.ends_at,
            live=False,
        )
        for tool in tools_of(host)
    )


def _seat(pool: Pool, guest: Booking, lot: Lot, wafers: list[Wafer], free: list[int]) -> None:
    for wafer, slot in zip(wafers, free, strict=False):
        wafer.slot = slot
    Wafer.objects.bulk_update(wafers, ["slot"])
    Seat.objects.bulk_create(
        Seat(pool=pool, slot=wafer.slot, booking=guest, wafer=wafer) for wafer in wafers
    )
    Lot.objects.filter(pk=lot.pk).update(pool=pool.code)


def fix(*, actor: User | None, pool: Pool) -> Pool:
    """Close the pool: nobody joins or leaves any more, the prices stand.

    actor: an engineer of the host's company who closes it early; None when its time is up.
    Raises Refusal "pool_closed" when that has happened already.
    """
    if actor is not None:
        demand(actor, "book")
    return in_transaction(lambda: _fix(actor, pool))


def _fix(actor: User | None, pool: Pool) -> Pool:
    rows = Booking.objects.visible_to(actor) if actor else Booking.objects.all()
    host = _locked(rows, pool.host_id)
    pool = Pool.objects.select_for_update().get(pk=pool.pk)
    if pool.state != PoolState.OPEN:
        raise Refusal("pool_closed", _("These slots are no longer open."))
    pool.state = PoolState.FIXED
    pool.closes_at = min(pool.closes_at, timezone.now())
    pool.save(update_fields=["state", "closes_at"])
    write_quotes(host)
    journal.record(actor=actor, action="pool.fixed", subject=pool, company=host.company)
    tell.fixed(pool, guests_of(host))
    return pool


def fix_due(now: datetime) -> int:
    """Fix every open pool whose time is up; how many. Idempotent."""
    due = Pool.objects.filter(state=PoolState.OPEN, closes_at__lte=now)
    done = 0
    for pool in due:
        try:
            fix(actor=None, pool=pool)
        except Refusal:
            # Closed by a person in this very moment.
            continue
        done += 1
    return done
