"""What goes wrong on the wire in the middle of a run, against the simulated fab."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from instruments.catalogue import open_tool
from testbed.people.models import User
from testbed.runs import advance as engine
from testbed.runs import control, log, moves, sessions, sweep
from testbed.runs.attempt import Attempt
from testbed.runs.choices import choices
from testbed.runs.lease import Claim
from testbed.runs.models import Lease, Run
from testbed.runs.states import RunState, StepState
from testbed.tools import states
from testbed.tools.models import E10State, StateSpan, Tool
from tests.runs.floor import Fab, Floor, drive, lay, simulated_fab

pytestmark = pytest.mark.usefixtures("impatient")


def fab_of(floor: Floor) -> Fab:
    assert floor.fab is not None
    return floor.fab


def ready_to_expose(floor: Floor) -> dict[str, int]:
    """Coat both wafers; the scanner's counters before it begins."""
    assert floor.run("coat").state == RunState.COMPLETED
    return fab_of(floor).control.counters("scanner")


def exposed_once(floor: Floor, before: dict[str, int], starts: int = 2) -> None:
    after = fab_of(floor).control.counters("scanner")
    assert after["double_exposures"] == 0
    assert after["starts"] - before["starts"] == starts


def kinds(run: Run) -> list[str]:
    return list(run.events.order_by("seq").values_list("kind", flat=True))


def state_of(tool: Tool) -> str:
    return StateSpan.objects.get(tool=tool, ended_at=None).state


def decide(floor: Floor, run: Run, choice: str) -> Run:
    control.resolve(actor=floor.technician, run=run, choice=choice, note="looked at the tool")
    return drive(run)


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("no_reply", "JOB:STAR"),
        ("close", "JOB:STAR"),
        ("garbage", "JOB:STAR"),
        ("no_reply", "JOB:STAT"),
        ("reset", "JOB:STAT"),
        ("wrong_type", "JOB:STAT"),
        ("garbage", "TRAC:DATA"),
        ("no_reply", "EXP:RET"),
        ("close", "CARR:DOCK"),
    ],
)
def test_one_fault_is_explained_by_the_tool_and_the_run_goes_on(
    live_floor: Floor, kind: str, match: str
) -> None:
    before = ready_to_expose(live_floor)
    run = live_floor.start("expose")
    fab_of(live_floor).control.fault("scanner", "", kind, match=match)
    assert drive(run).state == RunState.COMPLETED, run.evidence
    exposed_once(live_floor, before)
    assert "step.again" in kinds(run)
    assert log.verify(run).whole


def silent_after_start(floor: Floor) -> Run:
    """A run held because the scanner went silent once its exposure had begun."""
    run = floor.start("expose")
    fab_of(floor).control.fault("scanner", "", "no_reply", match="JOB:", count=50, skip=1)
    assert drive(run).state == RunState.HELD
    assert run.steps.get(state=StepState.UNKNOWN).is_process
    assert run.wire_logs.get().exchanges
    assert state_of(run.tool) == E10State.UNSCHEDULED_DOWN
    # Every company reads a tool's reason: it names no run.
    assert str(run) not in run.tool.state_spans.get(ended_at=None).reason
    assert choices(run)[0].code == "ask_again"
    fab_of(floor).control.clear_faults()
    return run


def test_a_silent_tool_that_finished_meanwhile_says_so_when_asked_again(
    live_floor: Floor,
) -> None:
    before = ready_to_expose(live_floor)
    run = decide(live_floor, silent_after_start(live_floor), "ask_again")
    assert run.state == RunState.COMPLETED
    assert state_of(run.tool) == E10State.STANDBY
    exposed_once(live_floor, before)


def test_a_silent_tool_made_safe_in_mid_exposure_says_so_and_the_wafer_is_left_out(
    live_floor: Floor,
) -> None:
    before = ready_to_expose(live_floor)
    fab_of(live_floor).control.rescale(5)
    run = decide(live_floor, silent_after_start(live_floor), "ask_again")
    assert run.state == RunState.HELD
    assert run.evidence["tool_says"] == "failed"
    fab_of(live_floor).control.rescale(100)
    assert decide(live_floor, run, "skip_wafer").state == RunState.COMPLETED
    exposed_once(live_floor, before)


def test_a_tool_that_cannot_be_reached_at_all_holds_the_run_untouched(live_floor: Floor) -> None:
    before = ready_to_expose(live_floor)
    run = live_floor.start("expose")
    fab_of(live_floor).control.refuse("scanner", 4.0)
    assert drive(run).state == RunState.HELD
    assert run.held_why == "unreachable"
    assert set(run.steps.values_list("state", flat=True)) == {StepState.PENDING}
    assert [one.code for one in choices(run)] == ["go_on", "abort", "close"]
    exposed_once(live_floor, before, starts=0)


