"""Every tool's claims over some days, as one person may see them: others are only "busy"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import Allocation, AllocationKind, Booking, BookingState
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from django_stubs_ext import StrOrPromise

    from testbed.people.models import User

KINDS: dict[str, StrOrPromise] = {
    "own": _("Ours"),
    "pending": _("Waiting for approval"),
    "held": _("Held"),
    "busy": _("Busy"),
    "maintenance": _("Maintenance"),
    "closure": _("Closed"),
}


@dataclass(frozen=True)
class Block:
    """A claim as its viewer may know it.

    kind: own (confirmed), pending, held, busy, maintenance or closure. `booking` is None, and
    `note` empty, for what belongs to another company.
    """

    kind: str
    starts_at: datetime
    ends_at: datetime
    booking: Booking | None = None
    note: str = ""

    @property
    def label(self) -> str:
        return str(KINDS[self.kind])


@dataclass(frozen=True)
class Row:
    """One tool's line, its blocks sorted and not overlapping."""

    tool: Tool
    blocks: Sequence[Block]


def midnight(day: date) -> datetime:
    """The beginning of `day` in Korea."""
    return datetime.combine(day, datetime.min.time(), KST)


def timeline(*, viewer: User, start: datetime, days: int, now: datetime) -> list[Row]:
    """All tools with their claims that touch [start, start + days): two queries."""
    tools = list(Tool.objects.visible_to(viewer).select_related("cell"))
    blocks: dict[int, list[Block]] = {tool.pk: [] for tool in tools}
    claims = (
        Allocation.objects.claiming(now)
        .between(start, start + timedelta(days=days))
        .select_related("booking__company", "booking__lot")
        .order_by("starts_at")
    )
    for claim in claims:
        blocks[claim.tool_id].append(block(claim, viewer))
    return [Row(tool, blocks[tool.pk]) for tool in tools]


def block(claim: Allocation, viewer: User) -> Block:
    """What `viewer` may know of a claim."""
    booking = claim.booking
    if booking is None:
        # A note on maintenance is the staff's own; companies read only the kind.
        note = claim.note if viewer.is_staff_member else ""
        kind = "closure" if claim.kind == AllocationKind.CLOSURE else "maintenance"
        return Block(kind, claim.starts_at, claim.ends_at, note=note)
    if not viewer.is_staff_member and booking.company_id != viewer.company_id:
        return Block("busy", claim.starts_at, claim.ends_at)
    kind = {BookingState.PENDING: "pending", BookingState.HELD: "held"}.get(
        BookingState(booking.state), "own"
    )
    return Block(kind, claim.starts_at, claim.ends_at, booking, _note(booking, viewer))


def _note(booking: Booking, viewer: User) -> str:
    lot = booking.lot.code if booking.lot else ""
    company = str(booking.company) if viewer.is_staff_member else ""
    return " · ".join(filter(None, [company, lot or str(booking)]))
