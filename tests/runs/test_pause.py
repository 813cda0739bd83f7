"""Pausing before the next step: by a person, or because a supply of the building is down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from testbed.outages import failures
from testbed.outages.models import SupplyFailure, Utility
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import advance as engine
from testbed.runs import control, log, pause
from testbed.runs.models import Lease, Run
from testbed.runs.states import RunState, StepState
from testbed.tools.models import StateSpan
from testbed.usage.run_time import disagree
from tests.runs.floor import Floor, drive


@pytest.fixture
def chiller(floor: Floor) -> Utility:
    """Chilled water, which the track needs, and which has settled as soon as it is back."""
    supply = Utility.objects.create(
        code="chiller", name_ko="냉각수", name_en="Chilled water", settle_s=0
    )
    supply.tools.set([floor.tools["track"]])
    return supply


def now(run: Run) -> tuple[str, str, str]:
    run.refresh_from_db()
    return run.state, run.paused_by, run.ask


def asked_and_paused(floor: Floor) -> Run:
    run = floor.start("coat")
    pause.pause(actor=floor.technician, run=run, reason="look at the carrier")
    assert engine.advance(run.pk)
    return run


def test_a_pause_takes_hold_before_the_next_step_and_a_person_ends_it(floor: Floor) -> None:
    run = floor.start("coat")
    pause.pause(actor=floor.technician, run=run, reason=" look at the carrier ")
    assert now(run) == ("queued", "", "pause")
    assert engine.advance(run.pk)
    assert now(run) == ("paused", "person", "")
    assert run.paused_why == "look at the carrier"
    assert engine.advance(run.pk) is False
    assert pause.resume_settled() == 0
    pause.resume(actor=floor.technician, run=run)
    assert now(run) == ("queued", "", "")
    assert not Lease.objects.exclude(holder="").exists()
    kinds = list(run.events.values_list("kind", flat=True))
    assert kinds[1:] == ["run.pause_asked", "run.paused_by_person", "run.resume_asked",
                         "run.resumed"]  # fmt: skip
    assert log.verify(run).whole


def test_a_wish_is_withdrawn_before_it_takes_hold_and_said_twice_is_one(floor: Floor) -> None:
    run = floor.start("coat")
    for _time in range(2):
        pause.pause(actor=floor.technician, run=run, reason="look")
    assert run.events.filter(kind="run.pause_asked").count() == 1
    pause.resume(actor=floor.technician, run=run)
    assert now(run) == ("queued", "", "")


def test_a_supply_that_fails_pauses_and_its_return_resumes(floor: Floor, chiller: Utility) -> None:
    run = floor.start("coat")
    failures.report(actor=floor.technician, utility=chiller, reason="pump")
    assert engine.advance(run.pk)
    assert now(run) == ("paused", "supply", "")
    assert run.paused_why == "chiller"
    assert pause.resume_settled() == 0
    failures.end(actor=floor.technician, utility=chiller)
    assert pause.resume_settled() == 1
    assert now(run) == ("queued", "", "")


def test_a_supply_that_is_back_settles_first(floor: Floor, chiller: Utility) -> None:
    Utility.objects.update(settle_s=600)
    run = floor.start("coat")
    failures.report(actor=floor.technician, utility=chiller)
    assert engine.advance(run.pk)
    failures.end(actor=floor.technician, utility=chiller)
    assert pause.resume_settled() == 0
    run.refresh_from_db()
    ended = SupplyFailure.objects.get().ended_at
    assert ended is not None
    assert run.resume_at == ended + timedelta(seconds=600)
    with pytest.raises(Refusal, match="supply_down"):
        pause.resume(actor=floor.technician, run=run)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    SupplyFailure.objects.update(began_at=an_hour_ago, ended_at=an_hour_ago)
    assert pause.resume_settled() == 1


def test_a_supply_that_other_tools_need_pauses_nothing(floor: Floor, chiller: Utility) -> None:
    chiller.tools.set([floor.tools["scanner"]])
    failures.report(actor=floor.technician, utility=chiller)
    assert failures.troubles([floor.tools["track"]], timezone.now()) == []


def test_what_a_person_paused_only_a_person_resumes(floor: Floor, chiller: Utility) -> None:
    run = asked_and_paused(floor)
    failures.report(actor=floor.technician, utility=chiller)
    failures.end(actor=floor.technician, utility=chiller)
    assert pause.resume_settled() == 0
    assert now(run)[:2] == ("paused", "person")


def test_a_person_may_take_over_a_pause_by_a_supply(floor: Floor, chiller: Utility) -> None:
    run = floor.start("coat")
    failures.report(actor=floor.technician, utility=chiller)
    assert engine.advance(run.pk)
    pause.pause(actor=floor.technician, run=run, reason="check the chuck first")
    failures.end(actor=floor.technician, utility=chiller)
    assert pause.resume_settled() == 0
    assert now(run)[:2] == ("paused", "person")


def test_going_on_while_a_supply_is_down_waits_for_that_alone(
    floor: Floor, chiller: Utility
) -> None:
    run = asked_and_paused(floor)
    failures.report(actor=floor.technician, utility=chiller)
    pause.resume(actor=floor.technician, run=run)
    assert now(run)[:2] == ("paused", "supply")
    failures.end(actor=floor.technician, utility=chiller)
    assert pause.resume_settled() == 1


def test_a_stop_ends_a_paused_run_and_an_ended_one_is_not_paused(floor: Floor) -> None:
    run = asked_and_paused(floor)
    control.stop(actor=floor.technician, run=run)
    assert drive(run).state == RunState.STOPPED
    assert (run.paused_by, run.paused_why) == ("", "")
    for verb in (pause.resume, control.stop):
        with pytest.raises(Refusal):
            verb(actor=floor.technician, run=run)
    with pytest.raises(Refusal, match="run_not_open"):
        pause.pause(actor=floor.technician, run=run, reason="late")


def test_a_run_that_is_being_ended_is_not_paused(floor: Floor) -> None:
    run = floor.start("coat")
    control.stop(actor=floor.technician, run=run)
    with pytest.raises(Refusal, match="stop_asked"):
        pause.pause(actor=floor.technician, run=run, reason="wait")


def test_an_abort_of_a_paused_run_is_not_overtaken_by_going_on(floor: Floor) -> None:
    run = asked_and_paused(floor)
    control.abort(actor=floor.technician, run=run)
    with pytest.raises(Refusal, match="not_paused"):
        pause.resume(actor=floor.technician, run=run)
    assert now(run) == ("paused", "person", "abort")


def test_a_step_that_a_lost_worker_had_not_sent_waits_for_a_supply_too(
    live_floor: Floor,
) -> None:
    supply = Utility.objects.create(code="gas", name_ko="가스", name_en="Gas", settle_s=0)
    supply.tools.set([live_floor.tools["track"]])
    run = live_floor.start("coat", [1])
    while run.steps.filter(kind="settings").exclude(state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    step = run.steps.get(is_process=True)
    run.steps.filter(pk=step.pk).update(state=StepState.INTENT, attempts=1)
    Lease.objects.update(holder="dead", expires_at=timezone.now() - timedelta(seconds=1))
    failures.report(actor=live_floor.technician, utility=supply, reason="leak")
    drive(run)
    assert now(run) == ("paused", "supply", "")
    step.refresh_from_db()
    assert step.state == StepState.PENDING
    assert live_floor.fab is not None
    failures.end(actor=live_floor.technician, utility=supply)
    assert pause.resume_settled() == 1
    assert drive(run).state == RunState.COMPLETED


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_pause_has_a_reason(floor: Floor, reason: str) -> None:
    run = floor.start("coat")
    with pytest.raises(Refusal, match="reason_missing"):
        pause.pause(actor=floor.technician, run=run, reason=reason)


def test_companies_pause_nothing(floor: Floor, alice: User) -> None:
    run = floor.start("coat")
    with pytest.raises(Refusal, match="not_allowed"):
        pause.pause(actor=alice, run=run, reason="mine")
    with pytest.raises(Refusal, match="not_allowed"):
        pause.resume(actor=alice, run=run)


def test_paused_in_the_middle_the_run_goes_on_where_it_was_and_costs_nothing_meanwhile(
    live_floor: Floor,
) -> None:
    run = live_floor.start("coat")
    while not run.steps.filter(kind="process", state=StepState.DONE).exists():
        assert engine.advance(run.pk)
    pause.pause(actor=live_floor.technician, run=run, reason="look at the first wafer")
    drive(run)
    assert now(run) == ("paused", "person", "")
    span = StateSpan.objects.get(tool=run.tool, ended_at=None)
    assert (span.state, span.reason) == ("standby", "run paused")
    pause.resume(actor=live_floor.technician, run=run)
    assert now(run)[0] == "running"
    assert drive(run).state == RunState.COMPLETED
    assert set(run.run_wafers.values_list("state", flat=True)) == {"processed"}
    assert disagree(run) < 1
