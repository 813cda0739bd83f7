"""How much of what PyVISA and a bare socket can do is left when the link is honest.

Each figure is measured beside its limit, in alternating rounds on the same simulated tool, so
that a busy machine slows both. Bare PyVISA means PyVISA-py's own sessions and a plain `query`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pyvisa  # noqa: TID251  # the bare library is the limit measured here
from pyvisa.constants import InterfaceType  # noqa: TID251
from pyvisa_py.sessions import Session
from pyvisa_py.tcpip import TCPIPInstrSession, TCPIPSocketSession

from bench.figure import Figure
from instruments import strict_socket
from instruments.link import Link, Wire

ROOT = Path(__file__).resolve().parents[1]
QUERY = "LAY:DOSE:STAR?"
SETTING = "LAY:DOSE:STAR 30"
NUMBERS = 100_000
ROUNDS = 5
QUERIES, SETS, BLOCKS = 400, 200, 8
START_S = 20.0


def figures() -> list[Figure]:
    """Queries a wire, checked settings, and a block of 100,000 numbers; all with n repetitions."""
    with _fab() as tool:
        found = [_queries(wire, tool["resources"][wire]) for wire in get_args(Wire)]
        found.append(_sets(tool["resources"]["hislip"]))
        found.append(_blocks(tool["resources"]["hislip"], tool["ports"]["socket"]))
        return found


def _queries(wire: Wire, resource: str) -> Figure:
    link, bare = Link(resource), bare_session(resource)
    ours, limit = _best(lambda: link.ask(QUERY), lambda: bare.query(QUERY), QUERIES)
    link.close()
    bare.close()
    return Figure(f"instruments.query_ratio.{wire}", 1 / ours, "1/s", 1 / limit, QUERIES * ROUNDS)


def _sets(resource: str) -> Figure:
    """A setting with its error check, beside the same two exchanges without any care."""
    link, bare = Link(resource), bare_session(resource)

    def careless() -> None:
        bare.query(f"{SETTING}\n*OPC?")
        bare.query("SYST:ERR?")

    ours, limit = _best(lambda: link.command(SETTING), careless, SETS)
    link.close()
    bare.close()
    return Figure("instruments.set_ratio", 1 / ours, "1/s", 1 / limit, SETS * ROUNDS)


def _blocks(resource: str, port: int) -> Figure:
    link, line = Link(resource, timeout_s=10.0), f"DIAG:BLOC? {NUMBERS}"
    with socket.create_connection(("127.0.0.1", port), timeout=10.0) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        expected = len(f"#6{4 * NUMBERS}") + 4 * NUMBERS + 1
        buffer = bytearray(expected)

        def plain() -> None:
            raw.sendall(line.encode() + b"\n")
            view = memoryview(buffer)
            while view:
                view = view[raw.recv_into(view) :]

        ours, limit = _best(lambda: link.block(line), plain, BLOCKS)
    link.close()
    return Figure("instruments.block_ms", 1e3 * ours, "ms", 1e3 * limit, BLOCKS * ROUNDS)


def _best(ours: Callable[[], object], limit: Callable[[], object], n: int) -> tuple[float, float]:
    """Seconds a call of both, each the best of its rounds; the rounds alternate."""
    ours()
    limit()
    rounds = [(_seconds(ours, n), _seconds(limit, n)) for _ in range(ROUNDS)]
    return min(pair[0] for pair in rounds), min(pair[1] for pair in rounds)


def _seconds(call: Callable[[], object], n: int) -> float:
    began = time.perf_counter()
    for _ in range(n):
        call()
    return (time.perf_counter() - began) / n


def bare_session(resource: str) -> Any:
    """A session of PyVISA-py's own making."""
    classes = Session._session_classes  # noqa: SLF001  # there is no public way back
    classes[(InterfaceType.tcpip, "SOCKET")] = TCPIPSocketSession
    classes[(InterfaceType.tcpip, "INSTR")] = TCPIPInstrSession
    try:
        return pyvisa.ResourceManager("@py").open_resource(
            resource, read_termination="\n", write_termination="\n", timeout=10_000
        )
    finally:
        strict_socket.install()


@contextmanager
def _fab() -> Iterator[dict[str, Any]]:
    """A simulated fab in a process of its own; yields the scanner's addresses."""
    with tempfile.TemporaryDirectory(prefix="bench-fab-") as folder:
        ports_file = Path(folder) / "ports.json"
        command = [sys.executable, "-m", "instruments.fab", "--ports-file", str(ports_file)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                wait_for(ports_file, process)
                scanner: dict[str, Any] = json.loads(ports_file.read_text())["tools"]["SCN-1"]
                yield scanner
            finally:
                process.terminate()


def wait_for(ports_file: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the simulated fab has written where it listens; RuntimeError when it does not."""
    ends = time.monotonic() + START_S
    while not ports_file.exists():
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError("the simulated fab did not start")
        time.sleep(0.02)
