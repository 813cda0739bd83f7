"""The sensors that every tool samples: as `common.md` says, and the same whenever they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from instruments.driver import ScpiTool
from instruments.errors import Garbled
from instruments.fab import housekeeping
from instruments.fab.housekeeping import CHANNELS, KEPT, Housekeeping
from instruments.housekeeping import samples
from instruments.link import Link


class Blocks(Link):
    """Answers every question with one block."""

    def __init__(self, raw: bytes) -> None:
        super().__init__("TCPIP::127.0.0.1::1::SOCKET")
        self.raw = raw

    def block(
        self, line: str, dtype: DTypeLike = "<f4", timeout_s: float | None = None
    ) -> NDArray[Any]:
        try:
            return np.frombuffer(self.raw, dtype)
        except ValueError as error:
            raise Garbled(str(error)) from error


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The host's clock, moved by hand."""
    now = [1_000.0]
    monkeypatch.setattr(housekeeping.time, "monotonic", lambda: now[0])
    return now


def test_a_sample_is_the_same_whenever_it_is_read(clock: list[float]) -> None:
    sensors = Housekeeping(3)
    clock[0] += 2.05
    whole = sensors.rows(0)
    assert (whole.shape, whole["values"].shape) == ((20,), (20, len(CHANNELS)))
    assert whole.itemsize == 4 * 33
    clock[0] += 1.0
    assert np.array_equal(sensors.rows(15)[:5], whole[15:])
    assert list(sensors.rows(28)["number"]) == [28, 29]
    assert sensors.rows(30).shape == (0,)


def test_a_tool_keeps_the_last_minute(clock: list[float]) -> None:
    sensors = Housekeeping(3)
    clock[0] += 100.0
    rows = sensors.rows(0)
    assert (len(rows), rows["number"][-1]) == (KEPT, 999)


def test_samples_are_counted_right_for_years(clock: list[float]) -> None:
    """A float32 would count 16,777,216 twice: after nineteen days no row followed another."""
    sensors = Housekeeping(3)
    clock[0] += 3 * 365 * 86_400.0
    rows = sensors.rows(0)
    last = 3 * 365 * 864_000 - 1
    assert rows["number"].tolist() == list(range(last - KEPT + 1, last + 1))
    tool = ScpiTool(Blocks(rows[5:].tobytes()))
    found = samples(tool, last - KEPT, len(CHANNELS))
    assert (found.first, found.after) == (last - KEPT + 6, last + 1)
    assert np.array_equal(found.values, rows["values"][5:])


def test_rows_with_a_gap_or_from_too_early_are_garbled(clock: list[float]) -> None:
    sensors = Housekeeping(3)
    clock[0] += 2.0
    rows = sensors.rows(0)
    gap = np.delete(rows, 7)
    for raw, first in ((gap.tobytes(), 0), (rows.tobytes(), 3), (rows.tobytes()[:-4], 0)):
        link = Blocks(raw)
        with pytest.raises(Garbled):
            samples(ScpiTool(link), first, len(CHANNELS))


def test_values_are_near_their_nominal_ones_and_tools_differ(clock: list[float]) -> None:
    one, two = Housekeeping(3), Housekeeping(4)
    clock[0] += 60.0
    names = [name for name, _unit in CHANNELS]
    water = one.rows(0)["values"][:, names.index("CW_TEMP_1")]
    assert abs(water.mean() - 22.0) < 0.1
    assert 0 < np.std(np.diff(water)) < 0.05
    assert not np.array_equal(one.rows(0), two.rows(0))
