"""A lot whose focus-exposure matrix was measured, written straight into the database."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from testbed.material.models import SubstrateState, Wafer
from testbed.people.models import User
from testbed.runs.models import (
    Quality,
    Run,
    RunWafer,
    SiteReading,
    Step,
    TraceBlock,
    Traveler,
)
from testbed.runs.states import RunState, StepState
from testbed.runs.store import packed
from testbed.tools.models import Tool
from tests.results.synthetic import Truth, matrix
from tests.runs.floor import RECIPES, Floor, lay

SAMPLES = 3_648
LAYOUT = RECIPES["expose"]["layout"]


@dataclass
class Measured:
    """A traveler with an exposure and a measurement of `slots`, and the truth behind it."""

    floor: Floor
    traveler: Traveler
    exposure: Run
    measurement: Run
    truth: Truth
    slots: tuple[int, ...]


@pytest.fixture
def tools(scanner: Tool, track: Tool, cd_sem: Tool) -> dict[str, Tool]:
    return {"scanner": scanner, "track": track, "cd_sem": cd_sem}


@pytest.fixture
def measured(
    alice: User, technician: User, process_engineer: User, tools: dict[str, Tool]
) -> Measured:
    """Alice's lot, three wafers measured; wafer 2 has one field that was not resolved."""
    floor = lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)
    traveler = Traveler.objects.create(lot=floor.lot, route=floor.route)
    slots, truth = (1, 2, 3), Truth()
    exposure = ended_run(floor, traveler, "expose", slots)
    measurement = ended_run(floor, traveler, "measure", slots)
    add_sites(measurement, truth, slots)
    add_traces(exposure)
    return Measured(floor, traveler, exposure, measurement, truth, slots)


def ended_run(
    floor: Floor, traveler: Traveler, name: str, slots: tuple[int, ...], minutes: int = 20
) -> Run:
    """A completed run of an operation with one done step a wafer."""
    operation, now = floor.operation(name), timezone.now()
    version = operation.recipe.versions.get()
    run = Run.objects.create(
        traveler=traveler,
        operation=operation,
        booking=floor.bookings[operation.tool_kind],
        company=floor.lot.company,
        tool=floor.tools[operation.tool_kind],
        recipe_version=version,
        recipe_sha256=version.sha256,
        state=RunState.COMPLETED,
        started_by=floor.technician,
        started_at=now - timedelta(minutes=minutes),
        ended_at=now,
    )
    for seq, slot in enumerate(slots, start=1):
        wafer = floor.lot.wafers.get(slot=slot)
        RunWafer.objects.create(run=run, wafer=wafer, state=SubstrateState.PROCESSED)
        add_step(run, seq, wafer, name)
    return run


def add_step(run: Run, seq: int, wafer: Wafer, kind: str) -> Step:
    return Step.objects.create(
        run=run,
        tool=run.tool,
        seq=seq,
        kind=kind,
        title=f"{kind} {wafer.wafer_id}",
        wafer=wafer,
        slot=wafer.slot,
        after_unknown="repeat",
        state=StepState.DONE,
        ended_at=run.ended_at,
    )


def add_sites(run: Run, truth: Truth, slots: tuple[int, ...]) -> None:
    """CD per field as the tool stores it: columns and rows counted from the lower left."""
    found = matrix(
        21,
        truth=truth,
        wafers=len(slots),
        dose_start=LAYOUT["dose_start"],
        dose_step=LAYOUT["dose_step"],
        focus_start=LAYOUT["focus_start"],
        focus_step=LAYOUT["focus_step"],
    )
    steps = {step.slot: step for step in run.steps.all()}
    rows = []
    for i, cd in enumerate(found.cd.tolist()):
        step = steps[slots[int(found.wafer[i])]]
        x, y = float(found.x_mm[i]), float(found.y_mm[i])
        lost = step.slot == 2 and x == 0 and y == 0
        rows.append(
            SiteReading(
                run=run,
                step=step,
                wafer_id=step.wafer_id,
                key="cd",
                unit="nm",
                value=math.nan if lost else cd,
                quality=Quality.NOT_RESOLVED if lost else Quality.GOOD,
                field_col=round(x / 26) + 5,
                field_row=round(y / 33) + 3,
                x_mm=x,
                y_mm=y,
            )
        )
    SiteReading.objects.bulk_create(rows)


def add_traces(run: Run) -> None:
    """Dose and focus error of each wafer, one spike in the focus of the last."""
    rng = np.random.default_rng(3)
    blocks = []
    for step in run.steps.order_by("seq"):
        dose = (30 + 0.05 * rng.normal(size=SAMPLES)).astype(np.float32)
        focus = (2.0 * rng.normal(size=SAMPLES).clip(-3, 3)).astype(np.float32)
        if step.slot == 3:
            focus[1_234] = 25.0
        blocks.append(packed(step, "dose", "mJ/cm²", 0.0, 0.0076, dose))
        blocks.append(packed(step, "focus_error", "nm", 0.0, 0.0076, focus))
    TraceBlock.objects.bulk_create(blocks)
