"""A tool's line of claims: lock it, read it, write to it, free it.

The order is always tools by pk, then bookings by pk, so that two claims never wait for one
another in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DatabaseError, IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from testbed.booking import signals
from testbed.booking.intervals import Interval
from testbed.booking.models import Allocation, AllocationKind, Booking
from testbed.compiled import Among, Statement, insert, moment, whole
from testbed.refusals import Refusal
from testbed.tools.models import Tool
from testbed.transactions import broken_constraint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.people.models import User

EXCLUSION = "23P01"


def lock(tool_ids: Iterable[int]) -> list[Tool]:
    """The tools with their state, their rows locked until the transaction ends.

    NO KEY: rows that refer to a tool (runs, states) may still be written meanwhile.
    """
    wanted = sorted(set(tool_ids))
    return LOCKED(tools=wanted) if wanted else []


LOCKED: Statement[Tool] = Statement(
    lambda: (
        Tool.objects.select_for_update(no_key=True, of=("self",))
        .filter(Among("pk", "tools"))
        .with_state()
        .order_by("pk")
    )
)


class Claim(NamedTuple):
    """One live claim on a tool; company: whose booking it is, None for the facility's own.

    The reasons are the facility's and for everybody.
    """

    tool_id: int
    company_id: int | None
    span: Interval
    kind: str = AllocationKind.BOOKING
    reason_ko: str = ""
    reason_en: str = ""


def claims(
    tool_ids: Sequence[int],
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    without: int | None = None,
) -> list[Claim]:
    """Claims on the tools that touch [start, end), sorted; `without` leaves one booking out."""
    if end <= start:
        return []
    if not tool_ids:
        return []
    # No booking has the key 0.
    rows = CLAIMS(start=start, end=end, now=now, without=without or 0, tools=list(tool_ids))
    return claims_of(rows)


def claims_of(rows: Iterable[Sequence[Any]]) -> list[Claim]:
    """What the rows of `CLAIMS` say."""
    return [
        Claim(tool, company, Interval(begins, ends), *reasons)
        for tool, company, begins, ends, *reasons in rows
    ]


CLAIMS: Statement[Any] = Statement(
    lambda: (
        Allocation.objects.claiming(moment("now"))
        .between(moment("start"), moment("end"))
        .filter(Among("tool_id", "tools"))
        .exclude(booking_id=whole("without"))
        .order_by("starts_at")
        .values_list(
            "tool_id",
            "booking__company_id",
            "starts_at",
            "ends_at",
            "kind",
            "reason_ko",
            "reason_en",
        )
    )
)


def write(booking: Booking, tools: Sequence[Tool]) -> None:
    """One claim per tool. IntegrityError (23P01) when somebody else has the time."""
    insert(
        [
            Allocation(
                tool=tool,
                booking=booking,
                kind=AllocationKind.BOOKING,
                starts_at=booking.starts_at,
                ends_at=booking.ends_at,
            )
            for tool in tools
        ]
    )
    tell_of(booking, tools)


def tell_of(booking: Booking, tools: Sequence[Tool]) -> None:
    """Open pages hear when it commits that these claims are new, or look another way now."""
    span = Interval(booking.starts_at, booking.ends_at)
    tell_on_commit([(tool.pk, span) for tool in tools], freed=False)


def free(booking_ids: Iterable[int]) -> None:
    """Give the time back; the rows stay as history."""
    live = Allocation.objects.filter(booking_id__in=list(booking_ids), live=True)
    rows = live.values_list("tool_id", "starts_at", "ends_at")
    freed = [(tool, Interval(*span)) for tool, *span in rows]
    live.update(live=False)
    tell_on_commit(freed, freed=True)


def remove(booking: Booking) -> None:
    """Take a moved booking's claims away; its history keeps where it stood."""
    rows = booking.allocations.values_list("tool_id", "starts_at", "ends_at")
    removed = [(tool, Interval(*span)) for tool, *span in rows]
    booking.allocations.all().delete()
    tell_on_commit(removed, freed=True)


def tell_on_commit(parts: Sequence[tuple[int, Interval]], *, freed: bool) -> None:
    """Send `line_changed` once for all `parts` (tool's id, time) when the transaction commits."""
    if not parts:
        return
    heard = {
        "tool_ids": frozenset(tool for tool, _span in parts),
        "start": min(span.start for _tool, span in parts),
        "end": max(span.end for _tool, span in parts),
        "freed": freed,
    }
    # Robust: what a listener makes of it must not undo or hide what has been committed.
    transaction.on_commit(lambda: signals.line_changed.send_robust(Allocation, **heard))


def is_overlap(error: DatabaseError) -> bool:
    """True when the exclusion constraint said no."""
    return isinstance(error, IntegrityError) and broken_constraint(error)[0] == EXCLUSION


def lock_booking(actor: User, booking: Booking) -> tuple[Booking, list[Tool]]:
    """The booking as it is now and its tools: the tools locked first, then its own row.

    Refusal("not_found", 404) for a person who may not see it.
    """
    tools = lock(booking.allocations.values_list("tool_id", flat=True))
    own = Booking.objects.visible_to(actor).with_company().filter(pk=booking.pk)
    locked = own.select_for_update(of=("self",)).first()
    if locked is None:
        raise Refusal("not_found", _("There is no such booking."), status=404)
    return locked, tools
