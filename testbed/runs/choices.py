"""What a person may decide about a held run, computed from the evidence and from nothing else.

A process step is never offered again unless the tool positively never saw it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from testbed.runs.models import Run, Step
from testbed.runs.states import RunState, StepState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TOOL_SAYS: dict[str, StrOrPromise] = {
    "": _("The tool was not asked."),
    "done": _("The tool says that the job is done."),
    "running": _("The tool says that the job is running."),
    "failed": _("The tool says that the job ended without success."),
    "not_started": _("The tool says that it never started this job."),
    "lost": _("The tool has lost its record of jobs."),
    "silent": _("The tool does not answer."),
}


@dataclass(frozen=True)
class Choice:
    """One thing a person may decide: its code, the button's word, and what will follow."""

    code: str
    label: StrOrPromise
    consequence: StrOrPromise
    is_severe: bool = False


GO_ON = Choice(
    "go_on", _("Continue"), _("Nothing was sent for this step. The run goes on with it.")
)
ASK_AGAIN = Choice(
    "ask_again",
    _("Ask the tool and continue"),
    _("The tool is asked what became of this step; nothing is repeated. If it says done, the run "
      "goes on; if it is still unclear, the run is held again."),
)  # fmt: skip
START = Choice(
    "start",
    _("Start this step"),
    _("The tool says that it never started this step, so the wafer was not touched. It is "
      "started now, once."),
)  # fmt: skip
REPEAT = Choice(
    "repeat",
    _("Repeat this step"),
    _("This step changes no wafer. It is done again from its start."),
)
MARK_DONE = Choice(
    "mark_done",
    _("I have checked: the step is done"),
    _("You take responsibility that the wafer was processed completely. The run goes on with the "
      "next step."),
)  # fmt: skip
SKIP_STEP = Choice(
    "skip_step", _("Leave this step out"), _("The run goes on without the data of this step.")
)
SKIP_WAFER = Choice(
    "skip_wafer",
    _("Leave this wafer out"),
    _("Every further step of this wafer is left out and the wafer is marked aborted. The run goes "
      "on with the next wafer."),
)  # fmt: skip
ABORT = Choice(
    "abort",
    _("Abort the run"),
    _("The tool is told to abort and to go to its safe state; the run ends when it confirms. "
      "Wafers not yet begun stay as they are."),
    is_severe=True,
)  # fmt: skip
CLOSE = Choice(
    "close",
    _("Close as failed, without the tool"),
    _("The tool is not told anything. Choose this only after you have made it safe by hand."),
    is_severe=True,
)

BY_CODE = {
    one.code: one
    for one in (
        GO_ON, ASK_AGAIN, START, REPEAT, MARK_DONE, SKIP_STEP, SKIP_WAFER, ABORT, CLOSE,
    )
}  # fmt: skip


def held_step(run: Run) -> Step | None:
    """The step a held run stands at."""
    waiting = (StepState.UNKNOWN, StepState.FAILED, StepState.PENDING)
    return (
        run.steps.select_related("wafer", "tool").filter(state__in=waiting).order_by("seq").first()
    )


def choices(run: Run) -> list[Choice]:
    """What may be decided now, the gentlest first; empty unless the run is HELD."""
    if run.state != RunState.HELD:
        return []
    if run.ask == "abort":
        return [CLOSE]
    step = held_step(run)
    offered = [] if step is None else _for_step(step, str(run.evidence.get("tool_says", "")))
    ends = [ABORT] if run.evidence.get("safe") else [ABORT, CLOSE]
    return offered + ends


def _for_step(step: Step, says: str) -> list[Choice]:
    if step.state == StepState.PENDING:
        return [GO_ON, *_leave_out(step)]
    if not step.is_process:
        return [REPEAT, *([] if step.wafer_id is None else [SKIP_STEP, SKIP_WAFER])]
    if step.state == StepState.FAILED:
        return [SKIP_WAFER]
    # With a handle the tool had taken the job, whatever it says now.
    if says == "not_started" and not step.handle:
        return [START, SKIP_WAFER]
    return [ASK_AGAIN, MARK_DONE, SKIP_WAFER]


def _leave_out(step: Step) -> list[Choice]:
    return [SKIP_WAFER] if step.wafer_id else []
