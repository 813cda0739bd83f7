"""What a booking's state means for its reader: a word, a tone, and what is needed next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.models import Booking, BookingState

if TYPE_CHECKING:
    from datetime import datetime

    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Status:
    """state: as people see it now; tone: of the badge; icon: of the sprite."""

    state: BookingState
    tone: str
    icon: str
    next_step: StrOrPromise

    @property
    def word(self) -> str:
        return str(self.state.label)


_SHOWN: dict[BookingState, tuple[str, str, StrOrPromise]] = {
    BookingState.HELD: ("info", "clock", _("Answer the form and submit it before the hold ends.")),
    BookingState.PENDING: (
        "warn",
        "clock",
        _("The facility reads it and answers; nothing is needed from you now."),
    ),
    BookingState.CONFIRMED: (
        "ok",
        "check",
        _("Bring or send the lot so that it is checked in before the booking starts."),
    ),
    BookingState.DISPLACED: (
        "bad",
        "clock",
        _("The facility closed the tool in its time; choose a new time, or give it back free."),
    ),
    BookingState.CANCELLED: ("idle", "x", _("The time is free again; book another slot.")),
    BookingState.REFUSED: ("bad", "x", _("Read the reason, then book another slot.")),
    BookingState.RELEASED: (
        "bad",
        "x",
        _("Nobody re-confirmed it in time, so its time went to others; book another slot."),
    ),
    BookingState.NO_SHOW: (
        "bad",
        "users",
        _("Nobody came, so the rest of its time went to others; book another slot."),
    ),
    BookingState.EXPIRED: ("idle", "clock", _("The hold ran out; hold a slot again.")),
}
_RUNNING = _("The booked time is running.")
_OVER = _("The booked time has passed; see the results of its runs.")
_ASKED = _("The facility asks you something: answer it on the booking's page.")
_LAPSED = _("Nobody answered before it was to start; it costs nothing. Book another slot.")


def is_asked(booking: Booking) -> bool:
    """True while a question waits for the company; for rows read `with_asked()`, else False."""
    return bool(getattr(booking, "is_asked", False))


def status(booking: Booking, now: datetime) -> Status:
    state = booking.state_at(now)
    tone, icon, next_step = _SHOWN[state]
    if state == BookingState.CONFIRMED and booking.starts_at <= now:
        next_step = _RUNNING if now < booking.ends_at else _OVER
    if state == BookingState.PENDING and is_asked(booking):
        next_step = _ASKED
    if state == BookingState.EXPIRED and booking.hold_expires_at is None:
        next_step = _LAPSED
    return Status(state, tone, icon, next_step)
