"""The link's own promises: forks, threads, signals, permission, identity, limits, its log."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np
import pytest
import pyvisa
from hypothesis import given
from hypothesis import strategies as st

from instruments.errors import (
    Garbled,
    Halted,
    InstrumentError,
    LimitExceeded,
    NotConnected,
    Timeout,
    WrongInstrument,
)
from instruments.link import InvalidResource, Link, parse_resource
from instruments.resource_name import resource_text
from tests.instruments.conftest import WIRES, Fab, unhurried


@pytest.fixture(params=WIRES)
def link(request: pytest.FixtureRequest, no_faults: Fab) -> Iterator[Link]:
    """A link to the scanner on each wire."""
    no_faults.tool("scanner").link.command("*RST")
    link = Link(no_faults.resource("scanner", request.param), timeout_s=1.0)
    yield link
    link.close()


def test_nothing_is_opened_before_the_first_question() -> None:
    link = Link(resource_text("hislip", "127.0.0.1", 1))
    assert link.exchanges == ()
    with pytest.raises(NotConnected):
        link.ask("*IDN?")


@pytest.mark.parametrize("wire", WIRES)
def test_a_refused_port_is_not_connected_at_once(wire: str) -> None:
    began = time.monotonic()
    with pytest.raises(NotConnected) as caught:
        Link(resource_text(wire, "127.0.0.1", 1)).ask("*IDN?")  # type: ignore[arg-type]
    assert time.monotonic() - began < 1.0
    assert caught.value.retryable
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("wire", WIRES)
def test_another_serial_is_refused(no_faults: Fab, wire: str) -> None:
    link = Link(no_faults.resource("scanner", wire), serial="SCN-OTHER")
    for _ in range(2):
        with pytest.raises(WrongInstrument):
            link.ask("STAT?")
    assert not any(one.tx == "STAT?" for one in link.exchanges)


def test_another_kind_of_tool_is_refused(no_faults: Fab) -> None:
    link = Link(no_faults.resource("scanner", "hislip"), idn="SIMFAB,TRACK-")
    with pytest.raises(WrongInstrument):
        link.ask("STAT?")


def test_a_child_opens_its_own_session_and_spares_the_parents(link: Link) -> None:
    own = link.ask("*IDN?")
    child = os.fork()
    if child == 0:
        right = False
        try:
            right = all(link.ask("LAY:DOSE:STAR?") == "30" for _ in range(100))
            link.close()
            # What PyVISA does when an interpreter exits; it must not reach the parent's links.
            pyvisa.ResourceManager("@py").close()
        finally:
            os._exit(0 if right else 1)
    answers = [link.ask("*IDN?") for _ in range(100)]
    _, status = os.waitpid(child, 0)
    answers += [link.ask("*IDN?") for _ in range(20)]
    assert os.waitstatus_to_exitcode(status) == 0
    assert set(answers) == {own}
    assert link.ask("*IDN?") == own
    assert sum(one.tx == "*IDN?" for one in link.exchanges) == 123
    assert not any(one.error for one in link.exchanges)


def test_threads_get_their_own_answers(link: Link) -> None:
    wrong: list[str] = []

    def ask(line: str, right: str) -> None:
        for _ in range(100):
            got = link.ask(line)
            if got != right:
                wrong.append(got)

    jobs = [
        threading.Thread(target=ask, args=pair)
        for pair in (("LAY:KIND?", "UNI"), ("ILL:MODE?", "ANN"))
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert wrong == []


class Interrupted(Exception):
    """What a task queue's soft time limit throws into whatever runs."""


def test_a_signal_inside_an_exchange_passes_through_and_leaves_no_stale_answer(
    link: Link, no_faults: Fab
) -> None:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    link.ask("*IDN?")
    no_faults.control.fault("SCN-1", "", "delay", seconds=0.3, match="ILL:MODE?")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Interrupted):
            link.ask("ILL:MODE?")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert link.ask("LAY:KIND?") == "UNI"
    time.sleep(0.3)
    assert link.ask("LAY:FOC:STAR?") == "0"


def test_every_write_asks_for_permission(no_faults: Fab) -> None:
    asked: list[int] = []
    link = Link(no_faults.resource("scanner", "socket"), may_write=lambda: asked.append(1))
    link.ask("STAT?")
    written = len(link.exchanges)
    assert len(asked) >= written == 3
    link.command("LAY:DOSE:STAR 30")
    assert len(asked) - len(link.exchanges) <= 1


def test_halted_sends_nothing(link: Link, no_faults: Fab) -> None:
    link.command("LAY:DOSE:STAR 30")
    seen = len(link.exchanges)

    def no() -> None:
        raise Halted("the lease is over")

    calls: tuple[Callable[[], object], ...] = (
        lambda: link.ask("STAT?"),
        lambda: link.command("LAY:DOSE:STAR 44"),
        lambda: link.block('TRAC:DATA? "J000001",DOSE'),
        link.clear,
    )
    link.may_write = no
    for call in calls:
        with pytest.raises(Halted):
            call()
    assert len(link.exchanges) == seen
    link.may_write = None
    assert link.ask("LAY:DOSE:STAR?") == "30"
    assert sum(one.tx == "*IDN?" for one in link.exchanges) == 1


