"""Whom a closure touches, before it is made: each booking with the nearest free slots for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from testbed.booking.explain import slot_json
from testbed.booking.hours import KST
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, Booking, BookingState
from testbed.booking.place import target_of
from testbed.booking.slots import nearest
from testbed.outages.models import Fate
from testbed.outages.terms import Terms, demand_may_close, demand_sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.slots import Slot
    from testbed.people.models import User
    from testbed.tools.models import Tool

ALTERNATIVES = 3


@dataclass(frozen=True)
class Affected:
    """A booking that stands in the way, and what could become of it.

    alternatives: free slots that keep every rule of its company, nearest first, none of them
    suggested to another booking of the same plan.
    """

    booking: Booking
    tools: Sequence[Tool]
    alternatives: Sequence[Slot] = ()

    @property
    def fates(self) -> list[Fate]:
        """What staff may choose. A hold is minutes old and has no answers: it only ends."""
        if self.booking.state == BookingState.HELD:
            return [Fate.CANCELLED]
        moved = [Fate.MOVED] if self.alternatives else []
        return [*moved, Fate.OFFERED, Fate.CANCELLED]

    @property
    def suggestion(self) -> Fate:
        return self.fates[0]

    def as_json(self) -> dict[str, Any]:
        """For the staff: company and wafers included."""
        booking = self.booking
        return {
            "booking": booking.pk,
            "number": str(booking),
            "company": str(booking.company),
            "state": booking.state,
            "starts_at": booking.starts_at.astimezone(KST).isoformat(),
            "ends_at": booking.ends_at.astimezone(KST).isoformat(),
            "tools": [tool.code for tool in self.tools],
            "wafers": booking.wafer_count + booking.test_wafers,
            "fates": list(self.fates),
            "alternatives": [slot_json(slot) for slot in self.alternatives],
        }


@dataclass(frozen=True)
class Plan:
    """tools: those closed; times: those ahead; running: bookings that have begun and block it."""

    tools: Sequence[Tool]
    times: Sequence[Interval]
    affected: Sequence[Affected] = field(default_factory=tuple)
    running: Sequence[Affected] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        return {
            "tools": [tool.code for tool in self.tools],
            "times": [
                {
                    "starts_at": span.start.astimezone(KST).isoformat(),
                    "ends_at": span.end.astimezone(KST).isoformat(),
                }
                for span in self.times
            ],
            "affected": [one.as_json() for one in self.affected],
            "running": [one.as_json() for one in self.running],
        }


def look(*, actor: User, terms: Terms) -> Plan:
    """What the closure would come to at this moment; nothing is written.

    Refusals: "not_allowed" (403), "terms_not_valid" (422).
    """
    demand_may_close(actor, terms.kind)
    now = timezone.now()
    demand_sound(terms, now)
    tools, times = terms.closed_tools(), ahead(terms.times(), now)
    found = in_the_way([tool.pk for tool in tools], times, now)
    waiting = [booking for booking in found if booking.begun_at is None]
    return Plan(
        tools=tools,
        times=times,
        affected=_with_alternatives(waiting, {tool.pk for tool in tools}, times, now),
        running=[Affected(one, tools_of(one)) for one in found if one.begun_at is not None],
    )


def ahead(times: Iterable[Interval], now: datetime) -> list[Interval]:
    """Those that are not over."""
    return [span for span in times if span.end > now]


def in_the_way(tool_ids: Sequence[int], times: Sequence[Interval], now: datetime) -> list[Booking]:
    """Live bookings, holds included, whose claims on the tools touch what is left of `times`.

    Sorted by start; two queries.
    """
    left = [Interval(max(span.start, now), span.end) for span in times]
    if not left:
        return []
    found = (
        Allocation.objects.claiming(now)
        .between(left[0].start, max(span.end for span in left))
        .filter(tool_id__in=tool_ids, booking__isnull=False)
        .values_list("booking_id", "starts_at", "ends_at")
    )
    hit = {
        booking
        for booking, start, end in found
        if any(span.overlaps(Interval(start, end)) for span in left)
    }
    rows = Booking.objects.filter(Q(pk__in=hit)).with_names()
    return sorted(rows, key=lambda one: (one.starts_at, one.pk))


def tools_of(booking: Booking) -> list[Tool]:
    """The booked tools, in the floor's order; from what `with_names` fetched."""
    tools = [claim.tool for claim in booking.allocations.all()]
    return sorted(tools, key=lambda tool: (tool.position, tool.code))


def _with_alternatives(
    bookings: Sequence[Booking], closed: set[int], times: Sequence[Interval], now: datetime
) -> list[Affected]:
    """Each with free slots beside the closure and beside what those before it were suggested."""
    taken: list[tuple[set[int], Interval]] = [(closed, span) for span in times]
    found = []
    for booking in bookings:
        tools = tools_of(booking)
        ids = {tool.pk for tool in tools}
        blocked = [span for others, span in taken if others & ids]
        slots = alternatives(booking, blocked, now)
        found.append(Affected(booking, tools, slots))
        taken += [(ids, Interval(slot.starts_at, slot.ends_at)) for slot in slots[:1]]
    return found


def alternatives(booking: Booking, blocked: Iterable[Interval], now: datetime) -> list[Slot]:
    """The free slots nearest to where the booking stands, by its own company's rules."""
    if booking.state == BookingState.HELD:
        return []
    return nearest(
        actor=booking.booked_by,
        target=target_of(booking),
        span=Interval(booking.starts_at, booking.ends_at),
        limit=ALTERNATIVES,
        now=now,
        without=booking,
        blocked=blocked,
    )
