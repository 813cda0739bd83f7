"""Bookings as an iCalendar (RFC 5545): in Korean time, under identifiers that never change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from testbed.booking.hours import KST
from testbed.booking.models import Allocation, Booking, BookingState, FeedKind
from testbed.booking.timeline import COLUMNS, KINDS, Claim, block
from testbed.people.models import JournalEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

    from testbed.booking.models import CalendarFeed
    from testbed.booking.timeline import Block

BEHIND = timedelta(days=60)
AHEAD = timedelta(days=366)
# RFC 5545, 3.8.1.11; a held slot is no booking yet and an expired one never was.
STATUS = {
    BookingState.PENDING: "TENTATIVE",
    BookingState.CONFIRMED: "CONFIRMED",
    BookingState.CANCELLED: "CANCELLED",
    BookingState.REFUSED: "CANCELLED",
    BookingState.RELEASED: "CANCELLED",
    BookingState.NO_SHOW: "CANCELLED",
}


class Revision(NamedTuple):
    """How often a booking was acted upon, and when last."""

    sequence: int
    at: datetime


def calendar_of(feed: CalendarFeed, *, now: datetime, site: str) -> bytes:
    """The feed's entries from 60 days ago until a year ahead, in the active language.

    site: scheme and host for the links to the bookings' pages. Other companies' time appears in
    a tool's calendar alone, as "busy" with nothing that tells whose it is.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//12-inch testbed//bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", str(feed))
    calendar.add("x-wr-timezone", "Asia/Seoul")
    bookings = list(_bookings(feed, now))
    revisions = _revisions(bookings)
    for booking in bookings:
        revision = revisions.get(booking.pk, Revision(0, booking.created_at))
        if _is_gone(booking, feed) and revision.at <= feed.created_at:
            continue  # nobody has ever seen it at this address
        calendar.add_component(_event(booking, revision, feed, site))
    for claim in _other_claims(feed, now):
        calendar.add_component(_busy(feed, claim))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _bookings(feed: CalendarFeed, now: datetime) -> Iterable[Booking]:
    rows = Booking.objects.visible_to(feed.owner).with_names()
    rows = rows.filter(state__in=STATUS, ends_at__gt=now - BEHIND, starts_at__lt=now + AHEAD)
    # A hold that was given up before its form was submitted has never been in a calendar.
    rows = rows.exclude(state=BookingState.CANCELLED, hold_expires_at__isnull=False)
    if feed.kind == FeedKind.MINE:
        rows = rows.mine(feed.owner)
    if feed.kind == FeedKind.TOOL:
        rows = rows.filter(Exists(_claims(feed)) | Q(pk__in=_moved_away(feed)))
    return rows.order_by("starts_at", "pk")


def _claims(feed: CalendarFeed) -> QuerySet[Allocation]:
    return Allocation.objects.filter(booking=OuterRef("pk"), tool=feed.tool)


def _moved_away(feed: CalendarFeed) -> QuerySet[JournalEntry, int]:
    """The bookings that once stood on the feed's tool and were moved since."""
    code = feed.tool.code if feed.tool else ""
    moved = JournalEntry.objects.filter(
        subject_kind=Booking._meta.label_lower,
        action="booking.changed",
        details__before__tools__contains=[code],
        at__gt=feed.created_at,
    )
    return moved.values_list("subject_id", flat=True)


def _is_gone(booking: Booking, feed: CalendarFeed) -> bool:
    """Closed, or standing on another tool than this calendar is about."""
    return STATUS[BookingState(booking.state)] == "CANCELLED" or not _is_here(booking, feed)


def _is_here(booking: Booking, feed: CalendarFeed) -> bool:
    claims = booking.allocations.all()
    return feed.tool_id is None or feed.tool_id in {claim.tool_id for claim in claims}


def _revisions(bookings: list[Booking]) -> dict[int, Revision]:
    entries = JournalEntry.objects.filter(
        subject_kind=Booking._meta.label_lower, subject_id__in=[one.pk for one in bookings]
    )
    rows = entries.order_by().values("subject_id").annotate(times=Count("pk"), last=Max("at"))
    return {row["subject_id"]: Revision(row["times"], row["last"]) for row in rows}


def _event(booking: Booking, revision: Revision, feed: CalendarFeed, site: str) -> Event:
    state = BookingState(booking.state)
    status = STATUS[state] if _is_here(booking, feed) else "CANCELLED"
    event = _blank(f"booking-{booking.pk}@testbed", booking.starts_at, booking.ends_at)
    what = str(booking.cell or ", ".join(str(claim.tool) for claim in booking.allocations.all()))
    whose = str(booking.company) if feed.owner.is_staff_member else ""
    event.add("summary", " · ".join(filter(None, [what, whose, str(state.label)])))
    event.add("description", _description(booking))
    event.add("url", f"{site}/bookings/{booking.pk}/")
    event.add("status", status)
    event.add("transp", "TRANSPARENT" if status == "CANCELLED" else "OPAQUE")
    event.add("sequence", revision.sequence)
    event.add("dtstamp", revision.at)
    event.add("last-modified", revision.at)
    return event


def _description(booking: Booking) -> str:
    lines = [
        _("Booking %(number)s") % {"number": booking},
        _("Booked by %(name)s") % {"name": booking.booked_by},
    ]
    if booking.lot is not None:
        lines.append(_("Lot %(code)s") % {"code": booking.lot.code})
    return "\n".join(lines)


def _blank(uid: str, starts_at: datetime, ends_at: datetime) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("class", "PRIVATE")
    event.add("dtstart", starts_at.astimezone(KST))
    event.add("dtend", ends_at.astimezone(KST))
    return event


def _other_claims(feed: CalendarFeed, now: datetime) -> Iterator[Block]:
    """What else stands on a tool's line, as its owner may know it."""
    if feed.kind != FeedKind.TOOL:
        return
    rows: Any = Allocation.objects.claiming(now).between(now - BEHIND, now + AHEAD)
    for row in rows.filter(tool=feed.tool).order_by("starts_at").values_list(*COLUMNS):
        seen = block(Claim._make(row), feed.owner)
        if seen.booking is None:
            yield seen


def _busy(feed: CalendarFeed, claim: Block) -> Event:
    """Named after its time alone, under a key that nobody outside has."""
    times = f"{feed.tool_id} {claim.starts_at.timestamp()} {claim.ends_at.timestamp()}"
    name = salted_hmac("testbed.booking.ics", times, algorithm="sha256").hexdigest()[:32]
    event = _blank(f"{name}@testbed", claim.starts_at, claim.ends_at)
    event.add("summary", f"{feed.tool} · {KINDS[claim.kind]}")
    event.add("status", "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("sequence", 0)
    event.add("dtstamp", feed.created_at)
    return event
