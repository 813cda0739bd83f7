"""The emergency stop beside a worker that is ending the run, or that sits on its row."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import control, log, moves
from testbed.runs.models import Run
from testbed.runs.states import RunState
from testbed.tools import states
from testbed.tools.models import Tool
from tests.runs.conftest import all_told
from tests.runs.floor import Floor
from tests.runs.test_engine import wait_until, working


@pytest.fixture
def run(transactional_db: None, floor: Floor) -> Run:
    return floor.start("coat")


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


@contextmanager
def pressed_on_a_busy_row(floor: Floor, busy: Tool, tools: Sequence[Tool]) -> Iterator[None]:
    """Inside, the tools' stop is pressed and somebody sits on the row of `busy`."""
    press = partial(states.raise_emergency_stop, actor=floor.technician, tools=tools)
    with working(press) as raised, transaction.atomic():
        Tool.objects.select_for_update(no_key=True).get(pk=busy.pk)
        yield
    assert raised == []


@pytest.fixture
def pressed_late(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the row is locked: the press waits for that."""
    locked = threading.Event()
    real = states.raise_emergency_stop

    def press(*, actor: User, tools: Sequence[Tool]) -> None:
        assert locked.wait(10)
        real(actor=actor, tools=tools)

    monkeypatch.setattr(states, "raise_emergency_stop", press)
    return locked


def test_the_word_to_be_safe_is_on_the_wire_while_somebody_sits_on_the_tools_row(
    live_floor: Floor, pressed_late: threading.Event
) -> None:
    assert live_floor.fab is not None
    counters, tools = live_floor.fab.control.counters, live_floor.tools
    before = {kind: counters(kind)["safes"] for kind in ("scanner", "track")}
    with pressed_on_a_busy_row(live_floor, tools["scanner"], [tools["scanner"], tools["track"]]):
        pressed_late.set()
        for kind, safes in before.items():
            wait_until(lambda kind=kind, safes=safes: counters(kind)["safes"] > safes, 5)
        # The flag of the other waits for nobody.
        wait_until(lambda: Tool.objects.get(pk=tools["track"].pk).emergency_stop_at, 5)
    assert Tool.objects.filter(emergency_stop_at__isnull=False).count() == 2


def test_a_second_press_tells_the_tool_again(live_floor: Floor) -> None:
    assert live_floor.fab is not None
    counters, tool = live_floor.fab.control.counters, live_floor.tools["track"]
    states.emergency_stop(actor=live_floor.technician, tool=tool)
    all_told()
    safes = counters("track")["safes"]
    states.emergency_stop(actor=live_floor.technician, tool=tool)
    all_told()
    assert counters("track")["safes"] == safes + 1


def test_a_stop_that_cannot_be_kept_says_so_and_the_tool_was_told(
    live_floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live_floor.fab is not None
    counters, tools = live_floor.fab.control.counters, live_floor.tools
    safes = counters("scanner")["safes"]
    real = states._raise_flag

    def busy(actor: User, tool: Tool, at: datetime, *, waits: bool) -> bool:
        if tool != tools["scanner"]:
            return real(actor, tool, at, waits=waits)
        if waits:
            raise OperationalError("canceling statement due to statement timeout")
        return False

    monkeypatch.setattr(states, "_raise_flag", busy)
    with pytest.raises(Refusal, match="stop_not_kept") as refused:
        states.raise_emergency_stop(
            actor=live_floor.technician, tools=[tools["scanner"], tools["track"]]
        )
    assert str(tools["scanner"]) in str(refused.value.message)
    assert Tool.objects.get(pk=tools["track"].pk).emergency_stop_at is not None
    all_told()
    assert counters("scanner")["safes"] == safes + 1
