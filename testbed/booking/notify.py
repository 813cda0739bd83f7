"""Who hears of what happens to a booking: its booker, who shares it, the facility's desk.

One function an event, called inside the verb's transaction after its line in the journal, with
the tools at hand. Nobody else's name, lot or purpose is in any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.invitation import CANCEL, REQUEST, invitation
from testbed.booking.models import BookingState
from testbed.notices.said import kst_moment, kst_span, said
from testbed.notices.tell import compose, post
from testbed.people.models import User

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django_stubs_ext import StrOrPromise

    from testbed.booking.models import Booking
    from testbed.notices.models import Notice
    from testbed.tools.models import Tool

WHEN = _("When: %(when)s")
ASKS = _("%(company)s asks for %(tools)s (%(booking)s)")
REASON = _("Reason: %(reason)s")


class Names:
    """Tools as a list in the reader's language."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = tools

    def __str__(self) -> str:
        return ", ".join(str(tool) for tool in self._tools)


def placed(booking: Booking, tools: Sequence[Tool], *, booker: User) -> None:
    """The booker hears, and the desk when it has to answer: in one insert, with no read."""
    is_pending = booking.state == BookingState.PENDING
    subject = (
        _("%(booking)s waits for the facility's answer: %(tools)s")
        if is_pending
        else _("%(booking)s is confirmed: %(tools)s")
    )
    rows = _rows(booking, tools, [booker], "booking_placed", subject, file=REQUEST)
    post(rows + (_desk(booking, tools) if is_pending else []))


def approved(booking: Booking) -> None:
    """Booker and sharers hear that it is confirmed."""
    _tell_own(booking, "booking_decided", _("%(booking)s is confirmed: %(tools)s"), file=REQUEST)


def refused(booking: Booking) -> None:
    """They hear why, in the words the facility wrote for them."""
    subject = _("The facility refused %(booking)s: %(tools)s")
    reason = said(REASON, reason=booking.refusal_reason)
    _tell_own(booking, "booking_decided", subject, reason, file=CANCEL)


def changed(booking: Booking) -> None:
    """They hear the new time and tools; the desk hears when it has to answer anew."""
    tools = tools_of(booking)
    subject = _("%(booking)s was moved: %(tools)s")
    waits = booking.state == BookingState.PENDING
    more = [_("It waits for the facility's answer.")] if waits else []
    rows = _rows(booking, tools, own(booking), "booking_changed", subject, *more, file=REQUEST)
    post(rows + (_desk(booking, tools) if waits else []))


def cancelled(booking: Booking, *, by: User) -> None:
    """They hear who gave it up; a hold that was never submitted is no news."""
    if booking.hold_expires_at is not None:
        return
    who: StrOrPromise = _("The facility cancelled it.")
    if not by.is_staff_member:
        who = said(_("%(name)s cancelled it."), name=by.name)
    _tell_own(
        booking, "booking_cancelled", _("%(booking)s was cancelled: %(tools)s"), who, file=CANCEL
    )


def handed_over(booking: Booking, *, before: User) -> None:
    """The new booker gets the calendar entry; the one before loses it."""
    tools, name = tools_of(booking), booking.booked_by.name
    subject = _("%(booking)s passed to a colleague: %(tools)s")
    who = said(_("It is %(name)s's from now on."), name=name)
    kind = "booking_handed_over"
    now = [one for one in own(booking) if one.pk != before.pk]
    post(
        _rows(booking, tools, now, kind, subject, who, file=REQUEST)
        + _rows(booking, tools, [before], kind, subject, who, file=CANCEL)
    )


def shared(booking: Booking, *, to: User, by: User) -> None:
    """The colleague gets the calendar entry of the booking they now share."""
    subject = _("%(booking)s is shared with you: %(tools)s")
    who = said(_("%(name)s shares it with you."), name=by.name)
    tools = tools_of(booking)
    post(_rows(booking, tools, [to], "booking_shared", subject, who, file=REQUEST))


