"""Ended runs with their log and tool states, ready to be priced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.material.models import SubstrateState
from testbed.people.models import User
from testbed.runs.models import Run, RunEvent, RunWafer, Traveler
from testbed.runs.states import RunState
from testbed.tools.models import E10State, StateSpan, Tool
from tests.runs.floor import Floor, lay

Ended = Callable[..., Run]


@pytest.fixture
def tools(scanner: Tool, track: Tool, cd_sem: Tool) -> dict[str, Tool]:
    return {"scanner": scanner, "track": track, "cd_sem": cd_sem}


@pytest.fixture
def floor(alice: User, technician: User, process_engineer: User, tools: dict[str, Tool]) -> Floor:
    return lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)


@pytest.fixture
def ended(floor: Floor) -> Ended:
    """Makes an ended run whose tool worked `seconds`, after being held `held` s in between."""
    return lambda name="expose", seconds=100.0, held=0.0, state=RunState.COMPLETED: _ended(
        floor, name, seconds, held, state
    )


def _ended(floor: Floor, name: str, seconds: float, held: float, state: RunState) -> Run:
    operation, end = floor.operation(name), timezone.now()
    start = end - timedelta(seconds=seconds + held)
    version = operation.recipe.versions.get()
    run = Run.objects.create(
        traveler=Traveler.objects.get_or_create(lot=floor.lot, route=floor.route)[0],
        operation=operation,
        booking=floor.bookings[operation.tool_kind],
        company=floor.lot.company,
        tool=floor.tools[operation.tool_kind],
        recipe_version=version,
        recipe_sha256=version.sha256,
        state=state,
        started_by=floor.technician,
        started_at=start,
        ended_at=end,
    )
    for slot in (1, 2):
        wafer = floor.lot.wafers.get(slot=slot)
        RunWafer.objects.create(run=run, wafer=wafer, state=SubstrateState.PROCESSED)
    half = timedelta(seconds=seconds / 2)
    marks = [("run.setting_up", start, {})]
    if held:
        marks.append(("run.held", start + half, {}))
        marks.append(("run.resolved", end - half, {"choice": "ask_again"}))
    marks.append((f"run.{state}", end, {}))
    for seq, (kind, at, data) in enumerate(marks, start=1):
        RunEvent.objects.create(
            run=run, seq=seq, at=at, kind=kind, data=data, previous_hash="", hash=str(seq)
        )
    _spans(run, [at for _kind, at, _data in marks])
    return run


def _spans(run: Run, moments: list[object]) -> None:
    """PRODUCTIVE, with UNSCHEDULED DOWN between the second and third moment when there are four."""
    StateSpan.objects.filter(tool=run.tool).delete()
    names = [E10State.PRODUCTIVE, E10State.UNSCHEDULED_DOWN, E10State.PRODUCTIVE]
    for state, a, b in zip(names, moments, moments[1:], strict=False):
        StateSpan.objects.create(
            tool=run.tool, state=state, started_at=a, ended_at=b, run_id=run.pk
        )
