"""Closures of a quiet facility, and what staff choose for the bookings in the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from testbed.booking.models import Allocation, Booking
from testbed.booking.place import Answers, place
from testbed.booking.target import Target
from testbed.outages.models import Fate, OutageKind, OutageOccurrence, Scope
from testbed.outages.plan import look
from testbed.outages.rebook import Chosen
from testbed.outages.terms import Terms
from tests.booking.conftest import tomorrow

if TYPE_CHECKING:
    from testbed.people.models import User
    from testbed.tools.models import Tool


def terms(*tools: Tool, start: int = 10, hours: float = 2, **more: Any) -> Terms:
    """A closure of the tools from tomorrow's hour `start` on, unless `more` says otherwise."""
    starts_at: datetime = more.pop("starts_at", tomorrow(start))
    ends_at: datetime = more.pop("ends_at", starts_at + timedelta(hours=hours))
    given: dict[str, Any] = {
        "kind": OutageKind.CLOSURE, "scope": Scope.TOOLS, "tools": tools,
        "reason_ko": "정기 점검", "reason_en": "Yearly check", "note": "call the vendor",
    }  # fmt: skip
    return Terms(starts_at=starts_at, ends_at=ends_at, **given | more)


def book(user: User, tool: Tool, hour: int, hours: int = 1, **answers: Any) -> Booking:
    """A booking of tomorrow."""
    return place(
        actor=user,
        target=Target(tool=tool),
        starts_at=tomorrow(hour),
        ends_at=tomorrow(hour) + timedelta(hours=hours),
        answers=Answers(**answers),
    )


def suggested(actor: User, asked: Terms) -> dict[int, Chosen]:
    """What the page chooses before staff change anything."""
    return {
        one.booking.pk: Chosen(
            one.suggestion,
            one.alternatives[0].starts_at if one.suggestion == Fate.MOVED else None,
        )
        for one in look(actor=actor, terms=asked).affected
    }


def live_claims(tool: Tool) -> list[tuple[datetime, datetime, str]]:
    """What stands on the tool's line."""
    rows = Allocation.objects.live().filter(tool=tool).order_by("starts_at")
    return [(row.starts_at, row.ends_at, row.kind) for row in rows]


def uncovered() -> list[OutageOccurrence]:
    """Live times of which some tool is not held by the facility as far as they lie ahead."""
    return [
        occurrence
        for occurrence in OutageOccurrence.objects.live().with_names()
        for tool in occurrence.outage.tools.all()
        if not _is_covered(tool, occurrence)
    ]


def _is_covered(tool: Tool, occurrence: OutageOccurrence) -> bool:
    at = max(occurrence.starts_at, timezone.now())
    own = Allocation.objects.live().filter(tool=tool, booking=None).order_by("starts_at")
    for start, end in own.values_list("starts_at", "ends_at"):
        if start <= at < end:
            at = end
        if at >= occurrence.ends_at:
            break
    return at >= occurrence.ends_at
