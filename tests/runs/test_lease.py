"""The lease's law, against PostgreSQL: one holder, a growing epoch, no late writer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.runs import guard, lease
from testbed.runs.guard import EmergencyStop, Guard, LeaseOver
from testbed.runs.lease import Claim, LeaseLost
from testbed.runs.models import Lease, Run
from testbed.tools import states
from testbed.tools.models import Tool
from tests.runs.floor import Floor
from tests.runs.test_engine import working

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "extend", "park", "release", "fence", "wait", "outlive"]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=25,
)


def let_pass(tool: Tool, seconds: float) -> None:
    """Time goes by: the expiry comes nearer by as much."""
    Lease.objects.filter(tool=tool).update(expires_at=F("expires_at") - timedelta(seconds=seconds))


class Law:
    """What must be true of a lease, kept beside the real one."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.claims: dict[int, Claim] = {}
        self.owner: int | None = None
        self.left = 0.0
        self.parked = False
        self.epoch = 0

    def act(self, what: str, who: int) -> None:
        getattr(self, what)(who)
        row = Lease.objects.filter(tool=self.tool).first()
        assert (row.epoch if row else 0) == self.epoch

    def claim(self, who: int) -> None:
        dead = self.left <= 0 and (self.owner is not None or self.parked)
        free = self.owner is None or dead
        got = lease.claim(tool_ids=[self.tool.pk], run_id=None)
        assert (got is not None) == free
        if got is not None:
            assert got.taken_over == dead
            assert got.epoch == self.epoch + 1
            self.epoch += 1
            self.claims[who], self.owner, self.parked, self.left = got, who, False, 30.0

    def _mine(self, who: int) -> bool:
        return self.owner == who and self.claims[who].epoch == self.epoch

    def extend(self, who: int) -> None:
        if who in self.claims:
            alive = self._mine(who) and self.left > 0
            assert lease.extend(self.claims[who]) == alive
            self.left = 30.0 if alive else self.left

    def park(self, who: int) -> None:
        if who in self.claims:
            mine = self._mine(who)
            assert lease.park(self.claims[who]) == mine
            if mine:
                self.owner, self.parked, self.left = None, True, 30.0

    def release(self, who: int) -> None:
        if who in self.claims:
            mine = self._mine(who)
            assert lease.release(self.claims[who]) == mine
            if mine:
                self.owner, self.parked = None, False

    def fence(self, who: int) -> None:
        if who in self.claims:
            if self._mine(who):
                lease.fence(self.claims[who])
            else:
                with pytest.raises(LeaseLost):
                    lease.fence(self.claims[who])

    def wait(self, who: int) -> None:
        let_pass(self.tool, 10)
        self.left -= 10

    def outlive(self, who: int) -> None:
        let_pass(self.tool, 31)
        self.left -= 31


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=ACTS)
def test_whatever_happens_in_whatever_order(scanner: Tool, acts: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        law = Law(scanner)
        for what, who in acts:
            law.act(what, who)
        transaction.set_rollback(True)


def test_a_guard_past_its_deadline_lets_nothing_be_written(floor: Floor) -> None:
    run = floor.start("coat")
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    with Guard(held, run_id=run.pk, began=guard.clock() - 29) as watch, pytest.raises(LeaseOver):
        watch.may_write()


def test_the_deadline_never_outlasts_the_row(floor: Floor) -> None:
    run = floor.start("coat")
    began = guard.clock()
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    watch = Guard(held, run_id=run.pk, began=began)
    assert watch._deadline < began + 30


def test_a_guard_that_is_over_lets_nothing_be_written(floor: Floor) -> None:
    run = floor.start("coat")
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    with Guard(held, run_id=run.pk, began=guard.clock()) as watch:
        watch.may_write()
    with pytest.raises(LeaseOver):
        watch.may_write()


def test_the_deadline_is_looked_at_after_a_database_that_kept_us_waiting(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    watch = Guard(held, run_id=run.pk, began=guard.clock())
    watch._deadline = guard.clock() + 0.05

    def slowly() -> tuple[str, bool]:
        time.sleep(0.1)
        return "", False

    monkeypatch.setattr(watch, "_read_wishes", slowly)
    with pytest.raises(LeaseOver):
        watch.may_write()


def end_every_session() -> None:
    """As when PostgreSQL is started anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


@pytest.fixture
def guarded(
    transactional_db: None, floor: Floor, settings: Any
) -> Iterator[tuple[Floor, Run, Guard]]:
    """A run under a guard whose database connections are all broken and can be opened anew."""
    settings.LEASE_HEARTBEAT_S, settings.LEASE_TTL_S = 0.1, 2.0
    run = floor.start("coat")
    held = lease.claim(tool_ids=[run.tool_id], run_id=run.pk)
    assert held is not None
    with Guard(held, run_id=run.pk, began=guard.clock()) as watch:
        time.sleep(0.3)
        with working(end_every_session) as raised:
            pass
        assert raised == []
        yield floor, run, watch
    connection.close()


def test_an_emergency_stop_is_seen_after_the_database_was_away(
    guarded: tuple[Floor, Run, Guard],
) -> None:
    floor, run, watch = guarded
    with working(partial(states.emergency_stop, actor=floor.technician, tool=run.tool)) as raised:
        pass
    assert raised == []
    with pytest.raises(EmergencyStop):
        watch.rest(1.5)


def test_the_lease_is_extended_after_the_database_was_away(
    guarded: tuple[Floor, Run, Guard],
) -> None:
    _floor, _run, watch = guarded
    watch.rest(2.5)
