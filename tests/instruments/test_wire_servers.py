"""What the simulated wires owe a client that keeps the rules, and one that does not."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa

from instruments.fab.control import ControlError
from instruments.fab.faults import Faults
from instruments.fab.wires.channel import ToolPower
from instruments.fab.wires.raw_socket import SocketChannel
from tests.instruments.conftest import WIRES, Fab
from tests.instruments.rogues import DATA, DATA_END, exactly, frame
from tests.instruments.test_models import Bench


def connected(fab: Fab, wire: str) -> socket.socket:
    """A bare connection to the scanner."""
    port = fab.ports["tools"]["SCN-1"]["ports"][wire]
    return socket.create_connection(("127.0.0.1", port), timeout=3)


def message(client: socket.socket) -> tuple[int, int, int, bytes]:
    """The next HiSLIP message: kind, control, parameter, payload."""
    _, kind, control, parameter, length = struct.unpack("!2sBBIQ", exactly(client, 16))
    return kind, control, parameter, exactly(client, length)


@pytest.fixture
def channels(no_faults: Fab) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both HiSLIP channels of one client."""
    with connected(no_faults, "hislip") as sync, connected(no_faults, "hislip") as aside:
        sync.sendall(frame(0, 0, (0x0100 << 16) | 1, b"hislip0"))
        number = message(sync)[2] & 0xFFFF
        aside.sendall(frame(17, 0, number))
        assert message(aside)[0] == 18
        yield sync, aside


def test_a_client_gets_no_message_longer_than_it_takes(
    channels: tuple[socket.socket, socket.socket],
) -> None:
    sync, aside = channels
    aside.sendall(frame(15, 0, 0, struct.pack("!Q", 512)))
    assert message(aside)[0] == 16
    sync.sendall(frame(DATA_END, 0, 0xFFFF_FF00, b"DIAG:BLOC? 1000\n"))
    block, kind = b"", DATA
    while kind == DATA:
        kind, _, number, payload = message(sync)
        assert number == 0xFFFF_FF00
        assert 16 + len(payload) <= 512
        block += payload
    assert len(block) == 4000 + 6 + 1


