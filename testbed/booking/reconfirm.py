"""Saying again that one comes: asked of bookings made long ahead, or their time goes to others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify, penalties
from testbed.booking.give_to_others import give_to_others
from testbed.booking.intervals import Interval
from testbed.booking.models import Booking, BookingState, PenaltyKind
from testbed.booking.rules import by_code
from testbed.material.models import LotState
from testbed.people import journal
from testbed.people.permissions import demand, may
from testbed.refusals import Refusal
from testbed.transactions import in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.querysets import BookingQuerySet
    from testbed.booking.rules import RuleBook
    from testbed.people.models import User
    from testbed.tools.models import Tool


def windows(booking: Booking, rulebook: RuleBook, tools: Sequence[Tool]) -> list[Interval]:
    """[opens, closes) of each tool that asks for it, the one that closes first in front."""
    rule, found = by_code("reconfirm"), []
    for tool in tools:
        given = rulebook.parameters(rule, tool)
        if given is not None and given["window_hours"]:
            closes = booking.starts_at - timedelta(hours=given["hours_before"])
            found.append(Interval(closes - timedelta(hours=given["window_hours"]), closes))
    return sorted(found, key=lambda window: (window.end, window.start))


def set_deadline(
    booking: Booking, rulebook: RuleBook, tools: Sequence[Tool], now: datetime
) -> None:
    """Write when a booking confirmed now must be confirmed again; the caller saves it.

    Never for one confirmed once the window has opened: its people have only just said so. In a
    cell the tool whose window closes first decides.
    """
    booking.reconfirm_by, booking.reconfirmed_at = None, None
    if booking.state == BookingState.CONFIRMED:
        ahead = [one for one in windows(booking, rulebook, tools) if now < one.start]
        booking.reconfirm_by = ahead[0].end if ahead else None


def would_be_asked_by(booking: Booking, now: datetime) -> datetime | None:
    """Until when it would have to be confirmed again were it confirmed now (two queries)."""
    rulebook, tools = penalties.rulebook_of(booking), penalties.tools_of(booking)
    ahead = [one for one in windows(booking, rulebook, tools) if now < one.start]
    return ahead[0].end if ahead else None


def opens_at(booking: Booking) -> datetime | None:
    """From when a booking that is asked may be re-confirmed (two queries)."""
    if booking.reconfirm_by is None:
        return None
    rulebook, tools = penalties.rulebook_of(booking), penalties.tools_of(booking)
    found = [one for one in windows(booking, rulebook, tools) if one.end == booking.reconfirm_by]
    # The rule changed since: nothing but the end is known any more.
    return min((one.start for one in found), default=booking.created_at)


def is_asked(booking: Booking, now: datetime) -> bool:
    """True while it still has to be re-confirmed, be the window open yet or not."""
    return (
        booking.state == BookingState.CONFIRMED
        and booking.reconfirm_by is not None
        and booking.reconfirmed_at is None
        and booking.begun_at is None
        and now < booking.reconfirm_by
    )


def may_reconfirm(actor: User, booking: Booking, now: datetime) -> bool:
    """True when the person could do it now."""
    opens = opens_at(booking) if is_asked(booking, now) else None
    return opens is not None and opens <= now and may(actor, "book")


def reconfirm(*, actor: User, booking: Booking) -> Booking:
    """Say again that one comes; doing it twice changes nothing.

    Any engineer of the company. Raises Refusal (409): "not_asked" when nothing is asked of this
    booking, "too_early" before the window, "too_late" once it is over.
    """
    demand(actor, "book")
    return in_transaction(lambda: _reconfirm(actor, booking))


def _reconfirm(actor: User, booking: Booking) -> Booking:
    kept, _tools = line.lock_booking(actor, booking)
    now = timezone.now()
    if kept.state == BookingState.CONFIRMED and kept.reconfirmed_at is not None:
        return kept
    demand_open(kept, now)
    kept.reconfirmed_at = now
    kept.save(update_fields=["reconfirmed_at"])
    journal.record(actor=actor, action="booking.reconfirmed", subject=kept, company=kept.company)
    return kept


def demand_open(booking: Booking, now: datetime) -> None:
    """Raise Refusal unless the booking may be re-confirmed at this moment."""
    opens = opens_at(booking)
    if booking.state != BookingState.CONFIRMED or opens is None or booking.begun_at is not None:
        raise Refusal(
            "not_asked",
            _("This booking does not have to be re-confirmed."),
            next_step=_("See its page for where it stands now."),
        )
    if not is_asked(booking, now):
        raise Refusal(
            "too_late",
            _("The time for re-confirming this booking is over; its time goes to others."),
            next_step=_("Book another slot."),
        )
    if now < opens:
        raise Refusal(
            "too_early",
            _("This booking cannot be re-confirmed yet."),
            next_step=_("Its page tells from when."),
        )


def release_unconfirmed(*, now: datetime | None = None) -> int:
    """Give the time of every booking that was not re-confirmed in time to others; how many.

    Never of one that has begun, whose lot is here, or whose hour has come: then its people may
    still come, and the no-show rule decides.
    """
    now = now or timezone.now()
    return sum(_release(pk, now) for pk in _due(now).values_list("pk", flat=True))


def _due(now: datetime) -> BookingQuerySet:
    asked = Booking.objects.filter(
        state=BookingState.CONFIRMED,
        reconfirm_by__lte=now,
        reconfirmed_at=None,
        begun_at=None,
        starts_at__gt=now,
    )
    return asked.exclude(lot__state=LotState.CHECKED_IN)


def _release(pk: int, now: datetime) -> bool:
    return give_to_others(
        pk,
        due=_due,
        state=BookingState.RELEASED,
        kind=PenaltyKind.NOT_RECONFIRMED,
        action="booking.released",
        tell=notify.released,
        now=now,
    )
