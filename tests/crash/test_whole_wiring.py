"""Tool worker, background worker and beat as real processes: bells, sweep and takeover."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed.runs import control, doorbell, log
from testbed.runs.models import Run
from testbed.tools.models import Pulse
from tests.crash.conftest import until, worker
from tests.runs.floor import Floor

pytestmark = [pytest.mark.crash, pytest.mark.slow]
CELERY = ["celery", "-A", "testbed.celery"]
QUIET = ["-P", "prefork", "-c", "1", "--without-gossip", "--without-mingle", "-l", "warning"]


def tool_worker(queue: str) -> list[str]:
    return [*CELERY, "worker", "-Q", queue, "-n", f"{queue}@%h", *QUIET]


@pytest.fixture
def background(crash_floor: Floor, tmp_path: Path) -> Iterator[None]:
    """One worker for watchdog and background, and beat."""
    beat = ["beat", "--schedule", str(tmp_path / "beat"), "--pidfile=", "-l", "warning"]
    with ExitStack() as stack:
        queues = "watchdog,background"
        background = [*CELERY, "worker", "-Q", queues, "-n", "background@%h", *QUIET]
        stack.enter_context(worker(background, tmp_path / "background.log"))
        stack.enter_context(worker([*CELERY, *beat], tmp_path / "beat.log"))
        yield


def is_in(run: Run, *states: str) -> bool:
    run.refresh_from_db()
    return run.state in states


def test_bells_sweep_and_takeover_work_between_real_processes(
    crash_floor: Floor, background: None, tmp_path: Path
) -> None:
    floor = crash_floor
    assert floor.fab is not None
    fab = floor.fab.control
    before = fab.counters("scanner")["starts"]
    queue = floor.tools["scanner"].queue
    run = floor.start("expose")
    with worker(tool_worker(queue), tmp_path / "first.log") as process:
        until("an exposure", lambda: "RUNNING" in fab.state("scanner")["jobs"].values())
        # The whole group at once: parent and child, as when a host loses its power.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        # Nobody else is here for the tool: the sweep makes it safe and asks.
        until("the run is held", lambda: is_in(run, "held"))
    assert run.held_why == "worker_lost"
    assert run.safe_sent_at is not None
    assert "RUNNING" not in fab.state("scanner")["jobs"].values()
    fab.rescale(60)
    control.resolve(actor=floor.technician, run=run, choice="skip_wafer", note="partly exposed")
    with worker(tool_worker(queue), tmp_path / "second.log"):
        until("the run is completed", lambda: is_in(run, "completed", "held"))
        assert run.state == "completed", run.evidence
        until("the worker signs in", lambda: doorbell.worker_seen(queue))
    heard = Pulse.objects.filter(tool=floor.tools["track"], misses=0, answered_at__isnull=False)
    until("the idle track was asked", heard.exists)
    assert fab.counters("scanner")["starts"] - before == 2
    assert fab.double_exposures() == 0
    assert log.verify(run).whole


@pytest.mark.nightly
def test_a_frozen_worker_wakes_up_too_late_to_write(
    crash_floor: Floor, background: None, tmp_path: Path
) -> None:
    floor = crash_floor
    assert floor.fab is not None
    fab = floor.fab.control
    run = floor.start("expose")
    queue = floor.tools["scanner"].queue
    with worker(tool_worker(queue), tmp_path / "frozen.log") as process:
        until("an exposure", lambda: "RUNNING" in fab.state("scanner")["jobs"].values())
        os.killpg(process.pid, signal.SIGSTOP)
        until("the run is held", lambda: is_in(run, "held"))
        control.resolve(actor=floor.technician, run=run, choice="skip_wafer", note="frozen host")
        fab.rescale(60)
        os.killpg(process.pid, signal.SIGCONT)
        until("the run goes on", lambda: is_in(run, "completed", "held"))
    assert run.state == "completed", run.evidence
    assert list(run.run_wafers.values_list("state", flat=True)) == ["aborted", "processed"]
    assert fab.double_exposures() == 0
    assert log.verify(run).whole
