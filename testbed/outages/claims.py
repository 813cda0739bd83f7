"""The claims that outages make on the tools' lines.

Two outages may cover one stretch of a tool's time, though claims never overlap: the one that
comes later claims only what is left, and takes the rest over when the first one goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testbed.booking import line
from testbed.booking.intervals import Interval, merge, subtract
from testbed.booking.models import Allocation
from testbed.outages.models import Outage, OutageOccurrence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.tools.models import Tool


def cover(tools: Sequence[Tool], now: datetime) -> None:
    """Let every live occurrence hold all that is ahead of it on these tools, locked by the caller.

    IntegrityError (23P01) when a booking stands there.
    """
    ids = [tool.pk for tool in tools]
    taken = _taken(ids, now)
    links = []
    for occurrence in _occurrences(ids, now):
        wanted = [Interval(max(occurrence.starts_at, now), occurrence.ends_at)]
        for tool in occurrence.outage.tools.all():
            if tool.pk not in taken:
                continue
            for gap in subtract(wanted, merge(taken[tool.pk])):
                links.append((occurrence, _claim(occurrence.outage, tool, gap)))
                taken[tool.pk].append(gap)
    _write(links)


def _taken(tool_ids: Sequence[int], now: datetime) -> dict[int, list[Interval]]:
    """The facility's own live claims, by tool."""
    taken: dict[int, list[Interval]] = {pk: [] for pk in tool_ids}
    own = Allocation.objects.live().filter(tool_id__in=tool_ids, booking=None, ends_at__gt=now)
    for tool, start, end in own.values_list("tool_id", "starts_at", "ends_at"):
        taken[tool].append(Interval(start, end))
    return taken


def _occurrences(tool_ids: Sequence[int], now: datetime) -> Iterable[OutageOccurrence]:
    """Live ones that are not over, of outages of any of the tools, the older outages first."""
    return (
        OutageOccurrence.objects.live()
        .filter(ends_at__gt=now, outage__in=_outages(tool_ids))
        .with_names()
        .order_by("outage_id", "starts_at")
    )


def _outages(tool_ids: Sequence[int]) -> Any:
    return Outage.objects.filter(tools__in=tool_ids, withdrawn_at=None).values("pk")


def _claim(outage: Outage, tool: Tool, span: Interval) -> Allocation:
    return Allocation(
        tool=tool,
        kind=outage.kind,
        starts_at=span.start,
        ends_at=span.end,
        note=outage.note,
        reason_ko=outage.reason_in("ko"),
        reason_en=outage.reason_in("en"),
    )


def _write(links: Sequence[tuple[OutageOccurrence, Allocation]]) -> None:
    Allocation.objects.bulk_create(claim for _occurrence, claim in links)
    through = OutageOccurrence.claims.through
    through._default_manager.bulk_create(
        through(outageoccurrence_id=occurrence.pk, allocation_id=claim.pk)
        for occurrence, claim in links
    )
    line.tell_on_commit(
        [(claim.tool_id, Interval(claim.starts_at, claim.ends_at)) for _one, claim in links],
        freed=False,
    )


def let_go(occurrences: Sequence[OutageOccurrence], now: datetime) -> None:
    """Free what is left of these times; what has passed stays as history.

    The tools are locked by the caller, who lets others `cover` next.
    """
    claims = Allocation.objects.live().filter(
        occurrences__in=[one.pk for one in occurrences], ends_at__gt=now
    )
    rows = list(claims.values_list("pk", "tool_id", "starts_at", "ends_at").distinct())
    begun = [pk for pk, _tool, start, _end in rows if start < now]
    ahead = [pk for pk, _tool, start, _end in rows if start >= now]
    Allocation.objects.filter(pk__in=begun).update(ends_at=now)
    Allocation.objects.filter(pk__in=ahead).update(live=False)
    for occurrence in occurrences:
        _end(occurrence, now)
    line.tell_on_commit(
        [(tool, Interval(max(start, now), end)) for _pk, tool, start, end in rows], freed=True
    )


def _end(occurrence: OutageOccurrence, now: datetime) -> None:
    if occurrence.starts_at < now:
        occurrence.ends_at = now
    else:
        occurrence.live = False
    occurrence.save(update_fields=["ends_at", "live"])
