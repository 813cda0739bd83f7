"""A start and a rework of the same wafer at the same moment."""

from __future__ import annotations

import pytest

from testbed.people.models import User
from testbed.process.models import Operation
from testbed.refusals import Refusal
from testbed.runs import doorbell
from testbed.runs.models import Run
from testbed.runs.rework import rework
from testbed.runs.route_models import Rework
from testbed.tools.models import Tool
from tests.races.conftest import Race
from tests.runs.floor import lay
from tests.runs.test_interlocks import passed


def test_a_wafer_is_started_or_sent_back_never_both(
    race: Race, monkeypatch: pytest.MonkeyPatch,
    alice: User, technician: User, process_engineer: User,
    scanner: Tool, track: Tool, cd_sem: Tool,
) -> None:  # fmt: skip
    # Without the lock on the lot this fails: losers break in the database, or both win.
    monkeypatch.setattr(doorbell, "ring", lambda queue, run_id: None)
    tools = {"scanner": scanner, "track": track, "cd_sem": cd_sem}
    for number, tool in enumerate(tools.values(), start=1):
        Tool.objects.filter(pk=tool.pk).update(visa_resource=f"TCPIP::127.0.0.{number}::1::SOCKET")
    floor = lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)
    Operation.objects.filter(route=floor.route).update(max_rework=3)
    passed(floor, "coat", (1,))

    def work(number: int) -> object:
        if number % 2:
            return floor.start("expose", (1,))
        return rework(
            actor=technician, lot=floor.lot, operation=floor.operation("coat"), slots=[1],
            reason="striations",
        )  # fmt: skip

    outcomes = race(work, threads=4)
    won = [one for one in outcomes if not isinstance(one, Exception)]
    assert len(won) == 1, outcomes
    assert all(isinstance(one, Refusal) for one in outcomes if one is not won[0])
    assert Run.objects.open().count() + Rework.objects.count() == 1
