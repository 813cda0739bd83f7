"""Nobody came: so many minutes after the start the rest of the time goes to others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from testbed.booking import line, notify, penalties
from testbed.booking.give_to_others import give_to_others
from testbed.booking.models import Booking, BookingState, PenaltyKind, UseMode
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

# How long before the start its people may already be noted as here.
EARLY = timedelta(hours=2)


def begin(booking: Booking, now: datetime) -> None:
    """Keep that something happens on the booking: it can be released no more.

    For the verb that starts a run, inside its transaction; the first moment stays.
    """
    Booking.objects.filter(pk=booking.pk, begun_at=None).update(begun_at=now)


def may_arrive(actor: User, booking: Booking, now: datetime) -> bool:
    """True when the person could note now that the booking's people are here."""
    soon = booking.starts_at - EARLY <= now < booking.ends_at
    awaited = booking.state == BookingState.CONFIRMED and booking.begun_at is None
    return soon and awaited and may(actor, "operate")


def arrive(*, actor: User, booking: Booking) -> Booking:
    """Note that the booking's people are here; for the technician. Twice changes nothing.

    Refusal "not_awaited" (409) unless it is confirmed and begins within two hours or runs.
    """
    demand(actor, "operate")
    return in_transaction(lambda: _arrive(actor, booking))


def _arrive(actor: User, booking: Booking) -> Booking:
    here, _tools = line.lock_booking(actor, booking)
    now = timezone.now()
    if here.state == BookingState.CONFIRMED and here.begun_at is not None:
        return here
    if not may_arrive(actor, here, now):
        raise Refusal(
            "not_awaited",
            _("Nobody is awaited on this booking now."),
            next_step=_("See its page for where it stands now."),
        )
    here.begun_at = now
    here.save(update_fields=["begun_at"])
    journal.record(actor=actor, action="booking.arrived", subject=here, company=here.company)
    return here


def patience(rulebook: RuleBook, tools: Sequence[Tool]) -> timedelta | None:
    """How long after the start somebody is awaited: the shortest of the tools; None: no rule."""
    given = [rulebook.parameters(by_code("no_show"), tool) for tool in tools]
    minutes = [parameters["minutes"] for parameters in given if parameters is not None]
    return timedelta(minutes=min(minutes)) if minutes else None


def due_at(booking: Booking) -> datetime | None:
    """When the booking is released if nobody comes; None when never (two queries)."""
    wait = patience(penalties.rulebook_of(booking), penalties.tools_of(booking))
    at = None if wait is None else booking.starts_at + wait
    return at if at is not None and at < booking.ends_at else None


def release_no_shows(*, now: datetime | None = None) -> int:
    """Release every running booking on which nobody came in time; how many.

    Not when it is the facility's doing: a tool is down, or a requested test whose lot is here
    waits for the facility's own people. One that is over stays as it is.
    """
    now = now or timezone.now()
    return sum(_release(one, now) for one in list(_awaited(now)))


def _awaited(now: datetime) -> BookingQuerySet:
    """Confirmed, running, and nothing has begun."""
    ours = Q(use_mode=UseMode.REQUESTED, lot__state=LotState.CHECKED_IN)
    running = Booking.objects.filter(
        # Who rides in another's carrier keeps no tool from anybody.
        state=BookingState.CONFIRMED, begun_at=None, starts_at__lte=now, ends_at__gt=now, host=None,
    )  # fmt: skip
    return running.exclude(ours)


def _release(booking: Booking, now: datetime) -> bool:
    due = due_at(booking)
    down = any(penalties.is_down(tool) for tool in penalties.tools_of(booking))
    if due is None or now < due or down:
        return False
    return give_to_others(
        booking.pk,
        due=_awaited,
        state=BookingState.NO_SHOW,
        kind=PenaltyKind.NO_SHOW,
        action="booking.no_show",
        tell=notify.no_show,
        now=now,
    )
