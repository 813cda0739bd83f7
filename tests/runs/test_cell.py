"""Runs on several tools at once: leased together, told together, and the litho cell's own work."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import jsonschema
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import TestCase
from django.utils import timezone

from instruments.catalogue import PLANS
from instruments.jobs import WaferOrder
from testbed.booking.models import Allocation, AllocationKind
from testbed.material.models import SubstrateState
from testbed.people.models import User
from testbed.process.models import Operation, Recipe, Route
from testbed.refusals import Refusal
from testbed.runs import advance as engine
from testbed.runs import control, lease, log, sweep, watch
from testbed.runs.lease import LeaseLost
from testbed.runs.models import Lease, Reading, Run, RunTool, Step, TraceBlock
from testbed.runs.start import start
from testbed.runs.states import RunState, StepState
from testbed.runs.way import way_of
from testbed.tools import states
from testbed.tools.models import StateSpan, Tool
from testbed.usage.lines import settle
from tests.runs.floor import RECIPES, Floor, book, drive, sign
from tests.runs.test_engine import wait_until, working

CELL = {
    "coat": {"resist": "PAR-193"},
    "expose": {"reticle": "LINE-40", "layout": {"kind": "uniform", "dose": 30.0, "focus": 0.0}},
    "develop": {"peb_delay_s": 5.0},
}
PROGRAM = PLANS["litho_cell"].program


@dataclass
class Cell:
    """A floor with one operation on track and scanner together, booked for now."""

    floor: Floor
    operation: Operation

    def start(self, slots: tuple[int, ...] = (1, 2)) -> Run:
        booking = self.floor.bookings["track"]
        return start(
            actor=self.floor.technician, booking=booking, operation=self.operation, slots=slots
        )


def as_cell(floor: Floor, alice: User, signer: User) -> Cell:
    route = Route.objects.create(code=f"c{floor.lot.pk}", name_ko="셀", name_en="Cell")
    recipe = Recipe.objects.create(code=f"cell-{floor.lot.pk}", title="c", tool_kind="litho_cell")
    sign(recipe, CELL, alice, signer)
    operation = Operation.objects.create(
        route=route, position=1, name_ko="노광 셀", name_en="Litho cell", tool_kind="track",
        recipe=recipe,
    )  # fmt: skip
    for own in floor.bookings.values():
        own.allocations.all().delete()
    booking = book(alice, floor.tools["track"], floor.lot, route)
    times = {"starts_at": booking.starts_at, "ends_at": booking.ends_at}
    Allocation.objects.create(
        tool=floor.tools["scanner"], booking=booking, kind=AllocationKind.BOOKING, **times
    )
    floor.bookings["track"] = booking
    return Cell(floor, operation)


@pytest.fixture
def cell(floor: Floor, alice: User, process_engineer: User) -> Cell:
    return as_cell(floor, alice, process_engineer)


@pytest.fixture
def live_cell(live_floor: Floor, alice: User, process_engineer: User) -> Cell:
    return as_cell(live_floor, alice, process_engineer)


# -- the plan ----------------------------------------------------------------------------------
def test_each_wafer_is_baked_before_the_next_is_exposed() -> None:
    wafers = [WaferOrder(slot, f"W{slot}") for slot in (3, 1)]
    plan = PROGRAM.plan(CELL, wafers, "FOUP-1")
    work = [(order.tool_kind, order.slot) for order in plan if order.is_process]
    assert work == [("track", 1), ("track", 3), ("scanner", 1), ("track", 1), ("scanner", 3),
                    ("track", 3)]  # fmt: skip
    place: dict[str, bool] = {}
    for order in plan:
        if order.kind in ("dock", "undock"):
            place[order.tool_kind] = order.kind == "dock"
        if order.is_process:
            assert place == {order.tool_kind: True} | {
                other: False for other in place if other != order.tool_kind
            }
    assert {order.tool_kind for order in plan} == {"track", "scanner"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"coat": {}, "expose": CELL["expose"]}, "develop"),
        (CELL | {"etch": {}}, "etch"),
        (CELL | {"coat": {"resist": "PAR-193", "operation": "develop"}}, "coat.operation"),
        (CELL | {"develop": {"peb_time_s": 9_999}}, "develop.peb_time_s"),
        (CELL | {"expose": 3}, "expose"),
    ],
)
def test_what_is_wrong_with_a_cells_recipe_is_said_by_part(body: dict, field: str) -> None:  # type: ignore[type-arg]
    assert field in {problem.field for problem in PROGRAM.problems(body)}
    with pytest.raises(ValueError, match="."):
        PROGRAM.plan(body, [WaferOrder(1, "W1")], "FOUP-1")


def test_the_schema_takes_what_the_plan_takes() -> None:
    assert PROGRAM.problems(CELL) == []
    jsonschema.validate(CELL, PROGRAM.schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(RECIPES["expose"], PROGRAM.schema())


# -- a run on two tools ------------------------------------------------------------------------
def test_every_tool_of_an_open_run_is_taken_in_the_database_too(cell: Cell, alice: User) -> None:
    run = cell.start()
    track, scanner = cell.floor.tools["track"], cell.floor.tools["scanner"]
    assert set(run.tools()) == {track, scanner}
    assert set(run.steps.values_list("tool__code", flat=True)) == {"track", "scanner"}
    other = Run.objects.get(pk=run.pk)
    other.pk, other.tool = None, scanner
    other.operation = cell.floor.operation("expose")
    with pytest.raises(IntegrityError, match="run_one_open_per_tool"), transaction.atomic():
        other.save(force_insert=True)
    with pytest.raises(Refusal) as refused:
        cell.start((3,))
    assert "tool_free" in refused.value.fields
    control.stop(actor=cell.floor.technician, run=run)
    assert drive(run).state == RunState.STOPPED
    assert not RunTool.objects.filter(is_open=True).exists()


def test_a_step_cannot_be_for_a_tool_that_the_run_does_not_hold(cell: Cell) -> None:
    run = cell.start()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError, match="step_tool_is_of_its_run"), transaction.atomic():
        Step.objects.filter(run=run, seq=1).update(tool=cell.floor.tools["cd_sem"])


def test_a_cell_that_is_booked_in_part_does_not_start(cell: Cell) -> None:
    scanner = cell.floor.tools["scanner"]
    cell.floor.bookings["track"].allocations.filter(tool=scanner).delete()
    with pytest.raises(Refusal) as refused:
        cell.start()
    assert "tool_booked" in refused.value.fields


def test_what_is_wrong_with_either_tool_keeps_the_run_from_starting(cell: Cell) -> None:
    states.emergency_stop(actor=cell.floor.technician, tool=cell.floor.tools["scanner"])
    with pytest.raises(Refusal) as refused:
        cell.start()
    assert set(refused.value.fields) == {"emergency_stop", "tool_able"}


def test_the_cell_coats_exposes_and_develops_and_measures_the_delay_before_the_bake(
    live_cell: Cell,
) -> None:
    fab = live_cell.floor.fab
    assert fab is not None
    fab.control.rescale(400)
    run = drive(live_cell.start())
    assert run.state == RunState.COMPLETED, run.evidence
    assert set(run.run_wafers.values_list("state", flat=True)) == {"processed"}
    assert log.verify(run).whole
    delays = [one.value for one in Reading.objects.filter(run=run, key="peb_delay")]
    assert len(delays) == 2
    places = TraceBlock.objects.filter(run=run).values_list("wafer", "key", "t0_s")
    # Of each wafer two curves of its coat, four of its exposure, two of its development.
    assert len(set(places)) == len(places) == 2 * 8
    # The carrier's move and the set delay, at the least.
    assert min(delays) >= 12 + 5
    history = [fab.control.wafer(row.wafer.wafer_id)["state"] for row in run.run_wafers.all()]
    assert history == ["developed", "developed"]
    assert {tool.code for tool in run.tools()} == {"track", "scanner"}
    for tool in run.tools():
        spans = StateSpan.objects.filter(tool=tool).order_by("started_at")
        assert [span.state for span in spans] == ["standby", "productive", "standby"]
    assert {row.identity["serial"] for row in run.run_tools.all()} == {"SN-track", "SN-scanner"}
    run.traveler.refresh_from_db()
    assert run.traveler.closed_at == run.ended_at
    line = settle(run=run)
    assert line is not None
    assert line.rate_won_per_hour == sum(tool.rate_won_per_hour for tool in run.tools())


def test_an_emergency_stop_by_the_company_reaches_both_tools_and_says_how_long_it_took(
    live_cell: Cell, alice: User, charlie: User
) -> None:
    fab = live_cell.floor.fab
    assert fab is not None
    run = live_cell.start()
    while not run.steps.filter(kind="settings", state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    fab.control.rescale(5)
    before = {kind: fab.control.counters(kind)["safes"] for kind in ("track", "scanner")}
    with pytest.raises(Refusal, match="not_allowed"):
        control.emergency_stop(actor=charlie, run=run)
    with working(lambda: drive(run)):
        wait_until(lambda: run.steps.filter(is_process=True, state=StepState.SENT).exists())
        control.emergency_stop(actor=alice, run=run)
        wait_until(lambda: Run.objects.get(pk=run.pk).state == RunState.HELD, 10)
    wait_until(lambda: run.events.filter(data__by="emergency stop").count() == 2, 5)
    for kind, safes in before.items():
        assert fab.control.counters(kind)["safes"] > safes
    for event in run.events.filter(data__by="emergency stop"):
        assert 0 < event.data["ms"] < 2_000
        assert f"({event.data['ms']:g} ms)" in log.sentence(event)
    assert all(tool.emergency_stop_at for tool in run.tools())
    assert run.events.get(kind="run.emergency_stop").actor == alice


def test_a_wafer_that_one_tool_has_worked_on_is_left_out_as_no_untouched_one(cell: Cell) -> None:
    run = cell.start()
    coat, expose = (run.steps.filter(is_process=True, slot=1, tool=cell.floor.tools[kind]).first()
                    for kind in ("track", "scanner"))  # fmt: skip
    assert coat is not None
    assert expose is not None
    assert coat.wafer is not None
    before = run.steps.filter(seq__lt=expose.seq)
    before.update(state=StepState.INTENT)
    before.update(state=StepState.DONE)
    run.run_wafers.filter(wafer=coat.wafer).update(state=SubstrateState.IN_PROCESS)
    for to in ("setting_up", "running", "held"):
        Run.objects.filter(pk=run.pk).update(state=to)
    run.refresh_from_db()
    control.resolve(actor=cell.floor.technician, run=run, choice="skip_wafer", note="scanner down")
    assert run.run_wafers.get(wafer=coat.wafer).state == SubstrateState.ABORTED
    # No other run coats it a second time.
    assert way_of(cell.floor.lot, cell.operation.route_id).is_touched(coat.wafer, cell.operation)


# -- leases of several tools -------------------------------------------------------------------
def test_all_are_claimed_or_none(floor: Floor) -> None:
    ids = sorted(tool.pk for tool in floor.tools.values())
    one = lease.claim(tool_ids=[ids[1]], run_id=None)
    assert one is not None
    assert lease.claim(tool_ids=ids, run_id=None) is None
    assert list(Lease.objects.exclude(holder="").values_list("tool_id", flat=True)) == [ids[1]]
    lease.release(one)
    both = lease.claim(tool_ids=[ids[2], ids[0]], run_id=None)
    assert both is not None
    assert both.tool_ids == (ids[0], ids[2])
    assert lease.extend(both)
    Lease.objects.filter(tool=ids[2]).update(expires_at=timezone.now())
    assert not lease.extend(both)
    taken = lease.claim(tool_ids=[ids[2]], run_id=None)
    assert taken is not None
    assert taken.taken_over
    with pytest.raises(LeaseLost):
        lease.fence(both)


def test_a_cell_has_one_bell_and_it_rings_when_the_last_of_its_tools_is_free(
    cell: Cell, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        run = cell.start()
    own = [(run.tool.queue, run.pk)]
    assert bells == own
    bells.clear()
    monkeypatch.setattr(watch, "ask", lambda tool: ("", "IDLE"))
    assert watch.ask_idle() == 3
    assert bells == own
    bells.clear()
    Run.objects.update(due_at=timezone.now() - timedelta(hours=1))
    other = next(tool for tool in run.tools() if tool != run.tool)
    held = lease.claim(tool_ids=[other.pk], run_id=None)
    assert held is not None
    assert sweep.ring_due() == 0
    lease.release(held)
    assert sweep.ring_due() == 1
    assert bells == own


def test_a_parked_tool_is_left_alone_by_a_worker_that_starts(floor: Floor) -> None:
    tool = floor.tools["track"]
    held = lease.claim(tool_ids=[tool.pk], run_id=None)
    assert held is not None
    lease.park(held)
    assert lease.claim(tool_ids=[tool.pk], run_id=None, only_free=True) is None
    assert lease.claim(tool_ids=[tool.pk], run_id=None) is not None


@pytest.mark.race
def test_claims_that_overlap_never_share_a_tool_and_never_wait_for_each_other(
    transactional_db: None, scanner: Tool, track: Tool, cd_sem: Tool
) -> None:
    # Without the rows' lock in `lease._locked` two of these threads hold one tool at once.
    ids = [scanner.pk, track.pk, cd_sem.pk]
    wanted = [ids[:2], ids[1::-1], ids[1:], [ids[2], ids[0]], [ids[0]], ids[::-1]]
    guard, inside, wrong, got = threading.Lock(), Counter[int](), [], Counter[int]()

    def claim(number: int) -> None:
        for _round in range(12):
            held = lease.claim(tool_ids=wanted[number], run_id=None)
            if held is None:
                continue
            with guard:
                inside.update(held.tool_ids)
                wrong.extend(pk for pk in held.tool_ids if inside[pk] > 1)
                got[number] += 1
            with transaction.atomic():
                lease.fence(held)
            with guard:
                inside.subtract(held.tool_ids)
            assert lease.release(held)

    with working(*(lambda number=number: claim(number) for number in range(6))) as raised:
        pass
    assert raised == []
    assert wrong == []
    assert sum(got.values()) > 6
    assert not Lease.objects.exclude(holder="").exists()


@pytest.mark.race
def test_a_cells_heartbeat_and_those_who_look_at_its_leases_never_wait_for_each_other(
    transactional_db: None, scanner: Tool, track: Tool
) -> None:
    ids = sorted([scanner.pk, track.pk])
    # The rows lie in the table the other way round, where an UPDATE finds them.
    for tool_id in reversed(ids):
        Lease.objects.create(tool_id=tool_id)
    held = lease.claim(tool_ids=ids, run_id=None)
    assert held is not None

    def look() -> None:
        for _round in range(150):
            with transaction.atomic():
                lease.fence(held)

    def extend() -> None:
        for _round in range(150):
            assert lease.extend(held)

    with working(look, look, extend) as raised:
        pass
    assert raised == []


def test_dead_tools_are_taken_over_beside_each_other() -> None:
    both_there = threading.Barrier(2, timeout=10)
    sweep.at_once([both_there.wait, both_there.wait])
    assert not both_there.broken
