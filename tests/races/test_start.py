"""The start button, pressed on several tablets at the same moment."""

from __future__ import annotations

import pytest

from testbed.people.models import User
from testbed.refusals import Refusal
from testbed.runs import doorbell
from testbed.runs.models import Run
from testbed.tools.models import Tool
from tests.races.conftest import Race
from tests.runs.floor import lay


def test_one_start_wins_and_the_others_are_told_in_words(
    race: Race, monkeypatch: pytest.MonkeyPatch,
    alice: User, technician: User, process_engineer: User,
    scanner: Tool, track: Tool, cd_sem: Tool,
) -> None:  # fmt: skip
    monkeypatch.setattr(doorbell, "ring", lambda queue, run_id: None)
    tools = {"scanner": scanner, "track": track, "cd_sem": cd_sem}
    for number, tool in enumerate(tools.values(), start=1):
        Tool.objects.filter(pk=tool.pk).update(visa_resource=f"TCPIP::127.0.0.{number}::1::SOCKET")
    floor = lay(alice=alice, technician=technician, process_engineer=process_engineer, tools=tools)

    outcomes = race(lambda number: floor.start("coat", (1,)), threads=4)
    won = [one for one in outcomes if not isinstance(one, Exception)]
    assert len(won) == Run.objects.count() == 1, outcomes
    lost = [one for one in outcomes if one is not won[0]]
    assert all(isinstance(one, Refusal) and str(one.message) for one in lost), lost
