"""What people ask of a run, and what is offered for a held one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from testbed.booking.models import Booking, Sharer
from testbed.material.models import SubstrateState
from testbed.notices.models import Notice, NoticeState
from testbed.notices.sort import sort_new
from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import control, lease, moves
from testbed.runs.choices import choices
from testbed.runs.models import Run, Step
from testbed.runs.states import RunState, StepState
from testbed.tools import states
from tests.runs.floor import Floor

WAY = {"intent": ["intent"], "sent": ["intent", "sent"], "pending": [],
       "unknown": ["intent", "unknown"], "failed": ["intent", "failed"]}  # fmt: skip


def held(floor: Floor, state: str, *, process: bool = True, **evidence: Any) -> Run:
    """A run held at its first wafer's step (or at its trace step), in `state`."""
    run = floor.start("coat")
    step = run.steps.filter(wafer__isnull=False, is_process=process).order_by("seq")[0]
    run.steps.filter(seq__lt=step.seq).update(state=StepState.INTENT)
    run.steps.filter(seq__lt=step.seq).update(state=StepState.DONE)
    for to in WAY[state]:
        Step.objects.filter(pk=step.pk).update(state=to, attempts=1)
        run.run_wafers.filter(wafer=step.wafer).update(state=SubstrateState.IN_PROCESS)
    for to in ("setting_up", "running", "held"):
        Run.objects.filter(pk=run.pk).update(state=to)
    Run.objects.filter(pk=run.pk).update(evidence={"safe": True} | evidence)
    run.refresh_from_db()
    return run


def codes(run: Run) -> list[str]:
    return [choice.code for choice in choices(run)]


@pytest.mark.parametrize(
    ("state", "evidence", "expected"),
    [
        ("pending", {}, ["go_on", "skip_wafer", "abort"]),
        ("unknown", {"tool_says": ""}, ["ask_again", "mark_done", "skip_wafer", "abort"]),
        ("unknown", {"tool_says": "lost"}, ["ask_again", "mark_done", "skip_wafer", "abort"]),
        ("unknown", {"tool_says": "not_started"}, ["start", "skip_wafer", "abort"]),
        ("failed", {"tool_says": "failed"}, ["skip_wafer", "abort"]),
        ("failed", {"safe": False}, ["skip_wafer", "abort", "close"]),
    ],
)
def test_the_choices_come_from_the_evidence(
    floor: Floor, state: str, evidence: dict[str, Any], expected: list[str]
) -> None:
    assert codes(held(floor, state, **evidence)) == expected


def test_a_process_is_offered_again_only_if_the_tool_never_saw_it(floor: Floor) -> None:
    for says in ("", "done", "running", "failed", "lost", "silent"):
        run = held(floor, "unknown", tool_says=says)
        assert not {"start", "repeat"} & set(codes(run))
        Run.objects.filter(pk=run.pk).update(state="aborted")
        run.run_wafers.update(state=SubstrateState.SKIPPED)


def test_a_job_that_the_tool_had_taken_is_not_offered_again_whatever_it_says(floor: Floor) -> None:
    run = held(floor, "unknown", tool_says="not_started")
    run.steps.filter(state=StepState.UNKNOWN).update(handle="J7")
    assert codes(run) == ["ask_again", "mark_done", "skip_wafer", "abort"]


def test_what_changes_no_wafer_may_be_repeated(floor: Floor) -> None:
    run = held(floor, "unknown", process=False)
    assert codes(run) == ["repeat", "skip_step", "skip_wafer", "abort"]


def test_a_decision_is_logged_with_who_why_and_the_evidence(floor: Floor) -> None:
    run = held(floor, "unknown", tool_says="lost")
    control.resolve(actor=floor.technician, run=run, choice="mark_done", note=" I looked ")
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    event = run.events.get(kind="run.resolved")
    assert event.actor == floor.technician
    assert event.data["note"] == "I looked"
    assert event.data["evidence"]["tool_says"] == "lost"


def test_leaving_a_wafer_out_leaves_its_every_step_out(floor: Floor) -> None:
    run = held(floor, "unknown")
    control.resolve(actor=floor.technician, run=run, choice="skip_wafer", note="broken")
    first = run.run_wafers.order_by("wafer__slot")[0]
    assert first.state == "aborted"
    assert set(run.steps.filter(wafer=first.wafer).values_list("state", flat=True)) == {"skipped"}
    assert run.steps.filter(state="pending").exists()


@pytest.mark.parametrize(
    ("choice", "note", "code"),
    [("repeat", "why", "not_a_choice"), ("mark_done", "  ", "note_missing"),
     ("mark_done", "x" * 501, "note_missing")],
)  # fmt: skip
def test_a_decision_must_be_possible_and_have_a_reason(
    floor: Floor, choice: str, note: str, code: str
) -> None:
    run = held(floor, "unknown")
    with pytest.raises(Refusal, match=code):
        control.resolve(actor=floor.technician, run=run, choice=choice, note=note)
    run.refresh_from_db()
    assert run.state == RunState.HELD


def test_nothing_goes_on_while_the_emergency_stop_is_set(floor: Floor) -> None:
    run = held(floor, "pending")
    states.emergency_stop(actor=floor.technician, tool=run.tool)
    with pytest.raises(Refusal, match="emergency_stop"):
        control.resolve(actor=floor.technician, run=run, choice="go_on", note="now")


