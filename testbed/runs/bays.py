"""A bay at a glance: its tools with their state, run, wafer, step and the time that remains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from testbed.people.models import User
from testbed.runs.live import STATE_LOOK
from testbed.runs.models import QueueClock, Run, RunTool
from testbed.runs.news import Topic, look, written_cursor
from testbed.runs.progress import Progress, progress_of
from testbed.runs.queue_time import countdown_rows
from testbed.runs.states import RunState
from testbed.runs.titles import title_of
from testbed.tools.models import Area, Tool


@dataclass(frozen=True)
class Tile:
    """A tool of the bay (with its state) and what runs on it."""

    tool: Tool
    run: Run | None = None
    progress: Progress | None = None
    step: str = ""
    tone: str = ""
    icon: str = ""


def bays(user: User) -> list[tuple[str, str, list[Tile]]]:
    """Bays that have a tool: code, name, a tile a tool with the look of its run (no progress)."""
    rows = RunTool.objects.filter(run__in=Run.objects.visible_to(user).open())
    runs = {row.tool_id: row.run for row in rows.select_related("run")}
    found: dict[str, list[Tile]] = {}
    for tool in Tool.objects.visible_to(user).with_state().order_by("code"):
        run = runs.get(tool.pk)
        tone, icon = STATE_LOOK[RunState(run.state)] if run else ("", "")
        found.setdefault(tool.area, []).append(Tile(tool, run, tone=tone, icon=icon))
    return [(area.value, str(area.label), found[area]) for area in Area if area in found]


def tiles(user: User, area: str, now: datetime) -> list[Tile]:
    """One a tool of the bay, by code."""
    tools = Tool.objects.visible_to(user).with_state().filter(area=area).order_by("code")
    runs = {
        row.tool_id: row.run
        for row in RunTool.objects.filter(
            run__in=Run.objects.visible_to(user).open(), tool__area=area
        ).select_related("run__operation", "run__traveler__lot", "run__tool", "run__company")
    }
    return [_tile(tool, runs.get(tool.pk), now) for tool in tools]


def _tile(tool: Tool, run: Run | None, now: datetime) -> Tile:
    if run is None:
        return Tile(tool)
    done = progress_of(run, list(run.steps.select_related("wafer", "tool", "run")), now)
    tone, icon = STATE_LOOK[RunState(run.state)]
    return Tile(tool, run, done, title_of(done.step) if done.step else "", tone, icon)


def frame(user: User, area: str, now: datetime) -> dict[str, Any]:
    """What the bay's page draws; `after` is from where its stream goes on."""
    topic = Topic(area=area)
    after = written_cursor(look([topic])[topic].counts, topic)
    return {
        "area": area, "name": Area(area).label, "after": after, "at": now,
        "tiles": tiles(user, area, now),
        "queue_times": countdown_rows(QueueClock.objects.visible_to(user).for_bay(area), now),
    }  # fmt: skip
