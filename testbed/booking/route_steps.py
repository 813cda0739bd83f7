"""A route as steps to book: where each may be done, how long, how soon after the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.booking.capability import find_any
from testbed.booking.target import Target
from testbed.refusals import Refusal
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from testbed.people.models import User
    from testbed.process.models import Operation, Route

MOST_STEPS = 8


@dataclass(frozen=True)
class Step:
    """One step of a wished chain.

    targets: any one of them serves; minutes: its length; within_minutes: the queue-time limit,
    its latest start after the end of the step before (None: any time later); after_minutes: its
    earliest. wafers: how many, for rules about throughput; title: how people call it.
    """

    targets: Sequence[Target]
    minutes: int
    within_minutes: int | None = None
    after_minutes: int = 0
    title: str = ""
    wafers: int | None = None

    @property
    def queue_time(self) -> timedelta | None:
        """The queue-time limit as a length."""
        return None if self.within_minutes is None else timedelta(minutes=self.within_minutes)


def typed_step(user: User, key: str, minutes: int, **more: Any) -> Step:
    """A step by hand: `key` as of `capability.find_any`. Refusal("no_such_target", 422)."""
    targets = find_any(user, key)
    if not targets:
        raise Refusal(
            "no_such_target",
            _("There is no tool for “%(key)s”.") % {"key": key.replace("\x00", "")[:60]},
            status=422,
            next_step=_("Choose a tool, a cell, a capability or a kind of tool that is listed."),
        )
    title = more.pop("title", "") or (str(targets[0]) if len(targets) == 1 else key.split(":")[1])
    return Step(targets, minutes, title=title, **more)


def steps_of(route: Route, wafers: int) -> list[Step]:
    """The route's operations as steps; those that follow on tools of one cell are one step.

    Three queries. Refusal("no_tool_for_operation", 409) where the facility has no tool for one.
    """
    operations = list(route.operations.select_related("capability").order_by("position"))
    kinds = {operation.tool_kind for operation in operations}
    tools = list(
        Tool.objects.filter(kind__in=kinds, is_bookable=True)
        .select_related("cell")
        .prefetch_related("capabilities")
        .order_by("pk")
    )
    groups: list[tuple[list[Target], list[Operation]]] = []
    for operation in operations:
        targets = _targets(operation, tools)
        if groups and groups[-1][0] == targets and targets[0].cell:
            groups[-1][1].append(operation)
        else:
            groups.append((targets, [operation]))
    return [_step(targets, together, wafers) for targets, together in groups]


def _targets(operation: Operation, tools: Iterable[Tool]) -> list[Target]:
    """A tool of a cell is booked with its whole cell."""
    found: list[Target] = []
    for tool in tools:
        able = operation.capability is None or operation.capability in tool.capabilities.all()
        if tool.kind == operation.tool_kind and able:
            target = Target(cell=tool.cell) if tool.cell else Target(tool=tool)
            found += [target] if target not in found else []
    if not found:
        raise Refusal(
            "no_tool_for_operation",
            _("The facility has no tool open for “%(operation)s”.") % {"operation": operation},
            next_step=_("Ask the facility, or book the other steps one by one."),
        )
    return found


def _step(targets: Sequence[Target], operations: Sequence[Operation], wafers: int) -> Step:
    minutes = sum(one.minutes + one.minutes_per_wafer * wafers for one in operations)
    return Step(
        targets,
        minutes,
        within_minutes=operations[0].within_minutes,
        title=" + ".join(str(one) for one in operations),
        wafers=wafers,
    )
