"""The calendar entry that goes with a mail about a booking (iTIP, RFC 5546).

The same identifier for the booking's whole life, the same one as in the calendar feeds, and a
SEQUENCE that grows with every act upon it: a calendar program moves or removes the entry it has.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress

from testbed.booking.hours import KST
from testbed.booking.models import Booking, BookingState, number_of
from testbed.notices.enclose import Attachment, Drawn, register
from testbed.people.models import JournalEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from testbed.tools.models import Tool

MAKER = "booking.invitation"
REQUEST, CANCEL = "REQUEST", "CANCEL"


def invitation(booking: Booking, tools: Sequence[Tool], *, method: str = REQUEST) -> Drawn:
    """The booking as it stands now, drawn later; asks the database nothing.

    method: REQUEST puts it into a calendar or moves it there, CANCEL takes it out.
    """
    return Drawn(
        MAKER,
        {
            "booking": booking.pk,
            "method": method,
            "state": str(booking.state),
            "starts_at": booking.starts_at.isoformat(),
            "ends_at": booking.ends_at.isoformat(),
            "at": timezone.now().isoformat(),
            "what": {"ko": _names(tools, "ko"), "en": _names(tools, "en")},
        },
    )


def _names(tools: Sequence[Tool], language: str) -> str:
    with translation.override(language):
        return ", ".join(str(tool) for tool in tools)


def draw(data: dict[str, Any], address: str) -> Attachment:
    """The .ics file of what `invitation` kept, for this mail address, in the active language."""
    calendar = Calendar()
    calendar.add("prodid", "-//12-inch testbed//bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", data["method"])
    calendar.add_component(_event(data, address))
    calendar.add_missing_timezones()
    mime = f"text/calendar; method={data['method']}; charset=utf-8"
    return Attachment(f"{number_of(data['booking'])}.ics", mime, bytes(calendar.to_ical()))


def _event(data: dict[str, Any], address: str) -> Event:
    at = datetime.fromisoformat(data["at"])
    is_cancelled = data["method"] == CANCEL
    state = BookingState(data["state"])
    event = Event()
    event.add("uid", f"booking-{data['booking']}@testbed")
    event.add("class", "PRIVATE")
    event.add("dtstart", datetime.fromisoformat(data["starts_at"]).astimezone(KST))
    event.add("dtend", datetime.fromisoformat(data["ends_at"]).astimezone(KST))
    what = data["what"].get(translation.get_language() or "ko", data["what"]["ko"])
    event.add("summary", f"{what} · {state.label}")
    event.add("description", _("Booking %(number)s") % {"number": number_of(data["booking"])})
    event.add("url", f"{settings.SITE_URL}/bookings/{data['booking']}/")
    event.add("organizer", vCalAddress(f"mailto:{settings.DEFAULT_FROM_EMAIL}"))
    event.add("attendee", _attendee(address))
    event.add("status", "CANCELLED" if is_cancelled else _status(state))
    event.add("transp", "TRANSPARENT" if is_cancelled else "OPAQUE")
    event.add("sequence", sequence(data["booking"], at))
    event.add("dtstamp", at)
    return event


def _attendee(address: str) -> vCalAddress:
    """Who gets the entry; nobody waits for an answer."""
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["PARTSTAT"] = "ACCEPTED"
    attendee.params["RSVP"] = "FALSE"
    return attendee


def _status(state: BookingState) -> str:
    return "TENTATIVE" if state == BookingState.PENDING else "CONFIRMED"


def sequence(booking_pk: int, at: datetime) -> int:
    """How often the booking had been acted upon until `at`, as the calendar feeds count."""
    acts = JournalEntry.objects.filter(
        subject_kind=Booking._meta.label_lower, subject_id=booking_pk, at__lte=at
    )
    return acts.count()


register(MAKER, draw)
