"""Tools that break the rules of their wire: an error of the contract, in time, and no harm left."""

from __future__ import annotations

import gc
import socket
import struct
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pyvisa_py.protocols import rpc

from instruments.driver import ScpiTool
from instruments.errors import Garbled, InstrumentError, NotConnected, Timeout
from instruments.link import Link
from tests.instruments.rogues import (
    DATA,
    INTERRUPTED,
    SERVICE_REQUEST,
    HislipRogue,
    RawRogue,
    Rogue,
    Vxi11Rogue,
    frame,
    piece,
    record,
)

ROGUES = (RawRogue, HislipRogue, Vxi11Rogue)


@pytest.mark.parametrize("kind", ROGUES)
def test_one_that_keeps_the_rules_is_talked_to(kind: type[Rogue]) -> None:
    with kind() as tool:
        link = tool.link()
        assert link.ask("A?") == "7"
        link.command("B 1")
        assert [line.strip() for line in tool.heard[-2:]] == ["B 1\n*OPC?", "SYST:ERR?"]
        link.close()


# ---------------------------------------------------------------- deadlines
class DrippingVxi11(Vxi11Rogue):
    """Gives one byte a read, quickly, and never the end."""

    def read(self) -> bytes:
        if self.heard[-1] != "SLOW?\n":
            return super().read()
        time.sleep(0.002)
        return piece(b"x", 0)


class DrippingHislip(HislipRogue):
    """Sends whole chunks of a message that has no end."""

    def reply(self, client: socket.socket, number: int, answers: list[bytes]) -> None:
        if self.heard[-1] != "SLOW?\n":
            return super().reply(client, number, answers)
        while True:
            client.sendall(frame(DATA, 0, number, b"x" * 512))
            time.sleep(0.02)


class DrippingRaw(RawRogue):
    """Sends and sends, and no line feed."""

    def reply(self, client: socket.socket, answers: list[bytes]) -> None:
        while self.heard[-1] == "SLOW?":
            client.sendall(b"x" * 512)
            time.sleep(0.02)
        super().reply(client, answers)


@pytest.mark.parametrize("kind", [DrippingRaw, DrippingHislip, DrippingVxi11])
def test_an_answer_that_never_ends_is_waited_for_as_long_as_any(kind: type[Rogue]) -> None:
    with kind() as tool:
        link = tool.link()
        link.ask("A?")
        began = time.monotonic()
        with pytest.raises(Timeout):
            link.ask("SLOW?", 0.4)
        assert time.monotonic() - began < 1.2
        assert link.ask("A?") == "7"
        link.close()


class Nibbling(Vxi11Rogue):
    """Takes a message byte by byte, each of them nearly too late."""

    slow = False

    def result(self, procedure: int, arguments: bytes) -> bytes:
        if procedure == 10:
            return struct.pack("!IIII", 0, 1, 0, 1)
        (length,) = struct.unpack_from("!I", arguments, 16) if procedure == 11 else (0,)
        if procedure == 11 and self.slow:
            time.sleep(0.15)
        if procedure != 11:
            return super().result(procedure, arguments)
        self.said = getattr(self, "said", b"") + arguments[20 : 20 + length]
        if self.said.endswith(b"\n"):
            self.waiting, self.said = b"".join(self.answers(self.said.decode())), b""
        return struct.pack("!II", 0, length)


def test_a_message_that_is_taken_byte_by_byte_has_one_deadline_too() -> None:
    with Nibbling() as tool:
        link = tool.link(1.0)
        assert link.ask("A?") == "7"
        tool.slow = True
        began = time.monotonic()
        with pytest.raises(Timeout):
            link.ask("A_LONG_QUESTION?", 0.4)
        assert time.monotonic() - began < 1.5
        link.close()


# ---------------------------------------------------------------- HiSLIP
@pytest.mark.parametrize("largest", [0, 10, 16])
def test_a_tool_that_takes_no_message_at_all_is_not_flooded(largest: int) -> None:
    with HislipRogue() as tool:
        tool.largest = largest
        began = time.thread_time()
        with pytest.raises(NotConnected):
            tool.link().ask("A?")
        assert time.thread_time() - began < 0.1
        assert tool.heard == []


