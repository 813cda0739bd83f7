"""One simulated fab for the whole session, in a process of its own, and tools to reach it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from instruments.catalogue import TOOLS, open_tool
from instruments.driver import ScpiTool
from instruments.fab.control import FabControl
from instruments.fab.kinds import NAMES
from instruments.jobs import Done, Outcome, Progress, StepOrder, WaferOrder

WIRES = ("socket", "hislip", "vxi11")
KINDS = tuple(TOOLS)
LITHO = ("scanner", "track", "cd_sem")
FAST = 4000.0
COAT = {"operation": "coat", "resist": "ARF-1"}
DEVELOP = {"operation": "develop"}
FEM = {
    "reticle": "TB-40",
    "layout": {
        "kind": "fem", "dose_start": 24.0, "dose_step": 2.0, "dose_count": 7,
        "focus_start": -100.0, "focus_step": 20.0, "focus_count": 11,
    },
}  # fmt: skip
MEASURE = {"target_nm": 40.0}
_numbers = count(1)
unhurried = settings(deadline=None, max_examples=40)
"""For property tests: a busy machine is no counter-example."""


@dataclass(frozen=True)
class Fab:
    """The running fab: its addresses and its control channel."""

    ports: dict[str, Any]
    control: FabControl
    pid: int

    def resource(self, kind: str, wire: str) -> str:
        """The VISA resource name of a tool on a wire."""
        return str(self.ports["tools"][NAMES[kind]]["resources"][wire])

    def serial(self, kind: str) -> str:
        """The tool's serial number."""
        return str(self.ports["tools"][NAMES[kind]]["serial"])

    def tool(self, kind: str, wire: str = "hislip", timeout_s: float = 1.0) -> ScpiTool:
        """A driver on a link of its own."""
        tool = open_tool(kind, self.resource(kind, wire), self.serial(kind))
        tool.link.timeout_s = timeout_s
        return tool

    def reset_settings(self) -> None:
        """Every tool's settings as after power-on, whatever the test before left."""
        self._tell_all(b"*CLS\n*RST\n*OPC?\n")

    def free_ports(self) -> None:
        """Every tool made safe, its load port empty."""
        self._tell_all(b"SAFE\nCARR:UND\n*OPC?\n")

    def _tell_all(self, lines: bytes) -> None:
        for kind in KINDS:
            port = self.ports["tools"][NAMES[kind]]["ports"]["socket"]
            with _patiently_connected(port) as raw:
                raw.sendall(lines)
                assert raw.recv(10) == b"1\n"

    def carrier(self, wafers: int = 1) -> tuple[str, list[WaferOrder]]:
        """A fresh carrier in the stocker with fresh wafers from slot 1 up."""
        number = next(_numbers)
        orders = [WaferOrder(k, f"W{number}-{k:02d}") for k in range(1, wafers + 1)]
        carrier_id = f"FOUP-{number}"
        self.control.deliver(carrier_id, {one.slot: one.wafer_id for one in orders})
        return carrier_id, orders


def _patiently_connected(port: int, limit_s: float = 3.0) -> socket.socket:
    """A tool that was power-cycled refuses connections until it has booted."""
    ends = time.monotonic() + limit_s
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)


def finish(tool: ScpiTool, kind: str, order: StepOrder, limit_s: float = 10.0) -> Outcome:
    """Begin a step and poll it to its end."""
    program, ends = TOOLS[kind].program, time.monotonic() + limit_s
    outcome = program.begin(tool, order)
    while isinstance(outcome, Progress):
        assert time.monotonic() < ends, f"{order.title} does not end: {outcome}"
        time.sleep(min(outcome.poll_after_s, 0.1))
        outcome = program.poll(tool, order, outcome.handle)
    return outcome


def with_tokens(steps: list[StepOrder]) -> list[StepOrder]:
    """The steps as a run engine would store them."""
    return [replace(step, token=uuid4().hex) for step in steps]


def carry_out(
    tool: ScpiTool, kind: str, recipe: dict[str, Any], wafers: list[WaferOrder], carrier: str
) -> list[Done]:
    """A whole run; every step must succeed."""
    results = []
    for step in with_tokens(TOOLS[kind].program.plan(recipe, wafers, carrier)):
        outcome = finish(tool, kind, step)
        assert isinstance(outcome, Done), (step, outcome)
        results.append(outcome)
    return results


@pytest.fixture(scope="session")
def fab_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fab]:
    """The fab, started once."""
    ports_file = tmp_path_factory.mktemp("fab") / "ports.json"
    command = [sys.executable, "-m", "instruments.fab", "--scale", str(FAST), "--seed", "5"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([*command, "--ports-file", str(ports_file)], cwd=root) as process:
        try:
            ends = time.monotonic() + 20
            while not ports_file.exists():
                assert process.poll() is None, "the fab did not start"
                assert time.monotonic() < ends, "the fab opened no ports"
                time.sleep(0.02)
            ports = json.loads(ports_file.read_text())
            yield Fab(ports, FabControl(ports["host"], ports["control_port"]), process.pid)
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.fixture
def fab(fab_process: Fab) -> Iterator[Fab]:
    """The fab, fast and without faults; every tool's port is free afterwards."""
    fab_process.reset_settings()
    yield fab_process
    fab_process.control.clear_faults()
    fab_process.control.rescale(FAST)
    fab_process.free_ports()


@pytest.fixture
def no_faults(fab_process: Fab) -> Iterator[Fab]:
    """The fab for tests that leave the tools' carriers alone."""
    fab_process.reset_settings()
    yield fab_process
    fab_process.control.clear_faults()