def test_a_clear_in_the_middle_of_an_answer_leaves_the_channel_in_step(no_faults: Fab) -> None:
    session: Any = pyvisa.ResourceManager("@py").open_resource(
        no_faults.resource("scanner", "hislip"), timeout=1500, open_timeout=1000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    no_faults.control.fault("SCN-1", "hislip", "drip", seconds=0.05, match="LAY:KIND?")
    session.write("LAY:KIND?")
    time.sleep(0.4)
    session.clear()
    assert session.query("ILL:MODE?") == "ANN"
    session.close()


def flood(raw: socket.socket, piece: bytes) -> None:
    """Send it forty times."""
    for _ in range(40):
        raw.sendall(piece)


@pytest.mark.parametrize("wire", WIRES)
def test_a_message_without_end_holds_nobody_up(no_faults: Fab, wire: str) -> None:
    tool = no_faults.tool("track", "hislip", 2.0)
    tool.connect()
    endless = {
        "socket": b"x" * (1 << 20),
        "hislip": frame(DATA, 0, 0xFFFF_FF00, b"x" * (1 << 20)),
        "vxi11": struct.pack("!I", 1 << 20) + b"x" * (1 << 20),
    }[wire]
    with connected(no_faults, wire) as raw:
        if wire == "hislip":
            raw.sendall(frame(0, 0, (0x0100 << 16) | 1, b"hislip0"))
            message(raw)
        with pytest.raises(OSError):  # noqa: PT011 - whichever way the connection ends
            flood(raw, endless)
    assert tool.status().state


def call(procedure: int, arguments: bytes, program: int = 0x0607AF) -> bytes:
    """One remote call as a record."""
    head = struct.pack("!IIIIII", 1, 0, 2, program, 1, procedure) + bytes(16)
    return struct.pack("!I", 0x8000_0000 | len(head + arguments)) + head + arguments


def rpc(
    raw: socket.socket, procedure: int, arguments: bytes, program: int = 0x0607AF
) -> tuple[int, bytes]:
    """The accept status of a remote call, and its result."""
    raw.sendall(call(procedure, arguments, program))
    (mark,) = struct.unpack("!I", exactly(raw, 4))
    answer = exactly(raw, mark & 0x7FFF_FFFF)
    return struct.unpack_from("!I", answer, 20)[0], answer[24:]


LINK = struct.pack("!iII", 1, 0, 0) + struct.pack("!I", 5) + b"inst0\0\0\0"


def test_a_lock_keeps_others_from_reading_and_clearing_too(no_faults: Fab) -> None:
    with connected(no_faults, "vxi11") as first, connected(no_faults, "vxi11") as second:
        for raw in (first, second):
            assert rpc(raw, 10, LINK)[0] == 0
        assert rpc(first, 18, struct.pack("!iII", 1, 0, 0)) == (0, bytes(4))
        for procedure in (12, 14, 15):
            arguments = struct.pack("!iIIIii", 1, 100, 100, 0, 0, 0)
            _, result = rpc(second, procedure, arguments)
            assert struct.unpack_from("!I", result)[0] == 11
        assert rpc(first, 15, struct.pack("!iIII", 1, 0, 0, 100)) == (0, bytes(4))


def test_a_call_for_another_program_is_refused_in_the_protocols_words(no_faults: Fab) -> None:
    with connected(no_faults, "vxi11") as raw:
        assert rpc(raw, 0, b"") == (0, b"")
        assert rpc(raw, 10, LINK, program=100_000) == (1, b"")
        assert rpc(raw, 99, b"")[0] == 3
        assert rpc(raw, 10, LINK)[0] == 0


def test_a_port_that_is_taken_for_a_moment_is_opened_later() -> None:
    async def scene() -> bytes:
        channel = SocketChannel(ToolPower(Bench(wafers=0).tools["scanner"]), Faults(), 0)
        await channel.listen()
        opening = asyncio.ensure_future(channel.shut_for(0.05))
        await asyncio.sleep(0.01)
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", channel.port))
            squatter.listen()
            await asyncio.sleep(0.15)
        await asyncio.wait_for(opening, 2)
        reader, writer = await asyncio.open_connection("127.0.0.1", channel.port)
        writer.write(b"LAY:KIND?\n")
        answer = await reader.readline()
        writer.close()
        return answer

    assert asyncio.run(scene()) == b"UNI\n"


@pytest.mark.parametrize("fault", [{"tool": "NOBODY"}, {"wire": "gpib"}, {"match": 7}])
def test_a_fault_that_could_never_strike_is_refused(no_faults: Fab, fault: dict[str, Any]) -> None:
    aimed = {"tool": "SCN-1", "wire": "socket", "kind": "close", **fault}
    with pytest.raises(ControlError):
        no_faults.control.fault(**aimed)
    assert no_faults.control.faults() == []


def resident_mb(pid: int) -> float:
    """Megabytes of memory a process really has."""
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) / 1024


QUESTION = b"DIAG:BLOC? 1000000\n"


@pytest.mark.parametrize("wire", ["hislip", "vxi11"])
def test_whoever_asks_and_never_reads_fills_no_memory(no_faults: Fab, wire: str) -> None:
    before = resident_mb(no_faults.pid)
    with connected(no_faults, wire) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        raw.settimeout(0.3)
        if wire == "hislip":
            raw.sendall(frame(0, 0, (0x0100 << 16) | 1, b"hislip0"))
            asked = frame(DATA_END, 0, 0xFFFF_FF00, QUESTION)
        else:
            assert rpc(raw, 10, LINK)[0] == 0
            asked = call(11, struct.pack("!iIIII", 1, 100, 0, 8, 19) + QUESTION + b"\0")
            asked += call(12, struct.pack("!iIIIii", 1, 1 << 20, 100, 0, 0, 0)) * 4
        with contextlib.suppress(TimeoutError):
            for _ in range(100):
                raw.sendall(asked)
        time.sleep(1.0)
        assert resident_mb(no_faults.pid) - before < 120
