"""Logging what a tool samples by itself: whole, in order, proved, and never in the run's way."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from django.db import transaction

from instruments import housekeeping
from instruments.catalogue import open_tool
from instruments.driver import ScpiTool
from instruments.errors import Garbled
from testbed.runs import moves, proof, store, streams
from testbed.runs.models import Run, Step, Stream, StreamBlock, TraceBlock
from testbed.runs.states import StepState
from testbed.runs.streams import Recorder
from tests.runs.floor import Floor, drive

CHANNELS = [["cw_temp_1", "degC"], ["vib_1", "um/s"]]


def logged(step: Step, *stretches: tuple[int, int]) -> None:
    """A stream of two channels: stretches of (first number, count); a value is its number."""
    stream = Stream.objects.create(step=step, channels=CHANNELS, dt_s=0.1)
    for first, count in stretches:
        numbers = np.arange(first, first + count, dtype="<f4")
        StreamBlock.objects.create(
            stream=stream, first=first, count=count,
            samples=np.column_stack([numbers, -numbers]).astype("<f4").tobytes(),
        )  # fmt: skip


@pytest.fixture
def step(floor: Floor) -> Step:
    found = floor.start("coat").steps.filter(is_process=True).first()
    assert found is not None
    return found


def curve(step: Step, key: str) -> list[tuple[float, int, float, float]]:
    """(t0, count, first, last value) of each block."""
    rows = TraceBlock.objects.filter(step=step, key=key).order_by("t0_s")
    return [
        (round(row.t0_s, 6), row.count, *map(float, store.samples_of(row)[[0, -1]])) for row in rows
    ]


def test_blocks_that_follow_each_other_become_one_curve_and_a_gap_shows(step: Step) -> None:
    logged(step, (100, 3), (103, 2), (110, 4))
    assert len(streams.fold(step)) == 4
    assert curve(step, "cw_temp_1") == [(0.0, 5, 100.0, 104.0), (1.0, 4, 110.0, 113.0)]
    assert curve(step, "vib_1") == [(0.0, 5, -100.0, -104.0), (1.0, 4, -110.0, -113.0)]
    assert not Stream.objects.exists()
    assert streams.fold(step) == []


def test_a_tool_that_counts_anew_and_a_further_attempt_follow_on(step: Step) -> None:
    logged(step, (500, 2), (0, 3))
    streams.fold(step)
    logged(step, (7, 1))
    streams.fold(step)
    assert [row[:2] for row in curve(step, "vib_1")] == [(0.0, 2), (0.2, 3), (0.5, 1)]


def test_what_was_logged_of_a_failed_step_is_kept_and_proved(step: Step) -> None:
    logged(step, (0, 5))
    with transaction.atomic():
        moves.move_step(step, StepState.INTENT)
        moves.move_step(step, StepState.FAILED)
    event = step.run.events.get(kind="step.logged")
    assert event.data["traces"] == 2
    assert proof.verify(step.run).whole
    TraceBlock.objects.filter(step=step, key="vib_1").delete()
    assert not proof.verify(step.run).whole


def test_what_is_kept_already_is_refused_and_ends_the_log(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(step, (0, 3))
    again = housekeeping.Samples(0, np.zeros((3, 2), dtype=np.float32))
    # No tool is asked: what it would answer is given.
    recorder = Recorder(step, cast(ScpiTool, None), fence=transaction.atomic)
    monkeypatch.setattr(recorder, "read", lambda: again)
    assert recorder.look() == 0
    assert not recorder.is_on
    assert StreamBlock.objects.get(stream__step=step).count == 3


@pytest.fixture
def exposure(live_floor: Floor, settings: Any) -> Run:
    """A run that exposes one wafer in about a second of the host."""
    assert live_floor.fab is not None
    assert live_floor.run("coat", (1,)).state == "completed"
    settings.STREAM_EVERY_S = 0.05
    settings.WIRE_TIMEOUT_S = 1.0
    live_floor.fab.control.rescale(40)
    return live_floor.start("expose", (1,))


def test_an_exposure_is_logged_while_it_lasts(exposure: Run) -> None:
    assert drive(exposure).state == "completed"
    step = exposure.steps.get(is_process=True)
    rows = TraceBlock.objects.filter(step=step, key="cw_temp_1")
    # One stretch without a gap, ten samples a second, from begin to end.
    assert rows.count() == 1
    assert rows[0].count >= 5
    assert 21.5 < rows[0].minimum <= rows[0].maximum < 22.5
    assert TraceBlock.objects.filter(step=step).values("key").distinct().count() == 32
    assert not Stream.objects.exists()
    assert proof.verify(exposure).whole


def test_a_log_that_cannot_be_read_never_stands_in_the_way(
    exposure: Run, live_floor: Floor
) -> None:
    assert live_floor.fab is not None
    live_floor.fab.control.fault("scanner", "", "garbage", match="LOG:DATA", count=1)
    assert drive(exposure).state == "completed"
    assert not TraceBlock.objects.filter(key="cw_temp_1").exists()


def test_rows_that_are_not_whole_are_no_samples(live_floor: Floor) -> None:
    tool = live_floor.tools["cd_sem"]
    driver = open_tool(tool.kind, tool.visa_resource, tool.serial)
    try:
        channels = housekeeping.channels(driver)
        assert len(channels) == 32
        found = housekeeping.samples(driver, 0, 32)
        assert found.after == found.first + len(found.values)
        assert len(housekeeping.samples(driver, found.after + 1_000, 32).values) == 0
        with pytest.raises(Garbled):
            housekeeping.samples(driver, 0, 31)
        # After a block that made no sense the next answer is right again.
        assert housekeeping.channels(driver) == channels
    finally:
        driver.link.close()
