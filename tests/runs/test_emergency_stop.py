"""The emergency stop beside a worker that is ending the run, or that sits on its row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import control, log, moves
from testbed.runs.models import Run
from testbed.runs.states import RunState
from testbed.tools.models import Tool
from tests.runs.floor import Floor


@pytest.fixture
def run(transactional_db: None, floor: Floor) -> Iterator[Run]:
    yield floor.start("coat")
    # What makes a tool safe runs beside the page that asked, and writes when it has: the tables
    # are not emptied under it.
    for beside in [one for one in threading.enumerate() if one.name == "safe"]:
        beside.join(30)


def end_it(run: Run) -> None:
    with transaction.atomic():
        moves.end(Run.objects.get(pk=run.pk), RunState.STOPPED)


def test_a_run_that_ended_meanwhile_keeps_its_closing_event_last(
    run: Run, technician: User
) -> None:
    end_it(run)
    # The page was read while the run was still open.
    with pytest.raises(Refusal):
        control.emergency_stop(actor=technician, run=run)
    assert log.append_if_open(run=run, kind="run.emergency_stop", actor=technician) is None
    assert log.verify(run).whole
    assert not Tool.objects.filter(emergency_stop_at__isnull=False).exists()


def test_a_run_that_is_open_says_who_pressed_it(run: Run, technician: User) -> None:
    control.emergency_stop(actor=technician, run=run)
    assert run.events.get(kind="run.emergency_stop").actor == technician
    assert Tool.objects.get(pk=run.tool_id).emergency_stop_at is not None


def test_the_tools_are_stopped_while_somebody_sits_on_the_runs_row(
    run: Run, technician: User
) -> None:
    def press() -> None:
        try:
            control.emergency_stop(actor=technician, run=run)
        finally:
            connection.close()

    presser = threading.Thread(target=press)
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        presser.start()
        end = time.monotonic() + 10
        while not Tool.objects.filter(pk=run.tool_id, emergency_stop_at__isnull=False).exists():
            assert time.monotonic() < end, "the stop waits for the run's row"
            time.sleep(0.01)
    presser.join(10)
    assert run.events.filter(kind="run.emergency_stop").exists()
