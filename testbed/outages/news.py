"""Who hears of a closure: those whose booking it moves, with the old and the new time."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.invitation import CANCEL, REQUEST, invitation
from testbed.booking.notify import Names, own
from testbed.notices.said import kst_moment, kst_span, said
from testbed.notices.tell import tell
from testbed.outages.models import Fate, Outage, OutageKind, Rebooking, RebookingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_stubs_ext import StrOrPromise

    from testbed.booking.models import Booking
    from testbed.tools.models import Tool

SUBJECTS = {
    Fate.MOVED: _("The facility moved %(booking)s: %(tools)s"),
    Fate.OFFERED: _("%(booking)s needs a new time: %(tools)s"),
    Fate.CANCELLED: _("The facility cancelled %(booking)s: %(tools)s"),
}
REASON = _("Reason: %(reason)s")
OLD = _("Old time: %(when)s")
NEW = _("New time: %(when)s")
FREE = _("Free then: %(when)s")


class Reason:
    """An outage's public reason in the reader's language."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage

    def __str__(self) -> str:
        return self._outage.reason_in(get_language() or "ko")


def rebooked(row: Rebooking, tools: Sequence[Tool]) -> None:
    """Booker and sharers hear why, the old and the new time, and what they may do."""
    booking, fate = row.booking, Fate(row.fate)
    subject = said(SUBJECTS[fate], booking=booking, tools=Names(tools))
    tell(
        to=own(booking),
        kind=kind_of(row.outage),
        subject=subject,
        sentences=[
            subject,
            said(REASON, reason=Reason(row.outage)),
            said(OLD, when=kst_span(row.from_starts_at, row.from_ends_at)),
            *_what_next(row),
        ],
        path=f"/rebookings/{row.pk}/",
        attachments=_entry(row, tools),
        company=booking.company,
    )


def kind_of(outage: Outage) -> str:
    """The kind of notice: people may sort failures from what was planned."""
    return "tool_down" if outage.kind == OutageKind.OUTAGE else "closure"


def _entry(row: Rebooking, tools: Sequence[Tool]) -> list[Any]:
    """Moved: the calendar entry moves; otherwise it goes. A hold never had one."""
    if row.former_state == "held":
        return []
    method = REQUEST if row.fate == Fate.MOVED else CANCEL
    return [invitation(row.booking, tools, method=method)]


def _what_next(row: Rebooking) -> list[StrOrPromise]:
    by = kst_moment(row.answer_by) if row.answer_by else ""
    if row.fate == Fate.MOVED and row.to_starts_at and row.to_ends_at:
        return [
            said(NEW, when=kst_span(row.to_starts_at, row.to_ends_at)),
            said(_("Accept it, choose another time, or cancel at no cost, by %(by)s."), by=by),
            _("Without an answer it stays at the new time."),
        ]
    if row.fate == Fate.OFFERED:
        return [
            *(said(FREE, when=_proposed(one)) for one in row.proposed),
            said(_("Choose a new time, or cancel at no cost, by %(by)s."), by=by),
            _("Without an answer it is cancelled at no cost."),
        ]
    return [_("It costs nothing.")]


def _proposed(one: dict[str, Any]) -> str:
    start, end = (datetime.fromisoformat(one[side]) for side in ("starts_at", "ends_at"))
    return kst_span(start, end)


def lapsed(booking: Booking, tools: Sequence[Tool]) -> None:
    """Nobody chose a new time while the offer stood."""
    subject = said(
        _("%(booking)s was cancelled, because no new time was chosen: %(tools)s"),
        booking=booking,
        tools=Names(tools),
    )
    tell(
        to=own(booking),
        kind="closure",
        subject=subject,
        sentences=[subject, _("It costs nothing.")],
        path=f"/bookings/{booking.pk}/",
        company=booking.company,
    )


def withdrawn(outage: Outage) -> None:
    """Those who have not answered yet hear that their old time may be free again."""
    rows = Rebooking.objects.waiting().filter(outage=outage).with_names()
    for row in rows:
        tools = [claim.tool for claim in row.booking.allocations.all()]
        subject = said(
            _("The closure that moved %(booking)s is over: %(tools)s"),
            booking=row.booking,
            tools=Names(tools),
        )
        tell(
            to=own(row.booking),
            kind=kind_of(outage),
            subject=subject,
            sentences=[
                subject,
                said(OLD, when=kst_span(row.from_starts_at, row.from_ends_at)),
                _("See whether your old time is free again, and choose it."),
            ],
            path=f"/rebookings/{row.pk}/",
            company=row.booking.company,
        )


def chosen(row: Rebooking, tools: Sequence[Tool]) -> None:
    """The colleagues hear what was answered; the calendar entry follows."""
    if row.state != RebookingState.DECLINED:
        has_new_time(row.booking, tools)
        return
    booking = row.booking
    subject = said(_("%(booking)s was given back: %(tools)s"), booking=booking, tools=Names(tools))
    _tell(booking, tools, "booking_cancelled", [subject], CANCEL)


def has_new_time(booking: Booking, tools: Sequence[Tool]) -> None:
    """A time was chosen for a booking that the facility moved, or for a step beside it."""
    subject = said(
        _("%(booking)s has its new time: %(tools)s"), booking=booking, tools=Names(tools)
    )
    when = said(NEW, when=kst_span(booking.starts_at, booking.ends_at))
    _tell(booking, tools, "booking_changed", [subject, when], REQUEST)


def _tell(
    booking: Booking,
    tools: Sequence[Tool],
    kind: str,
    sentences: list[StrOrPromise],
    method: str,
) -> None:
    tell(
        to=own(booking),
        kind=kind,
        subject=sentences[0],
        sentences=sentences,
        path=f"/bookings/{booking.pk}/",
        attachments=[invitation(booking, tools, method=method)],
        company=booking.company,
    )