class Pleading(HislipRogue):
    """Asks for service whenever it is about to answer beside the messages."""

    def aside(self, client: socket.socket, kind: int) -> None:
        if kind in (19, 21):
            client.sendall(frame(SERVICE_REQUEST, 64) + frame(INTERRUPTED))
        super().aside(client, kind)


def test_a_service_request_is_no_answer() -> None:
    with Pleading() as tool:
        link = tool.link()
        link.ask("A?")
        assert link.status_byte() == 4
        link.clear()
        assert link.ask("A?") == "7"
        assert not any(one.error for one in link.exchanges)
        link.close()


def test_a_device_clear_drops_an_answer_that_has_come_already() -> None:
    with HislipRogue() as tool:
        session: Any = pyvisa.ResourceManager("@py").open_resource(
            tool.link().resource.text, timeout=500, write_termination="\n", read_termination="\n"
        )
        session.write("A?")
        time.sleep(0.1)
        session.clear()
        assert session.query("*OPC?") == "1"
        session.close()


def test_a_tool_that_would_rather_overlap_is_asked_not_to() -> None:
    with HislipRogue() as tool:
        tool.prefers_overlap = 1
        link = tool.link()
        assert link.ask("A?") == "7"
        link.clear()
        assert tool.features
        assert set(tool.features) == {0}
        link.close()


class Refusing(HislipRogue):
    """Does not take a message and says so, in the protocol's own words."""

    def reply(self, client: socket.socket, number: int, answers: list[bytes]) -> None:
        if self.heard[-1] == "LONG?\n":
            return client.sendall(frame(3, 4, 0, b"message too large"))
        return super().reply(client, number, answers)


def test_an_error_of_the_protocol_is_not_waited_out() -> None:
    with Refusing() as tool:
        link = tool.link(2.0)
        link.ask("A?")
        began = time.monotonic()
        with pytest.raises(Garbled):
            link.ask("LONG?")
        assert time.monotonic() - began < 1.0
        assert link.ask("A?") == "7"
        link.close()


class Boasting(HislipRogue):
    """Announces a message of 64 MiB where an empty one belongs."""

    def aside(self, client: socket.socket, kind: int) -> None:
        client.sendall(struct.pack("!2sBBIQ", b"HS", 13, 0, 0, 1 << 26))


def test_memory_is_not_set_aside_for_what_is_only_announced() -> None:
    with Boasting() as tool:
        tracemalloc.start()
        try:
            with pytest.raises(NotConnected):
                tool.link().ask("A?")
            assert tracemalloc.get_traced_memory()[1] < 1 << 24
        finally:
            tracemalloc.stop()


# ---------------------------------------------------------------- VXI-11
class Locked(Vxi11Rogue):
    """Takes a message and then gives its lock to somebody else."""

    def read(self) -> bytes:
        return piece(b"", 0, 11) if self.heard[-1].startswith("B 1") else super().read()


def test_a_lock_met_after_the_command_leaves_its_outcome_unknown() -> None:
    with Locked() as tool:
        link = tool.link()
        link.ask("A?")
        with pytest.raises(InstrumentError) as caught:
            link.command("B 1")
        assert caught.value.outcome_unknown
        assert not caught.value.retryable
        link.close()


class Crumbling(Vxi11Rogue):
    """Sends each record in fragments of three bytes, some of them empty."""

    def record(self, client: socket.socket, number: int, result: bytes) -> None:
        whole = record(number, result)[4:]
        for start in range(0, len(whole), 3):
            part = whole[start : start + 3]
            last = 0x8000_0000 if start + 3 >= len(whole) else 0
            client.sendall(struct.pack("!I", 0) + struct.pack("!I", last | len(part)) + part)


def test_records_in_fragments_are_put_together() -> None:
    with Crumbling() as tool:
        link = tool.link(2.0)
        assert link.ask("A?") == "7"
        link.command("B 1")
        assert not any(one.error for one in link.exchanges)
        link.close()


class Swollen(Vxi11Rogue):
    """Announces a record longer than anything that was asked for."""

    def record(self, client: socket.socket, number: int, result: bytes) -> None:
        if self.heard and self.heard[-1] == "LONG?\n":
            client.sendall(struct.pack("!I", 0x7EFF_4700) + b"x" * 64)
        else:
            super().record(client, number, result)


