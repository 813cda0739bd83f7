"""Hours per state, the totals of SEMI E10, and the oracles of E79 and MTBF bounds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.tools import states
from testbed.tools.models import E10State, Tool
from testbed.usage.e10 import StateSeconds, Stretch, facility_time, seconds_per_state, tool_time
from testbed.usage.effectiveness import (
    Product,
    effectiveness,
    hours_to_prove,
    mtbf_lower_bound,
)
from testbed.usage.period import Period

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = Period(START, START + timedelta(hours=168))


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def hours(**named: float) -> StateSeconds:
    return StateSeconds({E10State[name.upper()]: 3600 * value for name, value in named.items()})


def test_totals_are_the_standards() -> None:
    time = hours(productive=147, standby=6, engineering=3, scheduled_down=8, unscheduled_down=4)
    assert time.manufacturing == 153 * 3600
    assert time.uptime == 156 * 3600
    assert time.downtime == 12 * 3600
    assert time.operations == time.total == 168 * 3600
    assert time.operational_uptime == pytest.approx(156 / 168)


def test_non_scheduled_time_is_in_the_total_only() -> None:
    time = hours(standby=10, non_scheduled=14)
    assert (time.operations, time.total) == (10 * 3600, 24 * 3600)
    assert StateSeconds().operational_uptime is None
    assert StateSeconds().utilisation is None


def test_spans_are_cut_at_the_period_and_open_ones_last_to_its_end() -> None:
    stretches = [
        Stretch("standby", at(-10), at(2)),
        Stretch("productive", at(2), at(5)),
        Stretch("unscheduled_down", at(5), None),
        Stretch("productive", at(-9), at(-8)),
        Stretch("productive", at(200), at(201)),
    ]
    found = seconds_per_state(stretches, WEEK)
    assert found.by_state == {
        "standby": 2 * 3600,
        "productive": 3 * 3600,
        "unscheduled_down": 163 * 3600,
    }


@given(st.lists(st.integers(-50, 220), min_size=2, max_size=12, unique=True))
def test_a_line_without_gaps_adds_up_to_what_the_period_sees_of_it(cuts: list[int]) -> None:
    cuts.sort()
    names = [state.value for state in E10State]
    pairs = list(itertools.pairwise(cuts))
    line = [Stretch(names[i % 6], at(a), at(b)) for i, (a, b) in enumerate(pairs)]
    seen = max(0, min(cuts[-1], 168) - max(cuts[0], 0))
    assert seconds_per_state(line, WEEK).total == pytest.approx(3600 * seen)


def test_each_tools_hours_come_from_its_own_line(scanner: Tool, cd_sem: Tool) -> None:
    now = scanner.state_spans.get().started_at
    states.enter(tool=scanner, state=E10State.PRODUCTIVE, at=now + timedelta(hours=1))
    states.enter(tool=scanner, state=E10State.STANDBY, at=now + timedelta(hours=4))
    found = dict(tool_time(Period(now, now + timedelta(hours=10))))
    assert found[scanner].of(E10State.PRODUCTIVE) == 3 * 3600
    assert found[scanner].of(E10State.STANDBY) == 7 * 3600
    assert found[cd_sem].of(E10State.PRODUCTIVE) == 0
    assert facility_time(found.items()).of(E10State.PRODUCTIVE) == 3 * 3600


def test_oee_of_the_standards_example_week() -> None:
    time = hours(productive=147, standby=6, engineering=3, scheduled_down=8, unscheduled_down=4)
    products = [
        Product(30, 1420, 1400), Product(25, 600, 600), Product(20, 800, 800),
        Product(15, 500, 480),
    ]  # fmt: skip
    found = effectiveness(time, products)
    assert round(found.availability, 4) == 0.9286
    assert round(found.operational, 4) == 0.9423
    assert found.rate == pytest.approx(0.9840, abs=2e-4)
    assert round(found.quality, 4) == 0.9862
    assert round(found.oee, 4) == 0.8492


def test_effectiveness_without_production_is_refused() -> None:
    with pytest.raises(ValueError, match="productive time"):
        effectiveness(hours(standby=168), [Product(30, 1, 1)])


def test_mtbf_bounds_of_the_tables() -> None:
    assert mtbf_lower_bound(1_200, 0, 0.90) == pytest.approx(1_200 * 0.434, rel=2e-3)
    assert hours_to_prove(400, 4, 0.80) == pytest.approx(400 * 6.72, rel=2e-3)
    with pytest.raises(ValueError, match="confidence"):
        mtbf_lower_bound(1, 0, 1.0)
    with pytest.raises(ValueError, match="positive"):
        hours_to_prove(0, 0, 0.9)
