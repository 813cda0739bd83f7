"""The states of a run and of a step, and the only ways from one to another.

The same tables stand in the database as triggers, so no code path can leave them.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    """After SEMI E40 process jobs, plus HELD: the outcome is unknown and a person decides."""

    QUEUED = "queued", _("Queued")
    SETTING_UP = "setting_up", _("Setting up")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    HELD = "held", _("Held: a person decides")
    COMPLETED = "completed", _("Completed")
    STOPPED = "stopped", _("Stopped")
    ABORTED = "aborted", _("Aborted")
    FAILED = "failed", _("Failed")


class StepState(models.TextChoices):
    PENDING = "pending", _("Pending")
    INTENT = "intent", _("About to start")
    SENT = "sent", _("In progress")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Outcome unknown")
    SKIPPED = "skipped", _("Skipped")


_R, _S = RunState, StepState
ENDED = frozenset({_R.COMPLETED, _R.STOPPED, _R.ABORTED, _R.FAILED})
ACTIVE = frozenset({_R.QUEUED, _R.SETTING_UP, _R.RUNNING})

RUN_PATHS: dict[RunState, frozenset[RunState]] = {
    _R.QUEUED: frozenset({_R.SETTING_UP, _R.PAUSED, _R.STOPPED, _R.ABORTED, _R.FAILED, _R.HELD}),
    _R.SETTING_UP: frozenset({_R.RUNNING, _R.PAUSED, _R.STOPPED, _R.ABORTED, _R.FAILED, _R.HELD}),
    _R.RUNNING: frozenset({_R.PAUSED, _R.COMPLETED, _R.STOPPED, _R.ABORTED, _R.FAILED, _R.HELD}),
    # A paused run goes back to where it was: nothing taken yet, set up, or at work.
    _R.PAUSED: frozenset(
        {_R.QUEUED, _R.SETTING_UP, _R.RUNNING, _R.STOPPED, _R.ABORTED, _R.FAILED, _R.HELD}
    ),
    _R.HELD: frozenset({_R.RUNNING, _R.STOPPED, _R.ABORTED, _R.FAILED}),
    **{state: frozenset() for state in ENDED},
}
STEP_PATHS: dict[StepState, frozenset[StepState]] = {
    _S.PENDING: frozenset({_S.INTENT, _S.SKIPPED}),
    _S.INTENT: frozenset({_S.SENT, _S.DONE, _S.FAILED, _S.UNKNOWN, _S.PENDING, _S.SKIPPED}),
    _S.SENT: frozenset({_S.DONE, _S.FAILED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.DONE, _S.FAILED, _S.SKIPPED, _S.SENT, _S.PENDING}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset({_S.PENDING, _S.SKIPPED}),
    _S.SKIPPED: frozenset(),
}


def pairs(
    paths: dict[RunState, frozenset[RunState]] | dict[StepState, frozenset[StepState]],
) -> list[tuple[str, str]]:
    """The table as (from, to) values, sorted, for the database trigger."""
    return sorted((str(a.value), str(b.value)) for a, ends in paths.items() for b in ends)
