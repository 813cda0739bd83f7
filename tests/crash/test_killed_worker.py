"""kill -9 of a real worker at every boundary of a process step: nothing exposed twice, ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.runs import control, doorbell, log
from testbed.runs.models import Run, Step
from testbed.runs.states import StepState
from tests.crash.conftest import swept_until, until, worker
from tests.runs.floor import Floor, drive

pytestmark = [pytest.mark.crash, pytest.mark.slow]


def killed_at(point: str, floor: Floor, folder: Path) -> Run:
    """Start an exposure of two wafers with a worker that dies at `point` of the first."""
    run = floor.start("expose")
    command = ["tests.crash.dying_worker", run.tool.queue, point]
    with worker(command, folder / "worker.log") as process:
        doorbell.ring(run.tool.queue, run.pk)
        until("the worker's death", lambda: process.poll() is not None)
        assert process.returncode == -9, (folder / "worker.log").read_text()[-3000:]
    run.refresh_from_db()
    return run


def first_process(run: Run) -> Step:
    return run.steps.filter(is_process=True).order_by("seq")[0]


def events(run: Run) -> list[str]:
    return list(run.events.order_by("seq").values_list("kind", flat=True))


def check_nothing_twice(run: Run, floor: Floor, starts_before: int) -> None:
    assert floor.fab is not None
    wafers = run.run_wafers.count()
    counters = floor.fab.control.counters("scanner")
    assert counters["double_exposures"] == 0
    assert counters["starts"] - starts_before == wafers
    for row in run.run_wafers.select_related("wafer"):
        assert floor.fab.control.wafer(row.wafer.wafer_id)["exposures"] <= 1
    assert log.verify(run).whole
    assert run.safe_sent_at is not None


@pytest.mark.parametrize("point", ["begun", pytest.param("sent", marks=pytest.mark.nightly)])
def test_killed_in_mid_exposure_the_run_is_held_and_a_person_resolves_it(
    point: str, crash_floor: Floor, tmp_path: Path
) -> None:
    assert crash_floor.fab is not None
    before = crash_floor.fab.control.counters("scanner")
    run = swept_until(killed_at(point, crash_floor, tmp_path), "held")
    step = first_process(run)
    assert step.state == StepState.FAILED
    assert run.held_why == "worker_lost"
    assert run.evidence["tool_says"] == "failed"
    assert "lease.taken_over" in events(run)
    assert run.wire_logs.exists()
    assert crash_floor.fab.control.counters("scanner")["safes"] > before["safes"]
    control.resolve(
        actor=crash_floor.technician, run=run, choice="skip_wafer", note="partly exposed"
    )
    crash_floor.fab.control.rescale(100)
    assert drive(run).state == "completed"
    states = list(run.run_wafers.values_list("state", flat=True))
    assert states == ["aborted", "processed"]
    check_nothing_twice(run, crash_floor, before["starts"])


@pytest.mark.parametrize(
    "point",
    [
        "intended",
        pytest.param("finished", marks=pytest.mark.nightly),
        pytest.param("stored", marks=pytest.mark.nightly),
    ],
)
def test_killed_where_the_tool_can_tell_the_run_goes_on_by_itself(
    point: str, crash_floor: Floor, tmp_path: Path
) -> None:
    assert crash_floor.fab is not None
    crash_floor.fab.control.rescale(100)
    before = crash_floor.fab.control.counters("scanner")
    run = killed_at(point, crash_floor, tmp_path)
    expected = {"intended": "intent", "finished": "sent", "stored": "done"}
    assert first_process(run).state == expected[point]
    if point != "stored":
        until("the takeover", lambda: sweep_and_look(run))
    assert drive(run).state == "completed"
    assert set(run.run_wafers.values_list("state", flat=True)) == {"processed"}
    check_nothing_twice(run, crash_floor, before["starts"])


def test_a_worker_frozen_inside_a_transaction_does_not_keep_the_tool(
    crash_floor: Floor, tmp_path: Path
) -> None:
    assert crash_floor.fab is not None
    crash_floor.fab.control.rescale(100)
    before = crash_floor.fab.control.counters("scanner")
    run = crash_floor.start("expose")
    command = ["tests.crash.dying_worker", run.tool.queue, "frozen"]
    with worker(command, tmp_path / "worker.log") as process:
        doorbell.ring(run.tool.queue, run.pk)
        until("the worker's freeze", lambda: is_stopped(process.pid))
        # Its transaction holds the lease's row: PostgreSQL has to end it first.
        until("the takeover", lambda: sweep_and_look(run))
    assert drive(run).state == "completed"
    assert set(run.run_wafers.values_list("state", flat=True)) == {"processed"}
    check_nothing_twice(run, crash_floor, before["starts"])


def is_stopped(pid: int) -> bool:
    """True when the kernel says that the process is stopped (state T; Linux)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def sweep_and_look(run: Run) -> bool:
    from testbed.runs import sweep

    sweep.sweep()
    return "lease.taken_over" in events(run)
