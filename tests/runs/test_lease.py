"""The lease's law, against PostgreSQL: one holder, a growing epoch, no late writer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.runs import guard, lease
from testbed.runs.guard import Guard, LeaseOver
from testbed.runs.lease import Claim, LeaseLost
from testbed.runs.models import Lease
from testbed.tools.models import Tool
from tests.runs.floor import Floor

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
