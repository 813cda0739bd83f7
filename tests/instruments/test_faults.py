"""Driver × wire × fault: the right error in time, little CPU, and the next answer is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from instruments.driver import ScpiTool
from instruments.errors import (
    ConnectionLost,
    Garbled,
    InstrumentError,
    NotConnected,
    Rejected,
    Timeout,
)
from instruments.fab.faults import KINDS as FAULT_KINDS
from tests.instruments.conftest import (
    COAT,
    DEVELOP,
    FEM,
    LITHO,
    MEASURE,
    WIRES,
    Fab,
    carry_out,
)

TIMEOUT_S = 0.16
LATE_S = 0.75
"""What an exchange may take beyond its timeout: VXI-11's grace and a busy machine."""
CPU_SHARE = 0.10
READINGS = {"scanner": "LENS:HEAT?", "track": "PLAT:TEMP?", "cd_sem": "CHAM:PRES?"}
SETTINGS = {
    "scanner": ("LAY:DOSE:STAR", 31.0, 33.0),
    "track": ("PEB:TEMP", 101.0, 103.0),
    "cd_sem": ("MEAS:TARG", 41.0, 43.0),
}
BLOCKS = {
    "scanner": 'TRAC:DATA? "{}",DOSE',
    "track": 'TRAC:DATA? "{}",TEMP',
    "cd_sem": 'TRAC:DATA? "{}",PROF',
}
Error = type[InstrumentError] | None


@dataclass(frozen=True)
class Case:
    """A fault and the error it must give on each wire; `on` is what is asked for."""

    fault: str
    on: str = "number"
    seconds: float = 0.5
    socket: Error = None
    hislip: Error = None
    vxi11: Error = None

    def expected(self, wire: str) -> Error:
        found: Error = getattr(self, wire)
        return found


def everywhere(fault: str, error: Error, **more: Any) -> Case:
    """A case with the same error on all wires."""
    return Case(fault, socket=error, hislip=error, vxi11=error, **more)


CASES = (
    everywhere("delay", Timeout, seconds=0.45),
    everywhere("no_reply", Timeout),
    everywhere("close", ConnectionLost),
    everywhere("half_close", ConnectionLost),
    everywhere("reset", ConnectionLost),
    everywhere("garbage", Garbled),
    Case("bad_frame", socket=Timeout, hislip=Garbled, vxi11=Timeout),
    everywhere("wrong_type", Garbled),
    Case("duplicate", socket=Garbled),
    Case("stale", socket=Garbled),
    everywhere("drip", Timeout, seconds=0.06),
    Case("truncated_block", "block", socket=Timeout, hislip=Garbled, vxi11=Garbled),
    everywhere("error_queue", Rejected, on="command"),
    everywhere("never_opc", Timeout, on="command"),
    everywhere("close", ConnectionLost, on="command"),
    everywhere("no_reply", Timeout, on="block"),
    everywhere("freeze", Timeout, seconds=0.5),
    everywhere("restart", ConnectionLost),
    everywhere("refuse", ConnectionLost, seconds=0.2),
)


@pytest.fixture(scope="module")
def handles(fab_process: Fab) -> dict[str, str]:
    """The handle of one finished job of each tool, with data to read."""
    carrier, wafers = fab_process.carrier()
    for kind, recipe in (
        ("track", COAT),
        ("scanner", FEM),
        ("track", DEVELOP),
        ("cd_sem", MEASURE),
    ):
        carry_out(fab_process.tool(kind), kind, recipe, wafers, carrier)
    found = {}
    for kind in LITHO:
        tool = fab_process.tool(kind)
        found[kind] = tool.last_job(wafers[0].wafer_id)
        tool.link.close()
    return found


@pytest.fixture(params=[f"{kind}-{wire}" for kind in LITHO for wire in WIRES])
def place(request: pytest.FixtureRequest, no_faults: Fab) -> Iterator[tuple[str, str, ScpiTool]]:
    """A tool on a wire, with a short timeout and its link open."""
    kind, wire = request.param.split("-")
    tool = no_faults.tool(kind, wire, TIMEOUT_S)
    patient(tool.connect)
    yield kind, wire, tool
    tool.link.close()


def patient(call: Callable[[], Any], limit_s: float = 2.0) -> Any:
    """`call` again while the tool cannot be reached: nothing was sent, so it may be repeated."""
    ends = time.monotonic() + limit_s
    while True:
        try:
            return call()
        except NotConnected as error:
            if time.monotonic() > ends or not error.retryable:
                raise
            time.sleep(0.02)


