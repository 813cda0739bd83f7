"""What a step may be done on: a tool, a cell, any tool with a capability, any tool of a kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.booking.slots import Found, find_slots
from testbed.booking.target import Target, find
from testbed.tools.models import Capability, Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from testbed.booking.rules import Broken
    from testbed.booking.slots import Slot
    from testbed.people.models import User
    from testbed.people.querysets import Viewer


def capabilities(user: Viewer) -> list[Capability]:
    """Those that some tool open for booking has, by code."""
    tools = Tool.objects.visible_to(user).filter(is_bookable=True)
    return list(Capability.objects.filter(tools__in=tools).distinct().order_by("code"))


def find_any(user: Viewer, key: str) -> list[Target]:
    """The targets behind `tool:`, `cell:`, `capability:` or `kind:` and a code; none if unknown."""
    kind, _colon, code = key.partition(":")
    if "\x00" in code or not user.is_authenticated:
        return []
    path = {"capability": "capabilities__code", "kind": "kind"}.get(kind)
    if path is None:
        target = find(user, key)
        return [target] if target else []
    tools = Tool.objects.visible_to(user).filter(is_bookable=True, **{path: code})
    return [Target(tool=tool) for tool in tools.order_by("pk")]


def find_slots_on_any(
    *,
    actor: User,
    targets: Sequence[Target],
    minutes: int,
    start: datetime,
    end: datetime,
    limit: int = 20,
    now: datetime | None = None,
) -> Found:
    """Free slots on whichever of the targets, by start, then price; as `find_slots` else."""
    found = [
        find_slots(
            actor=actor, target=target, minutes=minutes, start=start, end=end, limit=limit, now=now
        )
        for target in targets
    ]
    slots = sorted((slot for one in found for slot in one.slots), key=_rank)[:limit]
    return Found(slots, [] if slots else _once(found))


def _rank(slot: Slot) -> tuple[datetime, int]:
    return slot.starts_at, slot.quote["total_won"]


def _once(found: Iterable[Found]) -> list[Broken]:
    told = {broken.code: broken for one in found for broken in one.nothing_because}
    return list(told.values())
