"""The sensors that every tool samples: as `common.md` says, and the same whenever they are read."""

from __future__ import annotations

import numpy as np
import pytest

from instruments.fab import housekeeping
from instruments.fab.housekeeping import CHANNELS, KEPT, Housekeeping


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
    assert whole.shape == (20, 1 + len(CHANNELS)) == (20, 33)
    clock[0] += 1.0
    assert np.array_equal(sensors.rows(15)[:5], whole[15:])
    assert list(sensors.rows(28)[:, 0]) == [28.0, 29.0]
    assert sensors.rows(30).shape == (0, 33)


def test_a_tool_keeps_the_last_minute(clock: list[float]) -> None:
    sensors = Housekeeping(3)
    clock[0] += 100.0
    rows = sensors.rows(0)
    assert (len(rows), rows[-1, 0]) == (KEPT, 999.0)


def test_values_are_near_their_nominal_ones_and_tools_differ(clock: list[float]) -> None:
    one, two = Housekeeping(3), Housekeeping(4)
    clock[0] += 60.0
    names = [name for name, _unit in CHANNELS]
    water = one.rows(0)[:, 1 + names.index("CW_TEMP_1")]
    assert abs(water.mean() - 22.0) < 0.1
    assert 0 < np.std(np.diff(water)) < 0.05
    assert not np.array_equal(one.rows(0), two.rows(0))
