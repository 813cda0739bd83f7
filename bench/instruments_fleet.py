"""Forty tools with 32 channels each at 10 Hz, logged at once by one process.

`instruments.fleet_late_ms`: the longest time from a sample's own moment to its commit.
`instruments.fleet_rss_growth`: the process's memory at the end over that when it had settled.
Ten minutes, or one with BENCH_QUICK=1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection, transaction

from bench.figure import Figure
from bench.instruments import ROOT, wait_for
from bench.instruments_log import quick
from bench.runs import people, quiet_bell
from instruments import housekeeping
from instruments.catalogue import open_tool
from testbed.booking.models import Allocation
from testbed.runs.models import Step
from testbed.runs.streams import Recorder
from testbed.tools.models import Tool
from tests.conftest import make_tool
from tests.runs.floor import lay

NAMES = ("instruments.fleet_late_ms", "instruments.fleet_rss_growth")
TOOLS, EVERY_S = 40, 0.4


def figures() -> Iterator[Figure]:
    """Both figures; n is how many samples were committed."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory(prefix="testbed-bench-") as folder, quiet_bell():
        yield from fleet_figures(Path(folder))


class Fleet:
    """One thread a tool, each with its own link and database connection."""

    def __init__(self, tools: dict[str, dict[str, Any]], steps: list[Step]) -> None:
        self.late_s = 0.0
        self.count = 0
        self.errors: list[str] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        wires = ("hislip", "vxi11", "socket")
        self._threads = [
            threading.Thread(
                target=self._log, args=(name, tool["resources"][wires[k % 3]], step, k)
            )
            for k, ((name, tool), step) in enumerate(zip(tools.items(), steps, strict=True))
        ]

    def run(self, seconds: float, settle_s: float) -> tuple[float, float]:
        """(memory after `settle_s`, memory at the end), in MiB."""
        for thread in self._threads:
            thread.start()
        time.sleep(settle_s)
        before = _rss_mib()
        time.sleep(seconds - settle_s)
        after = _rss_mib()
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        return before, after

    def _log(self, name: str, resource: str, step: Step, k: int) -> None:
        driver = open_tool("track", resource, f"SN-{name}")
        recorder = Recorder(step, driver, fence=transaction.atomic)
        try:
            # Not all at the same moment.
            self._over.wait(EVERY_S * k / TOOLS)
            recorder.look()
            self._follow(recorder)
        finally:
            driver.link.close()
            connection.close()

    def _follow(self, recorder: Recorder) -> None:
        first, began = recorder.after, time.monotonic()
        while not self._over.wait(EVERY_S) and recorder.is_on:
            oldest = recorder.after
            got = recorder.look()
            # Sample `first` was taken at `began`, or at most a tenth of a second later.
            late = time.monotonic() - began - (oldest - first) * housekeeping.STEP_S
            with self._lock:
                self.late_s = max(self.late_s, late if got else 0.0)
                self.count += got
        if not recorder.is_on:
            self.errors.append(str(recorder.step))


def fleet_figures(folder: Path) -> Iterator[Figure]:
    """Late: against one second; memory: against none of growth."""
    seconds, settle_s = (60.0, 20.0) if quick() else (600.0, 60.0)
    with _forty(folder) as tools:
        steps = _steps()
        fleet = Fleet(tools, steps)
        before, after = fleet.run(seconds, settle_s)
    expected = TOOLS * 32 * 10 * seconds
    if fleet.errors or fleet.count < 0.95 * expected:
        raise RuntimeError(f"{fleet.count} of {expected:.0f} samples; ended: {fleet.errors}")
    yield Figure("instruments.fleet_late_ms", fleet.late_s * 1e3, "ms", 1e3, fleet.count)
    yield Figure("instruments.fleet_rss_growth", after / before, "x", 1.0, fleet.count)


def _nowhere(k: int) -> Tool:
    """A tool whose runs nobody carries out, at an address where nobody answers."""
    return make_tool(
        f"fleet-{k}", kind="track", serial=f"SN-fleet-{k}",
        visa_resource=f"TCPIP::127.0.0.{k + 2}::1::SOCKET",
    )  # fmt: skip


def _steps() -> list[Step]:
    """A process step for each tool, of runs of 25 wafers that nobody carries out."""
    Allocation.objects.update(live=False)
    found: list[Step] = []
    staff = people()
    for k in range(-(-TOOLS // 25)):
        tools = {"track": _nowhere(k)}
        floor = lay(
            alice=staff["alice"], technician=staff["technician"],
            process_engineer=staff["process_engineer"], tools=tools, wafers=25,
        )  # fmt: skip
        run = floor.start("coat", range(1, 26))
        found += run.steps.filter(is_process=True)
    return found[:TOOLS]


@contextmanager
def _forty(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """A fab of forty tracks in a process of its own; their addresses by name."""
    names = [f"T{k:02}" for k in range(TOOLS)]
    config, ports = folder / "forty.json", folder / "forty-ports.json"
    tools = [
        {"kind": "track", "name": name, "serial": f"SN-{name}", "seed": k,
         "wires": {"socket": 0, "hislip": 0, "vxi11": 0}}
        for k, name in enumerate(names)
    ]  # fmt: skip
    config.write_text(json.dumps({"tools": tools, "seed": 1, "scale": 1.0}))
    command = [sys.executable, "-m", "instruments.fab", "--config", str(config)]
    with subprocess.Popen([*command, "--ports-file", str(ports)], cwd=ROOT) as process:
        try:
            wait_for(ports, process)
            yield json.loads(ports.read_text())["tools"]
        finally:
            process.terminate()


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