def test_a_record_longer_than_what_was_asked_for_is_garbled_at_once() -> None:
    with Swollen() as tool:
        link = tool.link(2.0)
        link.ask("A?")
        began = time.monotonic()
        with pytest.raises(Garbled):
            link.ask("LONG?")
        assert time.monotonic() - began < 1.0
        link.close()


class PortMapper(Vxi11Rogue):
    """Says where the core channel listens, or falls silent, or hangs up."""

    def __init__(self, where: int, mood: str = "") -> None:
        self.where, self.mood = where, mood

    def result(self, procedure: int, arguments: bytes) -> bytes:
        if self.mood == "hang up":
            raise EOFError
        if self.mood == "silent":
            threading.Event().wait(5)
        return struct.pack("!I", self.where)


def unported() -> Link:
    """A link that has to ask where the core channel is."""
    return Link("TCPIP::127.0.0.1::inst0::INSTR", timeout_s=0.5)


def test_a_core_channel_is_found_by_its_portmapper(monkeypatch: pytest.MonkeyPatch) -> None:
    with Vxi11Rogue() as tool, PortMapper(tool.port) as mapper:
        monkeypatch.setattr(rpc, "PMAP_PORT", mapper.port)
        link = unported()
        assert link.ask("A?") == "7"
        link.close()


@pytest.mark.parametrize("mood", ["hang up", "silent", ""])
def test_a_portmapper_that_knows_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    with PortMapper(0, mood) as mapper:
        monkeypatch.setattr(rpc, "PMAP_PORT", mapper.port)
        began, cpu = time.monotonic(), time.thread_time()
        with pytest.raises(NotConnected):
            unported().ask("A?")
        assert time.monotonic() - began < 1.2
        assert time.thread_time() - cpu < 0.1


# ---------------------------------------------------------------- what an answer says
class Stammering(RawRogue):
    """Says a second time that it is done, when the next question has come."""

    def reply(self, client: socket.socket, answers: list[bytes]) -> None:
        if "*OPC?" in "".join(self.heard[-2:-1]):
            client.sendall(b"1\n")
            time.sleep(0.05)
        super().reply(client, answers)


def test_a_second_yes_is_no_error_of_the_tool() -> None:
    with Stammering() as tool:
        link = tool.link()
        with pytest.raises(Garbled):
            link.command("B 1")
        assert link.ask("A?") == "7"
        link.close()


LONG_NUMBER = b"9" * 5000


class Counting(RawRogue):
    """Answers one question with more digits than a number has."""

    about = ""

    def answer(self, line: str) -> bytes:
        if line != self.about:
            return super().answer(line)
        return {"STAT?": b'IDLE,"","",1,2,' + LONG_NUMBER, "SYST:ERR?": LONG_NUMBER + b',"x"'}.get(
            line, LONG_NUMBER
        ) + b"\n"


@pytest.mark.parametrize("about", ["STAT?", "SYST:ERR?", "*STB?", "JOB:STAT?"])
def test_a_number_without_end_is_garbled(about: str) -> None:
    with Counting() as tool:
        link = tool.link()
        driver: Any = type("Any", (ScpiTool,), {})(link)
        link.ask("A?")
        tool.about = about
        calls = {"STAT?": driver.status, "*STB?": link.status_byte}
        with pytest.raises(Garbled):
            calls.get(about, lambda: link.command("B 1"))() if about != "JOB:STAT?" else (
                driver.finite(LONG_NUMBER.decode())
            )
        tool.about = ""
        assert link.ask("A?") == "7"
        link.close()


# ---------------------------------------------------------------- what stays behind
class Mute(HislipRogue):
    """Takes connections and hangs up on whoever says who he is."""

    def serve(self, client: socket.socket) -> None:
        client.recv(1)


def open_files() -> int:
    """How many this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("wire", ["socket", "hislip", "vxi11"])
def test_failed_openings_leave_no_file_behind(wire: Any) -> None:
    with Mute() as tool:
        tool.wire = wire
        link = tool.link(0.2)
        gc.collect()
        gc.disable()
        try:
            before = open_files()
            for _ in range(20):
                with pytest.raises(NotConnected):
                    link.ask("A?")
            # The tool's own ends stay open in this process.
            ours = open_files() - before - len(tool._open) + 1
            assert ours <= 2
        finally:
            gc.enable()
