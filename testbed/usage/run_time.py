"""How long a run kept its tool: from the tool's states, and again from the run's own log.

The two are written by different code, so they check each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings

from testbed.runs.models import Run, RunEvent
from testbed.tools.models import E10State, StateSpan

WORKING = (E10State.PRODUCTIVE, E10State.ENGINEERING)
ALLOWED_GAP_S = 5.0
_BEGINS = "run.setting_up"
_RESUMES = "run.resolved"
_GOES_ON = "run.resumed"
_STOPS = frozenset(
    {
        "run.held",
        "run.completed",
        "run.stopped",
        "run.aborted",
        "run.failed",
        "run.paused_by_person",
        "run.paused_by_supply",
    }
)
_NOT_RESUMED = frozenset({"abort", "close"})


def wall_seconds(run: Run) -> float:
    """Seconds on the wall clock that the tool worked for this run, from its state spans.

    The other tools of a run on several work, pause and end with this one.
    """
    spans = StateSpan.objects.filter(run_id=run.pk, tool=run.tool_id, state__in=WORKING)
    end = run.ended_at
    return sum(
        ((span.ended_at or end or span.started_at) - span.started_at).total_seconds()
        for span in spans
    )


def wall_seconds_from_log(events: Iterable[tuple[str, datetime, str]]) -> float:
    """The same from the log: (kind, at, choice) in order; `choice` is a resolve's, else empty.

    The tool works from setting up, or from when it goes on after a pause or a person's decision,
    until the run is paused, held or ends. A run that was paused in the queue had no tool yet.
    """
    total, since, begun = timedelta(), None, False
    for kind, at, choice in events:
        begun = begun or kind == _BEGINS
        resumes = (kind == _RESUMES and choice not in _NOT_RESUMED) or (kind == _GOES_ON and begun)
        if since is None and (kind == _BEGINS or resumes):
            since = at
        elif since is not None and kind in _STOPS:
            total, since = total + (at - since), None
    return total.total_seconds()


def log_of(run: Run) -> list[tuple[str, datetime, str]]:
    """The run's events as `wall_seconds_from_log` reads them."""
    rows = RunEvent.objects.filter(run=run).order_by("seq").values_list("kind", "at", "data")
    return [(kind, at, str(data.get("choice", ""))) for kind, at, data in rows]


def disagree(run: Run) -> float:
    """Seconds by which states and log differ."""
    return abs(wall_seconds(run) - wall_seconds_from_log(log_of(run)))


def tool_seconds(run: Run, wall: float) -> float:
    """Seconds on the tool's own clock: a simulated one runs FAB_CLOCK_SCALE times faster."""
    return wall * settings.FAB_CLOCK_SCALE if run.tool.is_simulated else wall
