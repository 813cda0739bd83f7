"""What the live page shows of a run, put together for its templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from testbed.material.models import SLOTS, SubstrateState
from testbed.notices.said import kst_moment
from testbed.outages.models import Utility
from testbed.runs import doorbell, log
from testbed.runs.causes import cause_of
from testbed.runs.choices import TOOL_SAYS, choices, held_step
from testbed.runs.models import PausedBy, Run, RunWafer, Step
from testbed.runs.news import AT_WORK
from testbed.runs.progress import Progress, progress_of
from testbed.runs.queue_time import countdown_rows
from testbed.runs.states import ENDED, RunState, StepState
from testbed.runs.titles import title_of
from testbed.tools.models import Tool

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PATIENCE = timedelta(seconds=10)
BEFORE, AFTER = 2, 5
# state: (tone, icon); colour means abnormal, so what goes well stays calm.
STATE_LOOK = {
    RunState.QUEUED: ("idle", "hourglass"),
    RunState.SETTING_UP: ("info", "wrench"),
    RunState.RUNNING: ("info", "play"),
    RunState.PAUSED: ("warn", "pause"),
    RunState.HELD: ("bad", "hand"),
    RunState.COMPLETED: ("ok", "circle-check"),
    RunState.STOPPED: ("warn", "circle-stop"),
    RunState.ABORTED: ("warn", "octagon-x"),
    RunState.FAILED: ("bad", "circle-x"),
}
STEP_LOOK = {
    StepState.PENDING: ("is-later", "circle"),
    StepState.INTENT: ("is-now", "circle-dot"),
    StepState.SENT: ("is-now", "play"),
    StepState.DONE: ("is-done", "check"),
    StepState.FAILED: ("is-bad", "x"),
    StepState.UNKNOWN: ("is-bad", "triangle-alert"),
    StepState.SKIPPED: ("is-later", "minus"),
}
# wafer state: (class, icon of the sprite)
WAFER_LOOK = {
    SubstrateState.NEEDS_PROCESSING: ("later", "circle"),
    SubstrateState.IN_PROCESS: ("now", "play"),
    SubstrateState.PROCESSED: ("done", "check"),
    SubstrateState.SKIPPED: ("later", "minus"),
}
WAFER_BAD = ("bad", "x")


@dataclass(frozen=True)
class Slot:
    """One of the carrier's 25 slots as the strip draws it; `wafer` None where not in this run."""

    number: int
    wafer: RunWafer | None
    look: str = "empty"
    icon: str = ""


def phase(run: Run) -> str:
    """What the controls depend on; when it changes the page must be drawn anew."""
    if run.state in ENDED:
        return "ended"
    part = "held" if run.state == RunState.HELD else "open"
    if run.state == RunState.PAUSED:
        part = f"paused-{run.paused_by}"
    return f"{part}-{run.ask}" if run.ask else part


def card(run: Run, now: datetime) -> dict[str, Any]:
    """The short form, for lists."""
    steps = list(run.steps.all())
    tone, icon = STATE_LOOK[RunState(run.state)]
    return {"run": run, "tone": tone, "icon": icon, "progress": progress_of(run, steps, now)}


def view(run: Run, now: datetime) -> dict[str, Any]:
    """Everything `runs/live.html` and its controls draw."""
    steps = list(run.steps.select_related("wafer", "tool"))
    done = progress_of(run, steps, now)
    tone, icon = STATE_LOOK[RunState(run.state)]
    shown, tools = _window(steps, done), run.tools()
    return {
        "run": run,
        "phase": phase(run),
        "tone": tone,
        "icon": icon,
        "is_open": run.state not in ENDED,
        # Only a worker at work owes us a word; what merely waits is as the database has it now.
        "heard_at": run.changed_at if run.state in AT_WORK else now,
        "progress": done,
        "slots": _slots(run),
        "steps": [(step, title_of(step), *STEP_LOOK[StepState(step.state)]) for step in shown],
        "step_title": title_of(done.step) if done.step else "",
        "steps_before": _hidden_before(steps, shown),
        "steps_after": _hidden_after(steps, shown),
        "alarms": _alarms(run, tools, now),
        "held": _held(run),
        "paused": _paused(run),
        "tools": tools,
        "queue_times": countdown_rows(run.traveler.lot.queue_clocks.all(), now),
    }


def _window(steps: Sequence[Step], done: Progress) -> Sequence[Step]:
    """The steps around the present one; the last ones once the run is over."""
    at = done.step.seq - 1 if done.step else len(steps)
    first = max(0, min(at - BEFORE, len(steps) - BEFORE - AFTER - 1))
    return steps[first : first + BEFORE + AFTER + 1]


def _hidden_before(steps: Sequence[Step], shown: Sequence[Step]) -> int:
    return shown[0].seq - 1 if shown else 0


def _hidden_after(steps: Sequence[Step], shown: Sequence[Step]) -> int:
    return len(steps) - shown[-1].seq if shown else 0


def _slots(run: Run) -> list[Slot]:
    wafers = {row.wafer.slot: row for row in run.run_wafers.select_related("wafer")}
    strip = []
    for number in range(1, SLOTS + 1):
        row = wafers.get(number)
        if row is None:
            strip.append(Slot(number, None))
        else:
            look = WAFER_LOOK.get(SubstrateState(row.state), WAFER_BAD)
            strip.append(Slot(number, row, *look))
    return strip


def _alarms(run: Run, tools: Sequence[Tool], now: datetime) -> list[StrOrPromise]:
    """What is wrong right now, in words."""
    alarms: list[StrOrPromise] = []
    if any(tool.emergency_stop_at for tool in tools):
        alarms.append(_("The emergency stop of this tool is set."))
    waiting = now - run.changed_at > PATIENCE
    if run.state == RunState.QUEUED and waiting:
        seen = doorbell.worker_seen(run.tool.queue)
        alarms.append(
            _("No worker of this tool has signed in; the run waits until one does.")
            if seen is None or now - seen > timedelta(minutes=2)
            else _("The tool's worker has not taken this run yet.")
        )
    if run.ask == "abort" and run.state not in ENDED and waiting:
        alarms.append(
            _("The abort is not confirmed by the tool yet. In danger press its red button.")
        )
    return alarms


def _paused(run: Run) -> dict[str, StrOrPromise] | None:
    """Why a paused run waits, and for what."""
    if run.state != RunState.PAUSED:
        return None
    if run.paused_by == PausedBy.PERSON:
        return {"why": run.paused_why, "until": _("It goes on when a person lets it.")}
    names = ", ".join(
        str(one) for one in Utility.objects.filter(code__in=run.paused_why.split(", "))
    )
    if run.resume_at is None:
        until: StrOrPromise = _("It goes on by itself once the supply is back and has settled.")
    else:
        until = _("The supply is back; it has settled at %(at)s.") % {
            "at": kst_moment(run.resume_at)
        }
    return {"why": _("In want of: %(supplies)s.") % {"supplies": names}, "until": until}


def _held(run: Run) -> dict[str, Any] | None:
    """The panel of a held run: why, what the tool says, and what may be decided."""
    if run.state != RunState.HELD:
        return None
    evidence, step = run.evidence, held_step(run)
    return {
        "why": log.REASONS.get(run.held_why, run.held_why),
        "step": title_of(step) if step else "",
        "cause": cause_of(str(evidence.get("error", ""))),
        "error": evidence.get("error", ""),
        "says": TOOL_SAYS.get(str(evidence.get("tool_says", "")), ""),
        "message": evidence.get("tool_message", ""),
        "safe": bool(evidence.get("safe")),
        "choices": choices(run),
    }
