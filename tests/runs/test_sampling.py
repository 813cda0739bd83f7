"""Partial lots and sampling plans: which wafers a start takes, and that no other one changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.catalogue import PLANS
from instruments.jobs import WaferOrder
from testbed.material.models import Wafer
from testbed.process.models import Operation, Sampling
from testbed.runs.models import Run, RunEvent, RunWafer, Step
from testbed.runs.ready import next_operation, waiting_slots
from testbed.runs.way import seed_of
from tests.runs.floor import RECIPES, Floor
from tests.runs.test_interlocks import open_ones, passed

KINDS = {"coat": "track", "expose": "scanner", "develop": "track", "measure": "cd_sem"}


def sample(floor: Floor, name: str, **plan: Any) -> Operation:
    Operation.objects.filter(pk=floor.operation(name).pk).update(**plan)
    return floor.operation(name)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.sets(st.integers(1, 25), min_size=1))
def test_a_plan_of_steps_touches_the_chosen_wafers_and_no_other(name: str, slots: set[int]) -> None:
    orders = [WaferOrder(slot, f"W-{slot:02}") for slot in slots]
    steps = PLANS[KINDS[name]].program.plan(RECIPES[name], orders, "FOUP")
    assert {step.slot for step in steps if step.slot is not None} == slots
    assert all(step.wafer_id == f"W-{step.slot:02}" for step in steps if step.slot)
    docking = next(step for step in steps if step.kind == "dock")
    assert {int(slot) for slot in docking.params["wafers"]} == slots


def test_a_partial_run_changes_the_chosen_wafers_alone(live_floor: Floor) -> None:
    assert live_floor.fab is not None
    track = live_floor.tools["track"]
    track.contamination_class = 1
    track.save()
    before = {w.slot: w.contamination_class for w in Wafer.objects.filter(lot=live_floor.lot)}
    run = live_floor.run("coat", (2, 4))
    assert run.state == "completed"
    after = {w.slot: w.contamination_class for w in Wafer.objects.filter(lot=live_floor.lot)}
    assert {slot for slot in after if after[slot] != before[slot]} == {2, 4}
    assert set(RunWafer.objects.values_list("wafer__slot", flat=True)) == {2, 4}
    assert set(Step.objects.exclude(slot=None).values_list("slot", flat=True)) == {2, 4}
    assert waiting_slots(live_floor.bookings["track"], live_floor.operation("coat")) == [1, 3]


def test_the_plan_chooses_wafers_and_the_rest_waits_for_nothing(floor: Floor) -> None:
    passed(floor, "coat", (1, 2, 3, 4))
    expose = sample(floor, "expose", sampling=Sampling.LISTED, sampling_slots=[2, 4, 9])
    assert waiting_slots(floor.bookings["scanner"], expose) == [2, 4]
    passed(floor, "expose", (2, 4))
    assert next_operation(floor.bookings["scanner"]) is None
    # What was left out goes on without it; what was asked for does not.
    assert open_ones(floor, "develop", (1, 2, 3, 4)) == set()
    sample(floor, "expose", sampling_slots=[2, 3])
    assert open_ones(floor, "develop", (1, 2, 3)) == {"operation_before"}


def test_a_deviation_and_the_seed_stand_in_the_run(floor: Floor) -> None:
    coat = sample(floor, "coat", sampling=Sampling.RANDOM, sampling_number=2)
    planned = waiting_slots(floor.bookings["track"], coat)
    run = passed(floor, "coat", tuple(planned))
    assert run.sampling == {
        "kind": "random", "number": 2, "planned": planned, "added": [], "left_out": [],
        "seed": seed_of(floor.lot, coat),
    }  # fmt: skip
    assert not RunEvent.objects.filter(kind="sampling.deviated").exists()
    other = next(slot for slot in range(1, 5) if slot not in planned)
    floor.start("coat", (other,))
    event = RunEvent.objects.get(run=Run.objects.first(), kind="sampling.deviated")
    assert event.data["added"] == str(other)


def test_a_route_ends_with_the_wafers_that_its_last_plan_asks_for(live_floor: Floor) -> None:
    for name in ("expose", "develop"):
        Operation.objects.filter(pk=live_floor.operation(name).pk).update(
            sampling=Sampling.LISTED, sampling_slots=[25]
        )
    sample(live_floor, "measure", sampling=Sampling.EVERY, sampling_number=2)
    passed(live_floor, "coat", (1, 2, 3))
    run = live_floor.run("measure", (1, 3))
    run.traveler.refresh_from_db()
    assert run.traveler.closed_at == run.ended_at
