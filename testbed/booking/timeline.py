"""Every tool's claims over some days, as one person may see them: others are only "busy"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from testbed.booking.hours import KST
from testbed.booking.models import Allocation, AllocationKind, BookingState, number_of
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
    "outage": _("Outage"),
}
OF_STATE: dict[str, str] = {BookingState.PENDING: "pending", BookingState.HELD: "held"}


class Claim(NamedTuple):
    """An allocation's row with what a label needs; a week has hundreds, so no model objects."""

    tool: int
    starts_at: datetime
    ends_at: datetime
    kind: str
    note: str
    booking: int | None
    state: str | None
    company: int | None
    company_ko: str | None
    company_en: str | None
    lot: str | None


COLUMNS = (
    "tool_id", "starts_at", "ends_at", "kind", "note", "booking_id", "booking__state",
    "booking__company_id", "booking__company__name_ko", "booking__company__name_en",
    "booking__lot__code",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A claim as its viewer may know it.

    kind: own (confirmed), pending, held, busy, maintenance or closure. `booking` (its id) is
    None, and `note` empty, for what belongs to another company.
    """

    kind: str
    starts_at: datetime
    ends_at: datetime
    booking: int | None = None
    note: str = ""


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
    tools = list(Tool.objects.visible_to(viewer))
    blocks: dict[int, list[Block]] = {tool.pk: [] for tool in tools}
    rows = (
        Allocation.objects.claiming(now)
        .between(start, start + timedelta(days=days))
        .order_by("starts_at")
        .values_list(*COLUMNS)
    )
    for claim in map(Claim._make, rows):
        blocks[claim.tool].append(block(claim, viewer))
    return [Row(tool, blocks[tool.pk]) for tool in tools]


def block(claim: Claim, viewer: User) -> Block:
    """What `viewer` may know of a claim."""
    times = (claim.starts_at, claim.ends_at)
    if claim.booking is None:
        # A note on maintenance is the staff's own; companies read only the kind.
        note = claim.note if viewer.is_staff_member else ""
        kind = "closure" if claim.kind == AllocationKind.CLOSURE else "maintenance"
        return Block(kind, *times, note=note)
    if not viewer.is_staff_member and claim.company != viewer.company_id:
        return Block("busy", *times)
    kind = OF_STATE.get(claim.state or "", "own")
    return Block(kind, *times, claim.booking, _note(claim, viewer))


def _note(claim: Claim, viewer: User) -> str:
    company = claim.company_ko if get_language() == "ko" else claim.company_en
    names = (company if viewer.is_staff_member else "", claim.lot or number_of(claim.booking))
    return " · ".join(filter(None, names))
