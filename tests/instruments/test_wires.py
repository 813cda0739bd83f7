"""Protocol details of the simulated wires, spoken to by PyVISA itself and byte by byte."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa_py.sessions import Session
from pyvisa_py.tcpip import TCPIPInstrSession, TCPIPSocketSession

from instruments import strict_socket
from instruments.visa_wire import VISA_FAILURES
from tests.instruments.conftest import WIRES, Fab


@pytest.fixture(params=WIRES)
def visa(request: pytest.FixtureRequest, no_faults: Fab) -> Iterator[Any]:
    """A plain PyVISA session with the scanner on each wire."""
    session: Any = pyvisa.ResourceManager("@py").open_resource(
        no_faults.resource("scanner", request.param), timeout=500, open_timeout=1000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    yield session
    session.close()


def test_plain_pyvisa_works(visa: Any, no_faults: Fab) -> None:
    assert visa.query("*IDN?").split(",")[2] == no_faults.serial("scanner")
    visa.write("LAY:DOSE:STAR 31")
    assert visa.query("LAY:DOSE:STAR?") == "31"
    visa.write("LAY:DOSE:STAR 30")
    assert visa.query_ascii_values("LAY:DOSE:STAR?") == [30.0]
    assert visa.query_binary_values("DIAG:BLOC? 1000", datatype="f") == list(range(1000))


def test_several_commands_in_one_message_are_answered_in_order(visa: Any) -> None:
    visa.write("*IDN?\nLAY:KIND?\n*OPC?")
    answers: list[str] = []
    while len(answers) < 3:
        answers += visa.read_raw().decode().splitlines()
    assert [answers[0][:6], *answers[1:]] == ["SIMFAB", "UNI", "1"]


def test_a_message_in_many_pieces_is_one_message(no_faults: Fab) -> None:
    port = no_faults.ports["tools"]["SCN-1"]["ports"]["socket"]
    with socket.create_connection(("127.0.0.1", port), timeout=1) as raw:
        for byte in b"LAY:KIND?\n":
            raw.sendall(bytes([byte]))
            time.sleep(0.002)
        assert raw.recv(100) == b"UNI\n"


@pytest.mark.parametrize("wire", ["hislip", "vxi11"])
def test_device_clear_drops_a_late_answer(no_faults: Fab, wire: str) -> None:
    session: Any = pyvisa.ResourceManager("@py").open_resource(
        no_faults.resource("scanner", wire), timeout=150, open_timeout=1000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    no_faults.control.fault("SCN-1", wire, "delay", seconds=0.4, match="LAY:KIND?")
    session.write("LAY:KIND?")
    with pytest.raises(pyvisa.VisaIOError) as caught:
        session.read()
    assert caught.value.error_code == StatusCode.error_timeout
    session.clear()
    assert session.query("ILL:MODE?") == "ANN"
    time.sleep(0.4)
    assert session.query("LAY:FOC:COUN?") == "1"
    session.close()


@pytest.mark.parametrize("wire", ["hislip", "vxi11"])
def test_the_status_byte_is_read_beside_the_messages(no_faults: Fab, wire: str) -> None:
    session: Any = pyvisa.ResourceManager("@py").open_resource(
        no_faults.resource("scanner", wire), timeout=500, open_timeout=1000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    session.query("*OPC?")
    assert session.read_stb() == 0
    session.write("NO:SUCH")
    session.query("*OPC?")
    assert session.read_stb() & 4
    session.write("*CLS")
    session.query("*OPC?")
    assert session.read_stb() == 0
    session.close()


@pytest.mark.parametrize("wire", ["hislip", "vxi11"])
def test_the_status_byte_says_when_an_answer_waits_and_not_before(
    no_faults: Fab, wire: str
) -> None:
    session: Any = pyvisa.ResourceManager("@py").open_resource(
        no_faults.resource("scanner", wire), timeout=500, open_timeout=1000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    no_faults.control.fault("SCN-1", wire, "delay", seconds=0.2, match="LAY:KIND?")
    session.write("LAY:KIND?")
    assert session.read_stb() == 0
    ends = time.monotonic() + 2
    while not session.read_stb() & 16:
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert session.read() == "UNI"
    assert session.read_stb() == 0
    session.close()


def test_without_a_link_vxi11_does_nothing(no_faults: Fab) -> None:
    port = no_faults.ports["tools"]["SCN-1"]["ports"]["vxi11"]
    link = struct.pack("!iII", 1, 0, 0) + struct.pack("!I", 5) + b"inst0\0\0\0"
    status = struct.pack("!iIII", 1, 0, 0, 100)
    with socket.create_connection(("127.0.0.1", port), timeout=2) as raw:
        errors = []
        for number, (procedure, arguments) in enumerate(
            [(13, status), (10, link), (13, status), (23, struct.pack("!i", 1)), (13, status)]
        ):
            errors.append(struct.unpack("!I", _rpc(raw, number + 1, procedure, arguments)[:4])[0])
    assert errors == [4, 0, 0, 0, 4]


def test_a_vxi11_lock_keeps_others_out(no_faults: Fab) -> None:
    manager = pyvisa.ResourceManager("@py")
    name = no_faults.resource("scanner", "vxi11")
    first: Any = manager.open_resource(name, timeout=300, write_termination="\n")
    second: Any = manager.open_resource(name, timeout=300, write_termination="\n")
    first.lock_excl()
    with pytest.raises(pyvisa.VisaIOError):
        second.query("*IDN?")
    assert no_faults.tool("scanner", "hislip").connect()
    first.unlock()
    first.close()
    time.sleep(0.05)
    assert second.query("*IDN?").startswith("SIMFAB")
    second.close()


def test_io_timeout_is_the_tools_own_answer(no_faults: Fab) -> None:
    """A read that asks for 100 ms is answered with VXI-11 error 15 after 100 ms."""
    port = no_faults.ports["tools"]["SCN-1"]["ports"]["vxi11"]
    with socket.create_connection(("127.0.0.1", port), timeout=2) as raw:
        _rpc(raw, 1, 10, struct.pack("!iII", 1, 0, 0) + struct.pack("!I", 5) + b"inst0\0\0\0")
        began = time.monotonic()
        answer = _rpc(raw, 2, 12, struct.pack("!iIIIii", 1, 100, 100, 0, 0, 0))
        assert 0.09 < time.monotonic() - began < 0.3
        assert struct.unpack("!I", answer[:4])[0] == 15


def _rpc(raw: socket.socket, number: int, procedure: int, arguments: bytes) -> bytes:
    head = struct.pack("!IIIIII", number, 0, 2, 0x0607AF, 1, procedure) + struct.pack(
        "!IIII", 0, 0, 0, 0
    )
    call = head + arguments
    raw.sendall(struct.pack("!I", 0x8000_0000 | len(call)) + call)
    answer = raw.recv(4096)
    assert struct.unpack("!I", answer[4:8])[0] == number
    return answer[28:]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("nonsense", [b"\x00" * 64, b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n"])
def test_nonsense_from_one_client_hurts_no_other(
    no_faults: Fab, wire: str, nonsense: bytes
) -> None:
    tool = no_faults.tool("scanner", wire)
    tool.connect()
    port = no_faults.ports["tools"]["SCN-1"]["ports"][wire]
    with socket.create_connection(("127.0.0.1", port), timeout=1) as raw:
        raw.sendall(nonsense)
        time.sleep(0.05)
    assert tool.link.ask("LAY:KIND?") == "UNI"
    tool.link.command("*CLS")


def test_what_visa_is_known_to_raise_leaves_signals_alone() -> None:
    assert not any(issubclass(Exception, kind) for kind in VISA_FAILURES)


@pytest.fixture
def stock() -> Iterator[pyvisa.ResourceManager]:
    """PyVISA-py as it comes, without our sessions."""
    classes = Session._session_classes
    classes[(InterfaceType.tcpip, "SOCKET")] = TCPIPSocketSession
    classes[(InterfaceType.tcpip, "INSTR")] = TCPIPInstrSession
    yield pyvisa.ResourceManager("@py")
    strict_socket.install()


def test_why_strict_a_stock_session_opens_what_refuses(stock: pyvisa.ResourceManager) -> None:
    """When this fails, the library has been mended and our session may go."""
    stock.open_resource("TCPIP::127.0.0.1::1::SOCKET", open_timeout=200).close()


def test_why_strict_a_stock_session_spins_on_a_dead_connection(
    stock: pyvisa.ResourceManager, no_faults: Fab
) -> None:
    """The same fault that costs our session nothing burns a processor until the timeout."""
    session: Any = stock.open_resource(
        no_faults.resource("scanner", "socket"), timeout=300, write_termination="\n",
        read_termination="\n",
    )  # fmt: skip
    no_faults.control.fault("SCN-1", "socket", "close", match="LAY:KIND?")
    before = time.process_time()
    with pytest.raises(pyvisa.VisaIOError) as caught:
        session.query("LAY:KIND?")
    assert caught.value.error_code == StatusCode.error_timeout
    assert time.process_time() - before > 0.05
    session.close()


def test_why_strict_a_stock_session_answers_with_the_answer_before(
    stock: pyvisa.ResourceManager, no_faults: Fab
) -> None:
    session: Any = stock.open_resource(
        no_faults.resource("scanner", "socket"), timeout=100, write_termination="\n",
        read_termination="\n",
    )  # fmt: skip
    no_faults.control.fault("SCN-1", "socket", "delay", seconds=0.2, match="LAY:KIND?")
    with pytest.raises(pyvisa.VisaIOError):
        session.query("LAY:KIND?")
    time.sleep(0.2)
    assert session.query("ILL:MODE?") == "UNI"
    session.close()
