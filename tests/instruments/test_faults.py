"""Driver × wire × fault: the right error in time, little CPU, and the next answer is right.

Here a selection that covers every fault on every wire and every driver on every wire; the whole
product with `make nightly`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from instruments.errors import Garbled, InstrumentError, NotConnected, Rejected, Timeout
from instruments.fab.faults import KINDS as FAULT_KINDS
from tests.instruments.conftest import KINDS, WIRES, Fab
from tests.instruments.fault_contract import (
    CASES,
    TIMEOUT_S,
    Trial,
    carry_out_all,
    covering_trials,
    every_trial,
    patient,
)

# The trials are carried out together, once: a second process would do so again.
pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def verdicts(fab_process: Fab) -> Iterator[dict[Trial, str]]:
    """What was wrong with each trial of the selection."""
    fab_process.reset_settings()
    yield carry_out_all(fab_process, covering_trials())
    fab_process.reset_settings()


@pytest.mark.parametrize("trial", covering_trials(), ids=str)
def test_fault(trial: Trial, verdicts: dict[Trial, str]) -> None:
    assert verdicts[trial] == ""


@pytest.mark.nightly
def test_every_fault_on_every_wire_of_every_driver(no_faults: Fab) -> None:
    found = carry_out_all(no_faults, every_trial())
    assert len(found) == len(KINDS) * len(WIRES) * len(CASES)
    assert {str(trial): words for trial, words in found.items() if words} == {}


def test_the_selection_covers_every_pair() -> None:
    chosen = covering_trials()
    assert {(t.case.fault, t.wire) for t in chosen} == {(f, w) for f in FAULT_KINDS for w in WIRES}
    assert {(t.kind, t.wire) for t in chosen} == {(k, w) for k in KINDS for w in WIRES}


@pytest.mark.parametrize("wire", WIRES)
def test_rejected_names_its_own_command(no_faults: Fab, wire: str) -> None:
    tool = no_faults.tool("scanner", wire)
    with pytest.raises(Rejected) as caught:
        tool.link.command("NO:SUCH 900")
    assert (caught.value.code, caught.value.command) == (-113, "NO:SUCH 900")
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
        no_faults.control.freeze("SCN-1", 0.6)
        before = time.process_time()
        with pytest.raises(NotConnected):
            tool.link.ask("STAT?", 0.1)
        assert time.process_time() - before < 0.05
        assert patient(tool.status).state in ("IDLE", "SAFE", "READY")
        tool.link.close()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["garbage", "no_reply", "close", "wrong_type"])
def test_a_tool_that_cannot_say_who_it_is_was_told_nothing(
    no_faults: Fab, wire: str, fault: str
) -> None:
    tool = no_faults.tool("track", wire, TIMEOUT_S)
    no_faults.control.fault("TRK-1", wire, fault, match="*IDN?")
    with pytest.raises(NotConnected) as caught:
        tool.link.command("PEB:TEMP 100")
    assert caught.value.retryable
    assert {one.tx for one in tool.link.exchanges} <= {"*IDN?", "(open)", "(close)"}
    assert patient(tool.connect).serial == no_faults.serial("track")


@pytest.mark.parametrize("what", ["(clear)", "(status)"])
@pytest.mark.parametrize("wire", ["hislip", "vxi11"])
@pytest.mark.parametrize("fault", ["no_reply", "close", "reset", "delay"])
def test_what_travels_beside_the_messages_fails_in_time_too(
    no_faults: Fab, wire: str, fault: str, what: str
) -> None:
    link = no_faults.tool("cd_sem", wire, TIMEOUT_S).link
    link.ask("*IDN?")
    no_faults.control.fault("SEM-1", wire, fault, seconds=0.45, match=what)
    began, cpu = time.monotonic(), time.thread_time()
    with pytest.raises(InstrumentError) as caught:
        link.clear() if what == "(clear)" else link.status_byte()
    assert time.monotonic() - began < TIMEOUT_S + 1.0
    assert time.thread_time() - cpu < 0.05
    assert caught.value.outcome_unknown
    assert link.exchanges[-1].tx == what
    assert patient(lambda: link.ask("MEAS:FIEL?")) == "FULL"
    link.close()


@pytest.mark.parametrize("wire", WIRES)
def test_the_status_byte_comes_on_every_wire(no_faults: Fab, wire: str) -> None:
    link = no_faults.tool("scanner", wire, TIMEOUT_S).link
    assert link.status_byte() & ~16 == 0
    with pytest.raises(Timeout):
        link.ask("NO:SUCH?")
    no_faults.control.fault("SCN-1", wire, "error_queue", match="ILL:MODE?")
    assert link.ask("ILL:MODE?") == "ANN"
    assert link.status_byte() & 4
    link.command("*CLS")
    assert link.status_byte() & 4 == 0


def test_a_status_byte_that_is_none_is_garbled(no_faults: Fab) -> None:
    link = no_faults.tool("scanner", "socket", TIMEOUT_S).link
    no_faults.control.fault("SCN-1", "socket", "wrong_type", match="*STB?")
    with pytest.raises(Garbled):
        link.status_byte()
    assert link.ask("ILL:MODE?") == "ANN"