def test_what_a_dead_session_left_is_not_blamed_on_our_first_command(no_faults: Fab) -> None:
    port = no_faults.ports["tools"]["SCN-1"]["ports"]["socket"]
    with socket.create_connection(("127.0.0.1", port), timeout=1) as dead:
        dead.sendall(b"NO:SUCH 1\n*OPC?\n")
        assert dead.recv(10) == b"1\n"
    link = Link(no_faults.resource("scanner", "hislip"))
    link.command("LAY:DOSE:STAR 30")
    assert any(one.rx.startswith("-113") for one in link.exchanges)


def test_limits_are_caught_before_the_wire(no_faults: Fab) -> None:
    tool = no_faults.tool("scanner")
    with pytest.raises(LimitExceeded) as caught:
        tool.dose_start = 900  # type: ignore[attr-defined]
    assert (caught.value.low, caught.value.high, caught.value.unit) == (5, 100, "mJ/cm²")
    assert tool.link.exchanges == ()


def test_a_command_that_is_no_ascii_is_never_sent(link: Link) -> None:
    with pytest.raises(LimitExceeded):
        link.command("LAY:KIND 균일")
    assert not any("LAY" in one.tx for one in link.exchanges)
    assert link.ask("LAY:KIND?") == "UNI"


def test_clear_and_close_keep_the_link_usable(link: Link) -> None:
    link.ask("*IDN?")
    link.clear()
    assert link.ask("LAY:KIND?") == "UNI"
    link.close()
    link.close()
    assert link.ask("LAY:KIND?") == "UNI"


def test_a_dead_connection_is_noticed_before_anything_is_sent(link: Link, no_faults: Fab) -> None:
    link.ask("*IDN?")
    no_faults.control.refuse("SCN-1", 0.05)
    time.sleep(0.3)
    assert link.ask("LAY:KIND?") == "UNI"
    assert not any(one.error for one in link.exchanges)


def test_the_log_is_bounded_and_says_what_was_on_the_wire(no_faults: Fab) -> None:
    link = Link(no_faults.resource("scanner", "hislip"), keep=5, timeout_s=0.2)
    for _ in range(9):
        link.ask("STAT?")
    with pytest.raises(Timeout):
        link.ask("NO:SUCH?")
    last = link.exchanges[-1]
    assert len(link.exchanges) == 5
    assert (last.tx, last.rx) == ("NO:SUCH?", "")
    assert last.error.startswith("VisaIOError")
    assert 200 <= last.ms < 950
    assert last.at.tzinfo is not None


def test_a_block_of_100_000_numbers_arrives_whole(link: Link, no_faults: Fab) -> None:
    link.ask("*IDN?")
    answer = link.block("DIAG:BLOC? 100000", timeout_s=5.0)
    assert answer.dtype == np.float32
    assert np.array_equal(answer, np.arange(100_000, dtype=np.float32))
    assert link.ask("LAY:KIND?") == "UNI"


def test_text_is_no_block(link: Link) -> None:
    with pytest.raises(Garbled):
        link.block("LAY:KIND?", timeout_s=0.3)
    assert link.ask("LAY:KIND?") == "UNI"


def test_a_block_is_no_text(link: Link) -> None:
    with pytest.raises(Garbled):
        link.ask("DIAG:BLOC? 10")
    assert link.ask("LAY:KIND?") == "UNI"


@pytest.mark.parametrize(
    ("text", "wire", "port"),
    [
        ("TCPIP::tool-7.fab.example::5025::SOCKET", "socket", 5025),
        ("TCPIP0::10.0.0.7::hislip0::INSTR", "hislip", 4880),
        ("tcpip::10.0.0.7::hislip1,4881::instr", "hislip", 4881),
        ("TCPIP::10.0.0.7::INSTR", "vxi11", None),
        ("TCPIP::10.0.0.7,1024::inst0::INSTR", "vxi11", 1024),
        (" TCPIP::10.0.0.7::gpib0,5::INSTR ", "vxi11", None),
    ],
)
def test_resource_names(text: str, wire: str, port: int | None) -> None:
    found = parse_resource(text)
    assert (found.wire, found.port) == (wire, port)
    assert parse_resource(str(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "scanner", "GPIB0::7::INSTR", "TCPIP::host::SOCKET", "TCPIP::host::70000::SOCKET",
     "TCPIP::-::hislip0::INSTR", "TCPIP::a b::inst0::INSTR", "TCPIP::host::0::SOCKET"],
)  # fmt: skip
def test_bad_resource_names_get_a_sentence(text: str) -> None:
    with pytest.raises(InvalidResource) as caught:
        parse_resource(text)
    assert str(caught.value).endswith(".")


@given(st.text(max_size=60))
@unhurried
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        found = parse_resource(text)
    except InvalidResource:
        return
    assert parse_resource(found.text) == found


def test_every_error_answers_both_questions() -> None:
    kinds = [InstrumentError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    for kind in kinds:
        assert isinstance(kind.retryable, bool)
        assert not (kind.retryable and kind.outcome_unknown), kind
        assert kind.__doc__
