"""Which set-up steps a wafer's step stands on, and which steps a stop still lets through.

Both read the run's own plan: a carrier is docked where the last done dock was not followed by an
undock, and a tool is set as the last done settings of that tool left it.
"""

from __future__ import annotations

from collections.abc import Sequence

from testbed.runs.models import Run, Step
from testbed.runs.states import StepState


def setup_of(run: Run, step: Step) -> list[Step]:
    """The done set-up steps (dock, settings) of the step's tool that it relies on, in order.

    Empty for a step without a wafer, and when a step of the same wafer was done on that tool
    since: the tool has just shown that it is set up.
    """
    if step.wafer_id is None:
        return []
    standing: dict[str, Step] = {}
    rows = run.steps.filter(tool=step.tool_id, state=StepState.DONE, seq__lt=step.seq)
    for before in rows.order_by("seq"):
        if before.kind == "undock":
            standing.pop("dock", None)
        elif before.wafer_id is None and before.after_unknown == "verify":
            standing[before.kind] = before
        elif before.wafer_id == step.wafer_id and _newest(standing) < before.seq:
            return []
    return sorted(standing.values(), key=lambda one: one.seq)


def _newest(standing: dict[str, Step]) -> int:
    return max((one.seq for one in standing.values()), default=0)


def kept_by_a_stop(steps: Sequence[Step]) -> list[Step]:
    """Of a run's steps in order, the pending ones that end what was begun and change no wafer.

    The traces of a wafer whose process is done, and the undock of a carrier that stands at a
    tool; nothing when no step was carried out yet.
    """
    kept: list[Step] = []
    docked: set[int] = set()
    last: dict[tuple[int | None, int], Step] = {}
    for step in steps:
        before = last.get((step.wafer_id, step.tool_id))
        follows = before is not None and (before.state == StepState.DONE or before in kept)
        if step.state == StepState.PENDING and _ends_something(step, docked, follows):
            kept.append(step)
            if step.kind == "undock":
                docked.discard(step.tool_id)
        if step.state == StepState.DONE:
            _follow(step, docked)
        last[step.wafer_id, step.tool_id] = step
    return kept


def _ends_something(step: Step, docked: set[int], follows: bool) -> bool:
    if step.kind == "undock":
        return step.tool_id in docked
    return follows and not step.is_process and step.wafer_id is not None


def _follow(step: Step, docked: set[int]) -> None:
    if step.kind == "dock":
        docked.add(step.tool_id)
    elif step.kind == "undock":
        docked.discard(step.tool_id)