def test_closing_without_the_tool_ends_the_run_at_once(floor: Floor) -> None:
    run = held(floor, "unknown", safe=False)
    control.resolve(actor=floor.technician, run=run, choice="close", note="made safe by hand")
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert not run.steps.filter(state__in=["pending", "unknown"]).exists()


def test_companies_decide_nothing(floor: Floor, alice: User) -> None:
    run = held(floor, "unknown")
    for verb in (control.stop, control.abort):
        with pytest.raises(Refusal, match="not_allowed"):
            verb(actor=alice, run=run)
    with pytest.raises(Refusal, match="not_allowed"):
        control.resolve(actor=alice, run=run, choice="abort", note="no")


def test_an_ended_run_takes_no_more_wishes(floor: Floor) -> None:
    run = floor.start("coat")
    Run.objects.filter(pk=run.pk).update(state="failed")
    for verb in (control.stop, control.abort):
        with pytest.raises(Refusal, match="run_not_open"):
            verb(actor=floor.technician, run=run)


def test_a_wish_said_twice_is_one_wish(floor: Floor, bells: list[tuple[str, int]]) -> None:
    run = floor.start("coat")
    control.stop(actor=floor.technician, run=run)
    control.stop(actor=floor.technician, run=run)
    control.abort(actor=floor.technician, run=run)
    control.abort(actor=floor.technician, run=run)
    control.stop(actor=floor.technician, run=run)
    run.refresh_from_db()
    assert run.ask == "abort"
    assert run.events.filter(kind__endswith="_asked").count() == 2


def test_a_started_run_keeps_its_booking_from_being_released(floor: Floor) -> None:
    booking = floor.bookings["track"]
    assert booking.begun_at is None
    floor.start("coat")
    booking.refresh_from_db()
    assert booking.begun_at is not None
    assert abs(timezone.now() - booking.begun_at) < timedelta(minutes=1)
    others = [one for kind, one in floor.bookings.items() if kind != "track"]
    assert all(Booking.objects.get(pk=one.pk).begun_at is None for one in others)


def test_a_run_that_cannot_start_begins_nothing(floor: Floor) -> None:
    booking = floor.bookings["track"]
    with pytest.raises(Refusal, match="interlocked"):
        floor.start("coat", slots=(24,))
    booking.refresh_from_db()
    assert booking.begun_at is None


def test_the_runs_people_and_who_can_decide_hear_that_it_is_held(
    floor: Floor, alice: User, bob: User, charlie: User, process_engineer: User
) -> None:
    run = floor.start("coat")
    Sharer.objects.create(booking=run.booking, user=bob, added_by=alice)
    mine = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert mine is not None
    moves.take_tools(mine, run)
    evidence = {"error": "Timeout", "safe": True}
    moves.hold(mine, run, None, why="unreachable", known=True, evidence=evidence, wire=[])
    sort_new(timezone.now())
    rows = Notice.objects.filter(kind="run_held", reader__isnull=False)
    readers = sorted(row.reader.email for row in rows if row.reader)
    people = (alice, bob, floor.technician, process_engineer)
    assert readers == sorted(one.email for one in people)
    texts = rows[0].texts
    assert f"{run} is held on" in texts["en"]["subject"]
    assert "Why: the tool does not answer." in texts["en"]["sentences"]
    assert "응답하지 않" in " ".join(texts["ko"]["sentences"])
    happened = "무엇이 잘못됐나: 장비가 제한 시간 안에 응답하지 않았습니다. (Timeout)"
    assert happened in texts["ko"]["sentences"]
    assert rows[0].path == f"/runs/{run.pk}/"
    assert {row.state for row in rows} == {NoticeState.MAILED}


def hold(run: Run, seen: Run, why: str = "unreachable") -> Run:
    """Hold the run as a worker does that has last read it as `seen`."""
    claim = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert claim is not None
    moves.hold(claim, seen, None, why=why, known=True, evidence={"safe": True}, wire=())
    run.refresh_from_db()
    return run


def test_a_stop_that_comes_while_the_run_is_being_held_is_kept(floor: Floor) -> None:
    run = floor.start("coat")
    seen = Run.objects.get(pk=run.pk)
    control.stop(actor=floor.technician, run=run)
    assert hold(run, seen).ask == "stop"


def test_an_abort_that_comes_while_the_run_is_being_held_is_kept_and_rung(floor: Floor) -> None:
    run = floor.start("coat")
    seen = Run.objects.get(pk=run.pk)
    control.abort(actor=floor.technician, run=run)
    assert hold(run, seen).ask == "abort"
    assert run.due_at is not None
    # One that the tool did not confirm is asked for again by a person.
    assert hold(run, run, "abort_unconfirmed").ask == ""
    assert run.due_at is None


def test_a_stop_leaves_no_wafer_in_process(floor: Floor) -> None:
    """Not even one whose measurement was begun, and could not be sent."""
    run = floor.start("coat", (1,))
    run.steps.update(is_process=False)
    run.run_wafers.update(state=SubstrateState.IN_PROCESS)
    for to in ("setting_up", "running"):
        Run.objects.filter(pk=run.pk).update(state=to, ask="stop")
    run.refresh_from_db()
    claim = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert claim is not None
    moves.skip_rest(claim, run, list(run.steps.all()))
    assert run.state == RunState.STOPPED
    assert run.run_wafers.get().state == SubstrateState.STOPPED