def test_a_power_cut_in_mid_exposure_and_the_next_wafer_finds_the_tool_set_up_again(
    live_floor: Floor,
) -> None:
    before = ready_to_expose(live_floor)
    run = live_floor.start("expose")
    fab_of(live_floor).control.fault("scanner", "", "restart", match="JOB:STAT", seconds=0.2)
    assert drive(run).state == RunState.HELD
    assert run.evidence["tool_says"] == "failed"
    run = decide(live_floor, run, "skip_wafer")
    assert run.state == RunState.COMPLETED
    assert "step.restored" in kinds(run)
    exposed_once(live_floor, before)
    # With its defaults the scanner would have printed one dose everywhere.
    assert fab_of(live_floor).control.state("scanner")["settings"]["LAY:DOSE:STEP"] == 2.0


def test_a_tool_that_lost_its_power_while_a_person_thought_is_set_up_again(
    live_floor: Floor,
) -> None:
    before = ready_to_expose(live_floor)
    run = live_floor.start("expose")
    while run.steps.filter(kind="settings").exclude(state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    fab_of(live_floor).control.refuse("scanner", 4.0)
    assert drive(run).state == RunState.HELD
    fab_of(live_floor).control.restart("scanner")
    time.sleep(4.0)
    assert decide(live_floor, run, "go_on").state == RunState.COMPLETED
    assert run.events.get(kind="step.restored").data["step_kind"] == "settings"
    assert fab_of(live_floor).control.state("scanner")["settings"]["LAY:DOSE:STEP"] == 2.0
    exposed_once(live_floor, before)


def test_what_nobody_foresaw_is_held_with_the_tool_made_safe(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = live_floor.start("coat")
    monkeypatch.setattr(Attempt, "start", lambda self, ask_first: 1 // 0)
    before = fab_of(live_floor).control.counters("track")["safes"]
    assert drive(run).state == RunState.HELD
    assert run.held_why == "unforeseen"
    assert "ZeroDivisionError" in run.evidence["error"]
    assert fab_of(live_floor).control.counters("track")["safes"] > before
    monkeypatch.undo()


def test_what_cannot_be_stored_holds_the_run_at_the_step_it_belongs_to(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real = live_floor.start("coat", [1]), moves.go_on

    def broken(held: Claim, run: Run) -> None:
        if run.steps.filter(is_process=True, state=StepState.DONE).exists():
            raise ZeroDivisionError
        real(held, run)

    monkeypatch.setattr(moves, "go_on", broken)
    assert drive(run).state == RunState.HELD
    assert run.steps.get(is_process=True).state == StepState.UNKNOWN
    assert choices(run)[0].code == "ask_again"
    monkeypatch.undo()
    assert decide(live_floor, run, "ask_again").state == RunState.COMPLETED


def test_a_run_that_cannot_be_closed_is_held(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = live_floor.start("coat", [1])
    monkeypatch.setattr(moves, "_certify_clean", lambda run: 1 // 0)
    assert drive(run).state == RunState.HELD
    assert not run.steps.filter(state__in=[StepState.INTENT, StepState.SENT]).exists()
    assert decide(live_floor, run, "abort").state == RunState.ABORTED


def test_a_job_that_the_tool_took_and_denies_is_never_begun_again(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SLICE_S", 0.0)
    run = live_floor.start("coat", [1])
    while not run.steps.filter(state=StepState.SENT, is_process=True).exists():
        assert engine.advance(run.pk)
    fab = fab_of(live_floor).control
    starts = fab.counters("track")["starts"]
    # By another name the tool knows no such job, and it has lost none.
    run.steps.filter(state=StepState.SENT).update(token=uuid.uuid4())
    Lease.objects.update(holder="dead", expires_at=timezone.now() - timedelta(seconds=1))
    sweep.take_over_dead()
    run.refresh_from_db()
    assert run.state == RunState.HELD
    assert choices(run)[0].code == "ask_again"
    assert decide(live_floor, run, "ask_again").state == RunState.HELD
    assert fab.counters("track")["starts"] == starts


def test_a_tool_that_lost_its_memory_is_never_trusted_with_a_guess(
    transactional_db: None,
    tmp_path: Path,
    alice: User,
    technician: User,
    process_engineer: User,
    tools: dict[str, Tool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A fab of its own: a lost job log stays lost.
    monkeypatch.setattr(engine, "SLICE_S", 0.0)
    with simulated_fab(tmp_path, scale=100.0) as fab:
        floor = lay(
            alice=alice, technician=technician, process_engineer=process_engineer, tools=tools,
            fab=fab,
        )  # fmt: skip
        run = floor.start("coat")
        while not run.steps.filter(state=StepState.SENT, is_process=True).exists():
            assert engine.advance(run.pk)
        fab.control.restart("track", lose_memory=True)
        assert drive(run).state == RunState.HELD
        assert run.evidence["tool_says"] == "lost"
        assert [one.code for one in choices(run)][:2] == ["ask_again", "mark_done"]
        assert fab.control.counters("track")["starts"] == 1
        sessions.drop(run.tool_id)


def test_a_carrier_whose_map_differs_moves_nothing(live_floor: Floor) -> None:
    before = ready_to_expose(live_floor)
    wafers = {wafer.slot: wafer.wafer_id for wafer in live_floor.lot.wafers.all()}
    carrier = str(live_floor.lot.carrier)
    fab_of(live_floor).control.deliver(carrier, wafers, {3: "X"})
    run = live_floor.run("expose")
    assert run.state == RunState.HELD
    assert "3" in run.evidence["error"]
    exposed_once(live_floor, before, starts=0)
    fab_of(live_floor).control.deliver(carrier, wafers)
    assert [one.code for one in choices(run)] == ["repeat", "abort"]
    assert decide(live_floor, run, "abort").state == RunState.ABORTED


def test_another_instrument_at_the_address_is_not_talked_to(live_floor: Floor) -> None:
    tool = live_floor.tools["track"]
    tool.serial = "SN-other"
    tool.save()
    run = live_floor.run("coat")
    assert (run.state, run.held_why) == (RunState.HELD, "wrong_tool")
    assert run.evidence["safe"] is False
    assert set(run.steps.values_list("state", flat=True)) == {StepState.PENDING}


def test_a_tool_that_answers_in_another_tools_words_is_told_nothing(live_floor: Floor) -> None:
    fab, track = fab_of(live_floor), live_floor.tools["track"]
    before = fab.control.counters("cd_sem")
    Tool.objects.filter(pk=live_floor.tools["cd_sem"].pk).update(visa_resource="")
    track.visa_resource = fab.resource("cd_sem")
    track.save()
    run = live_floor.run("coat")
    assert (run.state, run.held_why) == (RunState.HELD, "wrong_tool")
    assert "SN-cd_sem" in run.evidence["error"]
    assert set(run.steps.values_list("state", flat=True)) == {StepState.PENDING}
    after = fab.control.counters("cd_sem")
    assert {key: after[key] for key in ("starts", "safes")} == {
        key: before[key] for key in ("starts", "safes")
    }


def test_an_emergency_stop_between_steps_holds_until_a_person_clears_it(live_floor: Floor) -> None:
    run = live_floor.start("coat")
    states.emergency_stop(actor=live_floor.technician, tool=run.tool)
    assert drive(run).state == RunState.HELD
    assert run.held_why == "emergency_stop"
    states.clear_emergency_stop(actor=live_floor.technician, tool=run.tool)
    assert decide(live_floor, run, "go_on").state == RunState.COMPLETED


def test_a_process_that_the_tool_refused_is_started_once_its_reason_is_gone(
    live_floor: Floor,
) -> None:
    """Somebody works at the tool's own console when the run's first wafer comes."""
    tool, fab = live_floor.tools["track"], fab_of(live_floor).control
    fab.rescale(1.0)
    run = live_floor.start("coat")
    first = run.steps.filter(is_process=True).order_by("seq")[0]
    while run.steps.filter(seq__lt=first.seq).exclude(state=StepState.DONE).exists():
        engine.advance(run.pk)
    by_hand = open_tool(tool.kind, tool.visa_resource, tool.serial)
    by_hand.start_job("by-hand", 4)
    before = fab.counters("track")["starts"]
    engine.advance(run.pk)
    by_hand.link.close()
    run.refresh_from_db()
    assert (run.state, run.held_why) == (RunState.HELD, "refused")
    assert run.evidence["tool_says"] == "not_started"
    assert [one.code for one in choices(run)] == ["start", "skip_wafer", "abort"]
    assert fab.counters("track")["starts"] == before
    fab.rescale(100.0)
    assert decide(live_floor, run, "start").state == RunState.COMPLETED
    assert fab.counters("track")["starts"] == before + 2
    assert set(run.run_wafers.values_list("state", flat=True)) == {"processed"}
