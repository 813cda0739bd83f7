"""A dead worker's tool is not left waiting for the next sweep."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from testbed.celery import WATCHDOG, app
from testbed.ops.embedded import REPOSITORY
from testbed.ops.supervisor import read_procfile
from testbed.runs import attempt, control, doorbell, lease, safety, sweep, tasks
from testbed.runs.advance import advance
from testbed.runs.choices import choices
from testbed.runs.models import Lease, Run
from testbed.tools.models import Tool
from tests.runs.floor import Floor


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tools that were told to be safe."""
    codes: list[str] = []

    def make_safe(tool: Tool) -> bool:
        codes.append(tool.code)
        return True

    monkeypatch.setattr(safety, "make_safe", make_safe)
    return codes


def test_only_dead_leases_are_taken_over(floor: Floor, told: list[str]) -> None:
    scanner, track = floor.tools["scanner"], floor.tools["track"]
    lease.claim(tool_ids=[track.pk], run_id=None)
    assert sweep.take_over() == 0
    lease.claim(tool_ids=[scanner.pk], run_id=None)
    Lease.objects.filter(tool=scanner).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep.take_over() == 1
    assert told == ["scanner"]
    assert Lease.objects.get(tool=scanner).expires_at is None


def test_sweep_and_takeover_have_a_worker_that_nothing_else_keeps_busy() -> None:
    own = {"runs-sweep", "runs-take-over"}
    queues = {name: (entry.get("options") or {}).get("queue", app.conf.task_default_queue)
              for name, entry in app.conf.beat_schedule.items()}  # fmt: skip
    assert {name for name, queue in queues.items() if queue == WATCHDOG} == own
    lines = read_procfile(REPOSITORY / "Procfile")
    assert [one.name for one in lines if f"-Q {WATCHDOG} " in one.command] == ["watchdog"]


def test_beat_looks_for_the_dead_often_enough() -> None:
    entry = app.conf.beat_schedule["runs-take-over"]
    # Lease + period + what the safe state itself takes: within five seconds of the lease's end.
    assert entry["schedule"] == settings.TAKEOVER_EVERY_S <= 2.0
    assert entry["task"] == tasks.take_over.name


def test_a_living_worker_that_was_quicker_is_not_cleared_up_after(
    floor: Floor, told: list[str]
) -> None:
    run = floor.start("coat")
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    lease.park(held)
    # The lease was dead when the sweep looked; then the run's own worker took it.
    sweep._clear(run.tool)
    assert not advance(run.pk, only="recover")
    assert told == []
    row = Lease.objects.get(tool=run.tool)
    assert (row.epoch, row.expires_at is None) == (held.epoch, False)


def test_a_hosts_clock_says_nothing_about_when_the_bell_is_rung_again(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, now = floor.start("coat"), timezone.now
    with monkeypatch.context() as ahead:
        ahead.setattr(doorbell.timezone, "now", lambda: now() + timedelta(hours=1))
        doorbell.set_due(run.pk)
    run.refresh_from_db()
    assert run.due_at is not None
    assert run.due_at < now() + timedelta(minutes=1)


def test_a_databases_clock_that_was_set_back_keeps_no_tool_and_no_bell(floor: Floor) -> None:
    run, far = floor.start("coat"), timezone.now() + timedelta(hours=1)
    lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    Lease.objects.update(expires_at=far)
    Run.objects.update(due_at=far)
    sweep.sweep()
    run.refresh_from_db()
    soon = timezone.now() + timedelta(minutes=1)
    for at in (run.due_at, Lease.objects.get(tool=run.tool).expires_at):
        assert at is not None
        assert at < soon


def test_what_goes_wrong_in_a_sweep_keeps_no_run_from_being_rung(
    floor: Floor, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    Run.objects.update(due_at=timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(sweep, "resume_settled", lambda: 1 // 0)
    bells.clear()
    assert sweep.sweep() == 1
    assert bells == [(run.tool.queue, run.pk)]


def unheard(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def test_an_abort_that_no_worker_hears_is_carried_out_by_the_sweep(live_floor: Floor) -> None:
    run = live_floor.start("coat")
    control.abort(actor=live_floor.technician, run=run)
    sweep.sweep()
    run.refresh_from_db()
    assert run.state == "queued", "its worker has a period to hear it first"
    unheard(run)
    sweep.sweep()
    run.refresh_from_db()
    assert run.state == "aborted"
    assert run.safe_sent_at is not None
    assert set(run.run_wafers.values_list("state", flat=True)) == {"skipped"}
    assert Lease.objects.get(tool=run.tool).expires_at is None


def test_the_sweep_leaves_an_abort_to_the_worker_that_has_the_tool(live_floor: Floor) -> None:
    run = live_floor.start("coat")
    control.abort(actor=live_floor.technician, run=run)
    lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    unheard(run)
    assert sweep.abort_unheard() == 0
    run.refresh_from_db()
    assert run.state == "queued"


def test_an_abort_of_a_tool_that_nobody_reaches_ends_in_a_persons_hands(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "PAUSES_S", (0.01,))
    run = floor.start("coat")
    control.abort(actor=floor.technician, run=run)
    unheard(run)
    assert sweep.abort_unheard() == 1
    run.refresh_from_db()
    assert (run.state, run.held_why) == ("held", "abort_unconfirmed")
    assert "close" in [one.code for one in choices(run)]


def test_what_comes_only_to_abort_begins_nothing(live_floor: Floor) -> None:
    run = live_floor.start("coat")
    assert not advance(run.pk, only="abort")
    run.refresh_from_db()
    assert run.state == "queued"
    assert Lease.objects.get(tool=run.tool).holder == ""