def question(kind: str, on: str, tool: ScpiTool, handle: str) -> Callable[[], object]:
    """What is asked while the fault strikes."""
    head, value, _ = SETTINGS[kind]
    ways: dict[str, Callable[[], object]] = {
        "number": lambda: tool.number(READINGS[kind]),
        "command": lambda: tool.link.command(f"{head} {value}"),
        "block": lambda: tool.link.block(BLOCKS[kind].format(handle)),
    }
    return ways[on]


def match_of(kind: str, on: str) -> str:
    """What the fault waits for on the wire."""
    return {"number": READINGS[kind], "command": SETTINGS[kind][0], "block": "TRAC:DATA?"}[on]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}-{case.on}")
def test_fault(
    place: tuple[str, str, ScpiTool], case: Case, no_faults: Fab, handles: dict[str, str]
) -> None:
    kind, wire, tool = place
    call = question(kind, case.on, tool, handles[kind])
    match = "" if case.fault == "never_opc" else match_of(kind, case.on)
    call()
    no_faults.control.fault("", wire, case.fault, seconds=case.seconds, match=match)
    expected = case.expected(wire)

    wall, cpu = time.monotonic(), time.process_time()
    if expected is None:
        call()
    else:
        with pytest.raises(InstrumentError) as caught:
            call()
        assert type(caught.value) is expected, caught.value
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall

    assert wall < TIMEOUT_S + LATE_S
    assert cpu < CPU_SHARE * max(wall, TIMEOUT_S)
    no_faults.control.clear_faults()
    assert_next_answers_are_right(no_faults, kind, tool)


def assert_next_answers_are_right(fab: Fab, kind: str, tool: ScpiTool) -> None:
    """Different questions, each with its own answer: an answer late by one would show."""
    head, _, value = SETTINGS[kind]
    assert patient(tool.connect).serial == fab.serial(kind)
    tool.link.command(f"{head} {value}")
    assert tool.number(f"{head}?") == value
    assert tool.link.ask("SYST:ERR?") == '0,"No error"'
    assert tool.status().state in ("IDLE", "READY", "SAFE")
    assert tool.connect().serial == fab.serial(kind)


def test_every_kind_of_fault_is_tried() -> None:
    assert {case.fault for case in CASES} == set(FAULT_KINDS)


@pytest.mark.parametrize("wire", WIRES)
def test_rejected_names_its_own_command(no_faults: Fab, wire: str) -> None:
    tool = no_faults.tool("scanner", wire)
    with pytest.raises(Rejected) as caught:
        tool.link.command("LAY:DOSE:STAR 900")
    assert (caught.value.code, caught.value.command) == (-222, "LAY:DOSE:STAR 900")
    tool.link.command("LAY:DOSE:STAR 30")


@pytest.mark.parametrize("wire", WIRES)
def test_errors_left_by_a_dead_session_blame_no_later_command(no_faults: Fab, wire: str) -> None:
    tool = no_faults.tool("scanner", wire, TIMEOUT_S)
    with pytest.raises(Timeout):
        tool.link.ask("NO:SUCH?")
    tool.link.command("LAY:DOSE:STAR 30")
    assert any(one.rx.startswith("-113") for one in tool.link.exchanges)


@pytest.mark.parametrize("wire", WIRES)
def test_endless_errors_are_drained_with_a_bound(no_faults: Fab, wire: str) -> None:
    no_faults.control.fault("SCN-1", wire, "error_queue", count=100, match="SYST:ERR?")
    tool = no_faults.tool("scanner", wire)
    before = time.monotonic()
    no_faults.control.fault("SCN-1", wire, "error_queue", match="LAY:DOSE")
    with pytest.raises(Rejected):
        tool.link.command("LAY:DOSE:STAR 30")
    assert time.monotonic() - before < 2.0
    no_faults.control.clear_faults()
    tool.link.command("*CLS")


def test_a_frozen_tool_cannot_be_opened_and_says_so_in_time(no_faults: Fab) -> None:
    for wire in WIRES:
        tool = no_faults.tool("scanner", wire, TIMEOUT_S)
        no_faults.control.freeze("SCN-1", 0.5)
        before = time.process_time()
        with pytest.raises(NotConnected):
            tool.link.ask("STAT?", 0.1)
        assert time.process_time() - before < 0.05
        assert patient(tool.status).state in ("IDLE", "SAFE", "READY")
        tool.link.close()
