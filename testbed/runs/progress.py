"""How far a run is, and how long it will still take: from its own steps and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from testbed.material.models import SubstrateState
from testbed.runs.models import Run, Step
from testbed.runs.states import ENDED, RunState, StepState

# A wafer's work takes this many times as long as a step that only asks or sets something.
WORK = 10.0
SETTLED = frozenset({StepState.DONE, StepState.SKIPPED, StepState.FAILED})


@dataclass(frozen=True)
class Progress:
    """`fraction` 0 to 1 of the work; times in seconds, None where nothing honest can be said."""

    fraction: float
    wafers_done: int
    wafers: int
    elapsed_s: float | None
    remaining_s: float | None
    step: Step | None


def progress_of(run: Run, steps: Sequence[Step], now: datetime) -> Progress:
    """Progress of `run` from its `steps` in order; two more queries count the wafers."""
    fraction = _fraction(steps)
    elapsed = None
    if run.started_at is not None:
        elapsed = ((run.ended_at or now) - run.started_at).total_seconds()
    wafers = run.run_wafers
    return Progress(
        fraction=1.0 if run.state == RunState.COMPLETED else fraction,
        wafers_done=wafers.filter(state=SubstrateState.PROCESSED).count(),
        wafers=wafers.count(),
        elapsed_s=elapsed,
        remaining_s=_remaining(run, fraction, elapsed),
        step=None if run.state in ENDED else _current(steps),
    )


def _weight(step: Step) -> float:
    return WORK if step.is_process or step.kind == "measure" else 1.0


def _fraction(steps: Sequence[Step]) -> float:
    total = sum(_weight(step) for step in steps)
    done = sum(_weight(step) * (1.0 if step.state in SETTLED else step.progress) for step in steps)
    return done / total if total else 0.0


def _remaining(run: Run, fraction: float, elapsed: float | None) -> float | None:
    """In proportion to what is done; nothing is said before a twentieth is done, or on hold."""
    if run.state not in (RunState.SETTING_UP, RunState.RUNNING) or elapsed is None:
        return None
    return elapsed * (1 - fraction) / fraction if fraction >= 0.05 else None


def _current(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if step.state not in (*SETTLED,)), None)
