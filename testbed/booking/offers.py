"""What one person may do with a booking now, beside changing it, and what its people must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.booking import no_show, penalties, reconfirm, repeat, share
from testbed.booking.models import BookingState, PenaltyKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from testbed.booking.models import Booking, Sharer
    from testbed.booking.penalties import Cost
    from testbed.people.models import User

OPEN = (BookingState.PENDING, BookingState.CONFIRMED)


@dataclass(frozen=True)
class Offers:
    """reconfirm_from, reconfirm_by: its window while it is asked; here_by: when a no-show is told;

    free_until: the last moment at which cancelling is free, None without such a limit; later: of
    its series, the live bookings from this one on.
    """

    may_reconfirm: bool
    may_arrive: bool
    may_share: bool
    may_repeat: bool
    sharers: Sequence[Sharer]
    series: Sequence[Booking]
    later: Sequence[Booking]
    reconfirm_from: datetime | None
    here_by: datetime | None
    free_until: datetime | None


def offers(user: User, booking: Booking, now: datetime) -> Offers:
    """Two queries, some more for a booking that is confirmed or in a series."""
    series = repeat.series_of(booking)
    asked = reconfirm.is_asked(booking, now)
    opens = reconfirm.opens_at(booking) if asked else None
    confirmed = booking.state == BookingState.CONFIRMED and booking.begun_at is None
    return Offers(
        may_reconfirm=reconfirm.may_reconfirm(user, booking, now),
        may_arrive=no_show.may_arrive(user, booking, now),
        may_share=share.may_share(user, booking, now),
        may_repeat=booking.starts_at > now and repeat.may_repeat(user, booking),
        sharers=list(booking.sharers.select_related("user")),
        series=series,
        later=[one for one in series if one.is_live and one.starts_at >= booking.starts_at],
        reconfirm_from=opens,
        here_by=no_show.due_at(booking) if confirmed and booking.ends_at > now else None,
        free_until=free_until(booking) if confirmed and booking.starts_at > now else None,
    )


@dataclass(frozen=True)
class Silence:
    """What follows when the booking's people say or do nothing: until when they can, the cost."""

    by: datetime
    cost: Cost


def if_nobody_comes(booking: Booking) -> Silence | None:
    """When its time would go to others because nobody came; None when never."""
    by = no_show.due_at(booking)
    return _silence(booking, by, PenaltyKind.NO_SHOW) if by else None


def if_not_confirmed_again(booking: Booking, now: datetime) -> Silence | None:
    """Until when it has, or will have, to be confirmed again; None when it need not be."""
    by = booking.reconfirm_by if reconfirm.is_asked(booking, now) else None
    if booking.state in (BookingState.HELD, BookingState.PENDING):
        by = reconfirm.would_be_asked_by(booking, now)
    return _silence(booking, by, PenaltyKind.NOT_RECONFIRMED) if by else None


def _silence(booking: Booking, by: datetime, kind: PenaltyKind) -> Silence:
    return Silence(by, penalties.cost_of_silence(booking, penalties.tools_of(booking), kind))


def free_until(booking: Booking) -> datetime | None:
    """Until when cancelling is free, once it is confirmed; None when it always is."""
    terms = penalties.terms_of(booking, penalties.tools_of(booking))
    return min((one.free_until for one in terms), default=None)
