"""Idle tools are asked whether they answer; tools at work are left alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from testbed.runs import lease, watch
from testbed.runs.models import Lease
from testbed.tools.models import E10State, Pulse, StateSpan, Tool, Trouble
from tests.runs.floor import Floor


def pulse(floor: Floor, kind: str) -> Pulse:
    return Pulse.objects.get(tool=floor.tools[kind])


def test_every_free_tool_is_asked_and_let_go(live_floor: Floor) -> None:
    assert watch.ask_idle() == 3
    for kind, tool in live_floor.tools.items():
        assert (pulse(live_floor, kind).misses, pulse(live_floor, kind).trouble) == (0, "")
        assert pulse(live_floor, kind).tool_says in ("IDLE", "READY", "SAFE")
        row = Lease.objects.get(tool=tool)
        assert (row.holder, row.expires_at) == ("", None)


def test_each_trouble_has_its_word(live_floor: Floor) -> None:
    assert live_floor.fab is not None
    live_floor.fab.control.fault("scanner", "", "no_reply", match="STAT?", count=9)
    live_floor.fab.control.fault("track", "", "garbage", match="STAT?", count=9)
    Tool.objects.filter(kind="cd_sem").update(serial="SN-OTHER")
    watch.ask_idle()
    words = {kind: pulse(live_floor, kind).trouble for kind in live_floor.tools}
    assert words == {
        "scanner": Trouble.SILENT, "track": Trouble.GARBLED, "cd_sem": Trouble.STRANGER
    }  # fmt: skip


def test_an_address_where_nobody_is_brings_the_tool_down_in_time(floor: Floor) -> None:
    for _ in range(3):
        watch.ask_idle()
    for kind, tool in floor.tools.items():
        assert pulse(floor, kind).trouble == Trouble.UNREACHABLE
        state = StateSpan.objects.get(tool=tool, ended_at=None).state
        assert state == E10State.UNSCHEDULED_DOWN


def test_a_tool_at_work_or_stopped_or_without_a_wire_is_left_alone(floor: Floor) -> None:
    scanner, track, cd_sem = (floor.tools[kind] for kind in ("scanner", "track", "cd_sem"))
    held = lease.claim(tool_ids=[scanner.pk], run_id=None)
    parked = lease.claim(tool_ids=[track.pk], run_id=None)
    assert held is not None
    assert parked is not None
    assert lease.park(parked)
    Tool.objects.filter(pk=cd_sem.pk).update(visa_resource="")
    assert watch.ask_idle() == 0
    assert not Pulse.objects.exists()
    assert lease.extend(held)
    assert lease.release(parked) is False


def test_a_run_that_came_meanwhile_is_rung_again(
    floor: Floor, bells: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = floor.start("coat")
    bells.clear()

    let_go = watch._let_go

    def meanwhile(tool: Tool, held: lease.Claim) -> None:
        # Its worker finds the tool taken, and its bell is spent.
        if tool.pk == run.tool_id:
            assert lease.claim(tool_ids=[run.tool_id], run_id=run.pk) is None
        let_go(tool, held)

    monkeypatch.setattr(watch, "_let_go", meanwhile)
    monkeypatch.setattr(watch, "ask", lambda tool: ("", "IDLE"))
    assert watch.ask_idle() == 3
    assert bells == [(run.tool.queue, run.pk)]
    assert lease.claim(tool_ids=[run.tool_id], run_id=run.pk) is not None


def test_no_tool_waits_for_a_silent_one(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, free = floor.tools["track"], threading.Event()

    def slow(tool: Tool) -> tuple[str, str]:
        if tool != quick:
            assert free.wait(5)
        return "", "IDLE"

    let_go = watch._let_go

    def noted(tool: Tool, held: lease.Claim) -> None:
        let_go(tool, held)
        if tool == quick:
            assert lease.claim(tool_ids=[tool.pk], run_id=None, only_free=True) is not None
            free.set()

    monkeypatch.setattr(watch, "ask", slow)
    monkeypatch.setattr(watch, "_let_go", noted)
    assert watch.ask_idle() == 3


def test_what_goes_wrong_while_asking_frees_the_tools(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(tool: Tool) -> Any:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(watch, "ask", broken)
    with pytest.raises(RuntimeError):
        watch.ask_idle()
    assert not Lease.objects.exclude(holder="").exists()


def test_a_kind_that_nobody_drives_cannot_be_reached(floor: Floor) -> None:
    tool = floor.tools["scanner"]
    tool.kind = "toaster"
    assert watch.ask(tool) == (Trouble.UNREACHABLE, "")
    tool.kind, tool.visa_resource = "scanner", "nonsense"
    assert watch.ask(tool) == (Trouble.UNREACHABLE, "")
