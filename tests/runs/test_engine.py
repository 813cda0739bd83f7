"""The engine against the simulated fab: real sockets, real PyVISA, no worker process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from testbed.material.models import SubstrateState, Wafer
from testbed.refusals import Refusal
from testbed.runs import advance as engine
from testbed.runs import control, lease, log, moves, safety, store, sweep
from testbed.runs.models import Lease, Reading, Run, SiteReading, TraceBlock
from testbed.runs.signals import run_ended
from testbed.runs.states import RunState, StepState
from testbed.tools import states
from testbed.tools.models import E10State, StateSpan
from tests.runs.floor import Floor, drive


def test_the_whole_route_runs_and_the_sem_measures_what_the_scanner_exposed(
    live_floor: Floor,
) -> None:
    for name in ("coat", "expose", "develop", "measure"):
        run = live_floor.run(name)
        assert run.state == RunState.COMPLETED, (name, run.evidence)
        assert log.verify(run).whole
        states = set(run.run_wafers.values_list("state", flat=True))
        assert states == {SubstrateState.PROCESSED}
        assert set(run.steps.values_list("state", flat=True)) == {StepState.DONE}
        assert run.tool_identity["serial"] == run.tool.serial
    sites = SiteReading.objects.filter(run=run, key="cd", quality="good")
    assert sites.count() > 2 * 40
    assert Reading.objects.filter(key="thickness").count() == 2
    for block in TraceBlock.objects.filter(key="dose"):
        samples = store.samples_of(block)
        assert len(samples) == block.count == 3_648
        assert samples.max() == pytest.approx(block.maximum)
        assert 20 < block.mean < 45
    assert not Lease.objects.exclude(holder="", expires_at=None).exists()
    run.traveler.refresh_from_db()
    assert run.traveler.closed_at == run.ended_at


def test_a_worker_that_starts_makes_its_tools_at_rest_safe_and_no_others(
    live_floor: Floor,
) -> None:
    assert live_floor.fab is not None
    counters = live_floor.fab.control.counters
    before = {kind: counters(kind)["safes"] for kind in ("track", "scanner", "cd_sem")}
    held = lease.claim(tool_ids=[live_floor.tools["scanner"].pk], run_id=None)
    assert held is not None
    lease.park(held)
    assert safety.at_start(["tool.track", "tool.scanner"]) == 1
    after = {kind: counters(kind)["safes"] - count for kind, count in before.items()}
    assert after == {"track": 1, "scanner": 0, "cd_sem": 0}
    assert not Lease.objects.exclude(holder="").exists()


def test_a_bell_that_found_the_tool_being_made_safe_is_rung_again(
    live_floor: Floor, bells: list[tuple[str, int]]
) -> None:
    run = live_floor.start("coat")
    bells.clear()
    assert safety.at_start(["tool.track", "tool.scanner"]) == 2
    assert bells == [(run.tool.queue, run.pk)]


def test_a_damaged_trace_is_noticed(live_floor: Floor) -> None:
    live_floor.run("coat", [1])
    block = TraceBlock.objects.all()[0]
    block.samples = bytes(block.samples)[:-1] + b"\0"
    with pytest.raises(store.DamagedBlock):
        store.samples_of(block)


def test_the_tool_is_productive_from_first_step_to_last_and_the_end_is_told(
    live_floor: Floor,
) -> None:
    told: list[Run] = []
    run_ended.connect(listener := lambda sender, run, **rest: told.append(run), weak=False)
    try:
        run = live_floor.run("coat", [1])
    finally:
        run_ended.disconnect(listener)
    spans = StateSpan.objects.filter(tool=run.tool).order_by("started_at")
    assert [span.state for span in spans] == ["standby", "productive", "standby"]
    assert [one.pk for one in told] == [run.pk]
    assert spans[1].run_id == run.pk


def test_wafers_become_as_dirty_as_the_tool_they_met(live_floor: Floor) -> None:
    tool = live_floor.tools["track"]
    tool.contamination_class = 1
    tool.save()
    live_floor.run("coat", [1])
    classes = dict(Wafer.objects.values_list("slot", "contamination_class"))
    assert (classes[1], classes[2]) == (1, 0)


@contextmanager
def working(*jobs: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run `jobs` in threads beside the test; what they raise is collected."""
    raised: list[BaseException] = []

    def work(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield raised
    finally:
        for thread in threads:
            thread.join(60)


def wait_until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_bells_that_ring_twice_do_each_step_once(live_floor: Floor) -> None:
    run = live_floor.start("coat")

    def answer() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            engine.advance(run.pk)
            if Run.objects.get(pk=run.pk).state == RunState.COMPLETED:
                return
            time.sleep(0.01)

    assert live_floor.fab is not None
    before = live_floor.fab.control.counters("track")["starts"]
    with working(answer, answer, answer) as raised:
        pass
    assert raised == []
    run.refresh_from_db()
    assert run.state == RunState.COMPLETED
    assert live_floor.fab.control.counters("track")["starts"] - before == 2
    kinds = list(run.events.values_list("kind", flat=True))
    assert kinds.count("step.intent") == kinds.count("step.done") == run.steps.count()
    assert log.verify(run).whole


@pytest.mark.race
def test_two_tablets_start_one_run(live_floor: Floor) -> None:
    refused: list[Refusal] = []

    def press() -> None:
        try:
            live_floor.start("coat")
        except Refusal as refusal:
            refused.append(refusal)

    with working(*[press] * 6) as raised:
        pass
    assert raised == []
    assert Run.objects.count() == 1
    assert len(refused) == 5
    assert {refusal.code for refusal in refused} == {"interlocked"}


def slow_exposure(floor: Floor, scale: float = 10) -> Run:
    """A coated lot, and an exposure that takes four seconds a wafer, not yet begun."""
    floor.run("coat")
    assert floor.fab is not None
    floor.fab.control.rescale(scale)
    return floor.start("expose")


def is_exposing(run: Run) -> bool:
    return run.steps.filter(is_process=True, state=StepState.SENT).exists()


def test_an_abort_in_mid_exposure_is_confirmed_by_the_tool_within_a_second_and_keeps_its_wire(
    live_floor: Floor, client: Client
) -> None:
    run = slow_exposure(live_floor)
    assert live_floor.fab is not None
    with working(lambda: drive(run)):
        wait_until(lambda: is_exposing(run))
        asked = time.monotonic()
        control.abort(actor=live_floor.technician, run=run)
        wait_until(lambda: Run.objects.get(pk=run.pk).state == RunState.ABORTED, 5)
        took = time.monotonic() - asked
    state = live_floor.fab.control.state("scanner")
    assert "RUNNING" not in state["jobs"].values()
    assert state["carrier"] == ""
    assert took < 2.0
    assert 0 < run.events.get(kind="tool.safe_sent", data__has_key="ms").data["ms"] < 2_000
    wafers = list(run.run_wafers.values_list("state", flat=True))
    assert wafers == [SubstrateState.ABORTED, SubstrateState.SKIPPED]
    kept = run.wire_logs.get()
    assert kept.step == run.steps.get(state=StepState.FAILED)
    assert any(one["tx"].startswith(safety.SAFE) for one in kept.exchanges)
    client.force_login(live_floor.technician)
    page = client.get(f"/runs/{run.pk}/", headers={"accept-language": "en"}).content.decode()
    assert "What was said on the wire when it was aborted" in page
    assert log.verify(run).whole
    assert StateSpan.objects.get(tool=run.tool, ended_at=None).state == E10State.STANDBY


def test_a_stop_finishes_the_wafer_in_work_and_lets_the_carrier_go(live_floor: Floor) -> None:
    run = slow_exposure(live_floor, scale=40)
    with working(lambda: drive(run)):
        wait_until(lambda: is_exposing(run))
        control.stop(actor=live_floor.technician, run=run)
    run.refresh_from_db()
    assert run.state == RunState.STOPPED
    wafers = list(run.run_wafers.values_list("state", flat=True))
    assert wafers == [SubstrateState.PROCESSED, SubstrateState.SKIPPED]
    done = set(run.steps.filter(state=StepState.DONE).values_list("kind", flat=True))
    assert done == {"dock", "settings", "expose", "trace", "undock"}


def test_a_stop_before_the_first_step_touches_nothing(live_floor: Floor) -> None:
    run = live_floor.start("coat")
    control.stop(actor=live_floor.technician, run=run)
    assert drive(run).state == RunState.STOPPED
    assert set(run.steps.values_list("state", flat=True)) == {StepState.SKIPPED}


def test_an_emergency_stop_in_mid_exposure_reaches_the_tool_and_holds_the_run(
    live_floor: Floor,
) -> None:
    run = slow_exposure(live_floor)
    assert live_floor.fab is not None
    fab = live_floor.fab.control
    with working(lambda: drive(run)):
        wait_until(lambda: is_exposing(run))
        pressed = time.monotonic()
        states.emergency_stop(actor=live_floor.technician, tool=run.tool)
        wait_until(lambda: "RUNNING" not in fab.state("scanner")["jobs"].values(), 5)
        assert time.monotonic() - pressed < 2.0
        wait_until(lambda: Run.objects.get(pk=run.pk).state == RunState.HELD, 5)
    run.refresh_from_db()
    assert run.held_why == "emergency_stop"
    safes = fab.counters("scanner")["safes"]
    sweep.make_stopped_safe()
    assert fab.counters("scanner")["safes"] == safes + 1
    states.clear_emergency_stop(actor=live_floor.technician, tool=run.tool)
    control.resolve(
        actor=live_floor.technician, run=run, choice="skip_wafer", note="partly exposed"
    )
    fab.rescale(100)
    assert drive(run).state == RunState.COMPLETED
    assert fab.double_exposures() == 0


def test_a_worker_whose_lease_was_taken_stores_nothing_and_sends_nothing(
    live_floor: Floor,
) -> None:
    run = slow_exposure(live_floor)
    while run.steps.filter(kind="settings").exclude(state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    answers: list[bool] = []
    with working(lambda: answers.append(engine.advance(run.pk))):
        wait_until(lambda: is_exposing(run))
        # The worker is taken for dead: its lease is over, and the sweep is quicker than it.
        Lease.objects.filter(tool=run.tool).update(expires_at=timezone.now() - timedelta(seconds=1))
        sweep.take_over_dead()
    assert answers == [False]
    run.refresh_from_db()
    assert run.state == RunState.HELD
    assert run.held_why == "worker_lost"
    assert not TraceBlock.objects.filter(run=run).exists()
    assert log.verify(run).whole


def test_what_is_stored_is_stored_with_the_end_of_the_step_or_not_at_all(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = live_floor.start("coat", [1])

    def lost(held: lease.Claim) -> None:
        raise lease.LeaseLost("superseded")

    while run.steps.filter(kind="process").exclude(state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    readings = Reading.objects.count()
    monkeypatch.setattr(moves.lease, "fence", lost)
    assert engine.advance(run.pk) is False
    assert Reading.objects.count() == readings
    assert not TraceBlock.objects.exists()


def test_the_sweep_rings_what_nobody_answered_and_only_that(
    live_floor: Floor, bells: list[tuple[str, int]]
) -> None:
    run = live_floor.start("coat")
    assert bells == [("tool.track", run.pk)]
    bells.clear()
    assert sweep.ring_due() == 0
    Run.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    assert sweep.ring_due() == 0
    lease.release(held)
    assert sweep.ring_due() == 1
    assert sweep.ring_due() == 0
    assert bells == [("tool.track", run.pk)]