def asked(booking: Booking, question: str) -> None:
    """They read the facility's question and where to answer it."""
    subject = _("The facility asks about %(booking)s: %(tools)s")
    _tell_own(booking, "booking_question", subject, said(_("Question: %(text)s"), text=question))


def answered(booking: Booking) -> None:
    """The desk hears that the company has answered; the answer is on the booking's page."""
    post(_desk(booking, tools_of(booking), _("%(company)s answered about %(booking)s")))


def lapsed(booking: Booking) -> None:
    """Nobody answered the request before its start; it cost nothing."""
    subject = _("%(booking)s lapsed without an answer: %(tools)s")
    _tell_own(booking, "booking_released", subject, file=CANCEL)


def released(booking: Booking) -> None:
    """It was not confirmed again in time."""
    subject = _("%(booking)s was released, because it was not confirmed again: %(tools)s")
    _tell_own(booking, "booking_released", subject, file=CANCEL)


def no_show(booking: Booking) -> None:
    """Nobody came."""
    subject = _("%(booking)s was released, because nobody came: %(tools)s")
    _tell_own(booking, "booking_released", subject, file=CANCEL)


def starts_soon(booking: Booking) -> None:
    """A reminder before the start."""
    _tell_own(booking, "booking_reminder", _("%(booking)s starts soon: %(tools)s"))


def reconfirm(booking: Booking) -> None:
    """Until when it has to be confirmed again."""
    subject = _("Confirm %(booking)s again: %(tools)s")
    by = booking.reconfirm_by
    until = (
        [said(_("It is released unless you confirm it by %(by)s."), by=kst_moment(by))]
        if by
        else []
    )
    _tell_own(booking, "booking_reconfirm", subject, *until)


def path_of(booking: Booking) -> str:
    """The booking's page."""
    return f"/bookings/{booking.pk}/"


def own(booking: Booking) -> list[User]:
    """The booker and who shares the booking."""
    return [booking.booked_by, *User.objects.filter(shared_bookings__booking=booking)]


def tools_of(booking: Booking) -> list[Tool]:
    """The booked tools, in the floor's order."""
    claims = booking.allocations.select_related("tool")
    return sorted((claim.tool for claim in claims), key=lambda tool: (tool.position, tool.code))


def _tell_own(
    booking: Booking, kind: str, subject: StrOrPromise, *more: StrOrPromise, file: str = ""
) -> None:
    post(_rows(booking, tools_of(booking), own(booking), kind, subject, *more, file=file))


def _rows(
    booking: Booking,
    tools: Sequence[Tool],
    to: Iterable[User],
    kind: str,
    subject: StrOrPromise,
    *more: StrOrPromise,
    file: str = "",
) -> list[Notice]:
    """Unsaved notices; file: REQUEST or CANCEL, the calendar entry's method, or empty for none."""
    values: dict[str, Any] = {"booking": booking, "tools": Names(tools)}
    when = said(WHEN, when=kst_span(booking.starts_at, booking.ends_at))
    return compose(
        to=to,
        kind=kind,
        subject=said(subject, **values),
        sentences=[said(subject, **values), when, *more],
        path=path_of(booking),
        attachments=[invitation(booking, tools, method=file)] if file else (),
        company=booking.company,
    )


def _desk(
    booking: Booking,
    tools: Sequence[Tool],
    subject: StrOrPromise = ASKS,
) -> list[Notice]:
    values: dict[str, Any] = {
        "booking": booking, "tools": Names(tools), "company": booking.company
    }  # fmt: skip
    return compose(
        to=(),
        audience="approve_booking",
        kind="desk_pending",
        subject=said(subject, **values),
        sentences=[
            said(subject, **values),
            said(WHEN, when=kst_span(booking.starts_at, booking.ends_at)),
        ],
        path=path_of(booking),
        company=booking.company,
    )
